//! Measuring a pack, or one stage of it, on labelled texts or images.
//!
//! [`dataset`] reads the samples, the caller scores them into [`Row`]s, [`report`] says how good the scores are.

pub mod attack;
pub mod dataset;
pub mod distortion;
pub mod generator;
pub mod metrics;
mod progress;
pub mod quality;
pub mod report;
pub mod rows;
pub mod table;

pub use attack::Attack;
pub use dataset::{DatasetError, Label, Sample, SampleContent, stratified};
pub use distortion::Distortion;
pub use generator::GeneratorKind;
pub use metrics::Scores;
pub use progress::RowProgress;
pub use quality::{Against, Quality};
pub use report::{Report, Run};
pub use rows::Measured;

use scan::Verdict;
use serde::{Deserialize, Serialize};

/// One labelled text or image and what was said of it. It does not hold the content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The data set's name for it.
    pub id: String,
    /// Where it comes from.
    pub source: String,
    /// The model or camera that made it, where the data set says so.
    pub generator: Option<String>,
    /// How it was written, where the data set says so.
    pub style: Option<String>,
    /// What kind of text it is, where the data set says so.
    pub genre: Option<String>,
    /// The truth.
    pub label: Label,
    /// What was done to the image before it was judged.
    #[serde(default)]
    pub distortion: Distortion,
    /// What was done to the text before it was judged.
    #[serde(default)]
    pub attack: Attack,
    /// A text's length in words.
    pub words: Option<usize>,
    /// Probability of AI. `None` where the stage had too little to go by.
    pub score: Option<f64>,
    /// The pack's verdict; `None` where a stage alone is measured.
    pub verdict: Option<Verdict>,
}

impl Row {
    /// Whether the content was judged as the data set has it.
    pub fn is_untreated(&self) -> bool {
        self.distortion == Distortion::None && self.attack == Attack::None
    }
}

#[cfg(test)]
impl Row {
    /// A text of 120 words that was judged as it is, and accused from 0.9 on.
    pub(crate) fn scored(source: &str, label: Label, score: f64) -> Self {
        Row {
            id: String::new(),
            source: source.to_owned(),
            generator: None,
            style: None,
            genre: None,
            label,
            distortion: Distortion::None,
            attack: Attack::None,
            words: Some(120),
            score: Some(score),
            verdict: (score >= 0.9).then_some(Verdict::AiGenerated),
        }
    }
}
