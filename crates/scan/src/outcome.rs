//! What a stage had to say about one scan.

use crate::calibration::MissingFeature;
use crate::{Calibration, Features, Normalised, Probability, Reading, Sighting};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The end of one stage of one scan: a score, or the reason for there being none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The stage ran.
    Scored(StageScore),
    /// The stage did not run; it is left out of the blend.
    Failed(Failure),
}

/// A calibrated probability and where it came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageScore {
    /// The calibrated probability of AI.
    pub probability: Probability,
    /// What is shown of the stage's measurements.
    #[serde(default)]
    pub features: Features,
    /// Where in the text the evidence lies.
    #[serde(default)]
    pub segments: Vec<Segment>,
    /// What a vision network saw besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sighting: Option<Sighting>,
}

/// A stretch of text with its own score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Character offsets into the content as it was sent.
    pub chars: Range<usize>,
    /// The calibrated probability of AI of this stretch, by the stage that found it.
    pub score: Probability,
}

/// Why a stage has no score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Failure {
    /// The pack's files for this stage are not on this machine.
    ModelAbsent,
    /// The content is too short, or too small, for this stage.
    TooShort,
    /// The stage was tried and broke.
    Broken,
    /// No outcome arrived before the scan's deadline.
    DeadlinePassed,
}

impl Outcome {
    /// Calibrates what a stage measured. Of the measurements the outcome keeps those named in `shown`. When a text was
    /// measured, its segments point into it as it was sent; images have none.
    pub fn of_reading(
        reading: &Reading,
        calibration: &Calibration,
        text: Option<&Normalised>,
        shown: &[&str],
    ) -> Result<Self, MissingFeature> {
        let Some(probability) = calibration.probability(reading)? else {
            return Ok(Outcome::Failed(Failure::TooShort));
        };
        let mut segments = Vec::with_capacity(reading.segments.len());
        for (window, text) in reading.segments.iter().zip(text.into_iter().cycle()) {
            let score = Probability::from_logit(calibration.logit(&window.features)?);
            segments.push(Segment { chars: text.original_chars(&window.chars), score });
        }
        let measured = reading.windows.first().into_iter().flat_map(|window| &window.features);
        let shown = measured.filter(|(name, _)| shown.contains(&name.as_str()));
        let features = shown.map(|(name, value)| (name.clone(), *value)).collect();
        let sighting = reading.sighting.clone();
        Ok(Outcome::Scored(StageScore { probability, features, segments, sighting }))
    }

    /// The score, when the stage ran.
    pub fn score(&self) -> Option<&StageScore> {
        match self {
            Outcome::Scored(score) => Some(score),
            Outcome::Failed(_) => None,
        }
    }
}
