//! The `roberta` stage: an encoder fine-tuned to tell human from AI text.

use crate::files::ModelFiles;
use crate::models::bert::Bert;
use crate::models::roberta::{Config, Roberta};
use crate::models::{Packed, SequenceClassifier};
use crate::scheduler::{Model, Worker};
use crate::windows::{Tokens, windows};
use crate::{EngineError, budget, dtype};
use candle_core::{DType, Device};
use scan::pack::{Architecture, Format, ModelSpec};
use scan::{Features, Reading, Stage, Window};
use std::path::Path;
use std::sync::Arc;
use tokenizers::Tokenizer;

/// The stage, loaded.
pub struct Encoder {
    tokenizer: Arc<Tokenizer>,
    /// Special tokens before and after each window: `[CLS]` … `[SEP]`, `<s>` … `</s>`.
    frame: (Vec<u32>, Vec<u32>),
    worker: Worker<f64>,
    window: usize,
    max_windows: usize,
}

/// A two-label classifier, and which of its labels is AI.
struct Detector {
    classifier: Box<dyn SequenceClassifier>,
    ai: usize,
}

impl Model for Detector {
    /// Logit of AI minus logit of human: the log-odds, in nats.
    type Output = f64;

    fn run(&self, batch: &Packed) -> Result<Vec<f64>, EngineError> {
        let logits = self.classifier.logits(batch)?.to_dtype(DType::F32)?.to_vec2::<f32>()?;
        Ok(logits.iter().map(|l| f64::from(l[self.ai]) - f64::from(l[1 - self.ai])).collect())
    }
}

impl Encoder {
    /// Verifies and loads the classifier and its tokenizer below `root`.
    pub fn load(spec: &ModelSpec, root: &Path, device: &Device) -> Result<Self, EngineError> {
        let unsupported = |reason: String| EngineError::Unsupported { stage: Stage::Roberta, reason };
        let files = ModelFiles::verify(root, &spec.files, &spec.directory)?;
        let config: Config = files.config()?;
        let ai = ai_label(&config).map_err(unsupported)?;
        let dtype = dtype(device);
        let classifier: Box<dyn SequenceClassifier> = match (spec.architecture, spec.format) {
            (Architecture::Bert, Format::Safetensors) => {
                Box::new(files.load(dtype, device, |vb| Bert::load(vb, &config))?)
            }
            (Architecture::Roberta, Format::Safetensors) => {
                Box::new(files.load(dtype, device, |vb| Roberta::load(vb, &config))?)
            }
            (architecture, format) => {
                return Err(unsupported(format!("{architecture:?} from {format:?} is not a classifier it can load")));
            }
        };
        let tokenizer = files.tokenizer()?;
        let frame = frame(&tokenizer)?;
        let longest = classifier.max_tokens();
        if spec.window + frame.0.len() + frame.1.len() > longest {
            return Err(unsupported(format!("a window of {} exceeds its {longest} positions", spec.window)));
        }
        Ok(Self {
            tokenizer: Arc::new(tokenizer),
            frame,
            worker: Worker::start(Stage::Roberta.name(), budget(device), Detector { classifier, ai })?,
            window: spec.window,
            max_windows: spec.max_windows,
        })
    }

    /// Classifies each window of a text; no windows when it has no token.
    pub async fn read(&self, text: &str) -> Result<Reading, EngineError> {
        let tokens = Tokens::of(&self.tokenizer, text).await?;
        let windows = windows(tokens.ids.len(), self.window, self.max_windows);
        let (before, after) = &self.frame;
        let sequences = windows.iter().map(|window| [before, &tokens.ids[window.clone()], after].concat());
        let logits = self.worker.run(sequences.collect()).await?;
        let windows = windows.iter().zip(logits).map(|(window, logit)| Window {
            chars: tokens.span(window),
            tokens: window.len(),
            features: Features::from([("logit".into(), logit), ("log_tokens".into(), (window.len() as f64).ln())]),
        });
        Ok(Reading { windows: windows.collect(), segments: Vec::new() })
    }
}

/// The index of the label that says AI, by its name in `id2label`; 1 where the labels have no telling names.
fn ai_label(config: &Config) -> Result<usize, String> {
    const AI: [&str; 8] = ["ai", "fake", "machine", "generated", "chatgpt", "gpt", "llm", "synthetic"];
    const HUMAN: [&str; 2] = ["human", "real"];
    if config.labels() != 2 {
        return Err(format!("it tells {} labels apart, not human from AI", config.labels()));
    }
    let named = |index: usize, names: &[&str]| {
        let label = config.id2label.as_ref().and_then(|labels| labels.get(&index));
        label.is_some_and(|label| {
            let label = label.to_lowercase();
            label.split(|c: char| !c.is_alphabetic()).any(|word| names.contains(&word))
        })
    };
    let zero_is_ai = (named(0, &AI) && !named(0, &HUMAN)) || (named(1, &HUMAN) && !named(1, &AI));
    Ok(if zero_is_ai { 0 } else { 1 })
}

/// The special tokens that the tokenizer's template puts before and after a text.
fn frame(tokenizer: &Tokenizer) -> Result<(Vec<u32>, Vec<u32>), EngineError> {
    let probe = tokenizer.encode("a", true).map_err(|e| EngineError::Tokenizer(e.to_string()))?;
    let (ids, special) = (probe.get_ids(), probe.get_special_tokens_mask());
    let before = special.iter().take_while(|&&s| s == 1).count();
    let after = special[before..].iter().rev().take_while(|&&s| s == 1).count();
    Ok((ids[..before].to_vec(), ids[ids.len() - after..].to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ai_label_is_found_by_name() {
        let label = |zero: &str, one: &str| {
            let json = serde_json::json!({
                "vocab_size": 1, "hidden_size": 1, "num_hidden_layers": 1, "num_attention_heads": 1,
                "intermediate_size": 1, "hidden_act": "gelu", "max_position_embeddings": 1,
                "type_vocab_size": 1, "layer_norm_eps": 1e-12, "id2label": {"0": zero, "1": one},
            });
            ai_label(&serde_json::from_value(json).unwrap()).unwrap()
        };
        assert_eq!(label("human", "ai_generated"), 1);
        assert_eq!(label("Fake", "Real"), 0);
        assert_eq!(label("Human-written", "ChatGPT"), 1);
        assert_eq!(label("machine", "human"), 0);
        assert_eq!(label("LABEL_0", "LABEL_1"), 1);
    }
}
