//! What a stage measured, before calibration.

use crate::Sighting;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Range;

/// Named raw measurements, in the units that the stage documents. All finite.
pub type Features = BTreeMap<String, f64>;

/// A stretch of the content and what was measured over it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Character (not byte) offsets into the text that the stage was given.
    pub chars: Range<usize>,
    /// Tokens (for heuristics: words) in it; the weight of this window in the whole.
    pub tokens: usize,
    /// What was measured.
    pub features: Features,
}

/// All that a stage measured on one content.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Reading {
    /// The pieces that the score is made from, in order, not overlapping. Empty when the content was too
    /// small for the stage to say anything.
    pub windows: Vec<Window>,
    /// Smaller pieces, whole sentences, for showing where the evidence lies. May be empty.
    pub segments: Vec<Window>,
    /// What a vision network saw besides.
    #[serde(default)]
    pub sighting: Option<Sighting>,
}
