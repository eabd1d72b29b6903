//! Measuring a pack, or one stage of it, on labelled texts or images.
//!
//! [`dataset`] reads the samples, the caller scores them into [`Row`]s, [`report`] says how good the scores are.

pub mod dataset;
pub mod distortion;
pub mod metrics;
mod progress;
pub mod report;
mod table;

pub use dataset::{DatasetError, Label, Sample, SampleContent, stratified};
pub use distortion::Distortion;
pub use metrics::Scores;
pub use progress::RowProgress;
pub use report::{Report, Run};

use scan::Verdict;
use serde::Serialize;

/// One labelled text or image and what was said of it. It does not hold the content.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The data set's name for it.
    pub id: String,
    /// Where it comes from.
    pub source: String,
    /// How it was written, where the data set says so.
    pub style: Option<String>,
    /// The truth.
    pub label: Label,
    /// What was done to the image before it was judged.
    pub distortion: Distortion,
    /// A text's length in words.
    pub words: Option<usize>,
    /// Probability of AI. `None` where the stage had too little to go by.
    pub score: Option<f64>,
    /// The pack's verdict; `None` where a stage alone is measured.
    pub verdict: Option<Verdict>,
}
