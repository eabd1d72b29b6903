//! Base models and instruct models write differently: what a detector finds of the one says little of the other.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Families of which only base models were ever published under the plain name.
const BASE_FAMILIES: [&str; 5] = ["gpt2", "gptneo", "gptj", "bloom", "pythia"];
/// Names that mean the base model where the family has chat or instruct models too.
const BASE_NAMES: [&str; 9] = ["babbage", "curie", "davinci", "gpt3", "gpt-3", "llama", "falcon", "mpt", "opt"];
/// Generators that benchmarks call by what was written instead of by what wrote it. `llm-paper` are the papers of 2021 among
/// ZipPy's samples, by their names (`2110.10319_generated.txt`) those of Liyanage et al., "A Benchmark Corpus for the
/// Detection of Automatically Generated Text in Academic Publications" (LREC 2022): continued or in part replaced by GPT-2.
const BASE_CORPORA: [&str; 1] = ["llm-paper"];
/// What tuned models of these families are called.
const TUNED: [&str; 5] = ["instruct", "chat", "bloomz", "sft", "dpo"];

/// How a model was trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GeneratorKind {
    /// On text alone: it continues what it is given.
    Base,
    /// To follow instructions as well.
    Instruct,
}

impl GeneratorKind {
    /// By the generator's name. Base models are those of [`BASE_FAMILIES`], whatever stands behind it, but for the
    /// tuned ones, [`BASE_CORPORA`], and those called by a name of [`BASE_NAMES`] with at most a size behind it: `falcon-7b` and
    /// `gpt3-175b` are, `falcon-7b-instruct`, `gpt3.5`, `text_davinci_003` and `llama-2-70b`, as which benchmarks list
    /// the chat model, are not.
    pub fn of(generator: &str) -> Self {
        let name = generator.to_lowercase().replace(['_', ' '], "-");
        let joined = name.replace('-', "");
        let is_sized = |base: &&str| name.strip_prefix(*base).is_some_and(is_size);
        let is_base = BASE_FAMILIES.iter().any(|family| joined.starts_with(family))
            || BASE_NAMES.iter().any(is_sized)
            || BASE_CORPORA.contains(&name.as_str());
        let is_tuned = TUNED.iter().any(|mark| joined.contains(mark));
        if is_base && !is_tuned { GeneratorKind::Base } else { GeneratorKind::Instruct }
    }
}

/// Nothing, or parameters in millions or billions: `7b`, `2.7b`, `125m`.
fn is_size(rest: &str) -> bool {
    let number = rest.trim_start_matches('-').strip_suffix(['b', 'm']);
    rest.is_empty() || number.is_some_and(|number| number.parse::<f32>().is_ok())
}

impl fmt::Display for GeneratorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            GeneratorKind::Base => "base models",
            GeneratorKind::Instruct => "instruct models",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_models_are_told_by_name() {
        let base =
            ["gpt2", "gpt2-xl", "gpt-j-6B", "gpt-neox-20b", "gptneo", "gptj", "opt-2.7b", "falcon-7b", "davinci"];
        for name in base.into_iter().chain(["gpt3", "gpt3-175b", "llama", "LLaMA-7B", "bloom-7b1", "llm-paper"]) {
            assert_eq!(GeneratorKind::of(name), GeneratorKind::Base, "{name}");
        }
        let instruct = ["gpt-3.5-turbo", "gpt3.5", "text_davinci_003", "flan_t5_xxl", "ChatGPT", "Llama-2-70b"];
        for name in instruct.into_iter().chain(["falcon-7b-instruct", "bloomz", "llama4-maverick", "optimus", ""]) {
            assert_eq!(GeneratorKind::of(name), GeneratorKind::Instruct, "{name}");
        }
    }
}
