//! The labels of a classifier, and which of them says AI.

use serde::Deserialize;
use std::collections::BTreeMap;

/// `id2label` of HF's `config.json`: names by index. Its default is two unnamed labels.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Labels(Option<BTreeMap<usize, String>>);

impl Labels {
    /// How many labels the classifier tells apart.
    pub fn count(&self) -> usize {
        self.0.as_ref().map_or(2, BTreeMap::len)
    }

    /// The index of the label that says AI, by its name; 1 where the labels have no telling names. An error, in words,
    /// when there are not two labels.
    pub fn ai(&self) -> Result<usize, String> {
        const AI: [&str; 10] =
            ["ai", "fake", "deepfake", "artificial", "machine", "generated", "chatgpt", "gpt", "llm", "synthetic"];
        const HUMAN: [&str; 5] = ["human", "hum", "real", "realism", "authentic"];
        if self.count() != 2 {
            return Err(format!("it tells {} labels apart, not human from AI", self.count()));
        }
        let named = |index: usize, names: &[&str]| {
            let label = self.0.as_ref().and_then(|labels| labels.get(&index));
            label.is_some_and(|label| {
                let label = label.to_lowercase();
                label.split(|c: char| !c.is_alphabetic()).any(|word| names.contains(&word))
            })
        };
        let zero_is_ai = (named(0, &AI) && !named(0, &HUMAN)) || (named(1, &HUMAN) && !named(1, &AI));
        Ok(if zero_is_ai { 0 } else { 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ai_label_is_found_by_name() {
        let ai = |zero: &str, one: &str| {
            let json = serde_json::json!({"0": zero, "1": one});
            serde_json::from_value::<Labels>(json).unwrap().ai().unwrap()
        };
        assert_eq!(ai("human", "ai_generated"), 1);
        assert_eq!(ai("Fake", "Real"), 0);
        assert_eq!(ai("Human-written", "ChatGPT"), 1);
        assert_eq!(ai("machine", "human"), 0);
        assert_eq!(ai("artificial", "human"), 0);
        assert_eq!(ai("Realism", "Deepfake"), 1);
        assert_eq!(ai("LABEL_0", "LABEL_1"), 1);
        assert_eq!(Labels::default().ai(), Ok(1));
        assert!(serde_json::from_str::<Labels>(r#"{"0": "cat"}"#).unwrap().ai().is_err());
    }
}
