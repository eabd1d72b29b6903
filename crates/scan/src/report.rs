//! A scan as users read it: the documented JSON, field for field.

use crate::{Failure, Outcome, Scan, Segment, Stage, State, Warning};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use time::OffsetDateTime;

/// The answer of `POST /v1/detect`, and the base of `GET /v1/scans/{id}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScanReport {
    /// The scan's id.
    pub id: String,
    /// `text` or `image`.
    pub modality: String,
    /// `processing`, `completed` or `failed`.
    pub status: String,
    /// `human`, `ai_generated` or `mixed`; `null` until the scan is completed.
    pub verdict: Option<String>,
    /// The probability of AI, 0 to 1, for every verdict; `null` until the scan is completed.
    pub confidence: Option<f64>,
    /// The generator that the content itself names. Text names none.
    pub attribution: Option<String>,
    /// One or two sentences for people.
    pub explanation: String,
    /// Scores, stages and features.
    pub details: Details,
    /// Milliseconds from the request to the verdict, or until now.
    pub latency_ms: u64,
    /// Where the evidence lies.
    pub segments: Vec<SegmentReport>,
    /// What to know when reading the verdict.
    pub warnings: Vec<WarningReport>,
    /// The pack that judged: name and version.
    pub model_pack: String,
}

/// `details` of a text scan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Details {
    /// `null` when the stage did not run.
    pub heuristic_score: Option<f64>,
    /// `null` when the stage did not run (yet).
    pub binoculars_score: Option<f64>,
    /// `null` when the stage did not run (yet).
    pub roberta_score: Option<f64>,
    /// Always `weighted_blend`.
    pub ensemble_method: String,
    /// For each stage of the modality, whether it ran.
    pub stages: BTreeMap<String, bool>,
    /// The documented measurements.
    pub features: Option<TextFeatures>,
}

/// The documented measurements of a text.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TextFeatures {
    /// Words.
    pub word_count: u64,
    /// Distinct words over words, 0 to 1.
    pub unique_word_ratio: f64,
    /// Words a sentence.
    pub avg_sentence_length: f64,
    /// Population variance of words a sentence.
    pub sentence_length_variance: f64,
    /// Shannon entropy of the characters, in bits.
    pub char_entropy: f64,
    /// Function words over words, 0 to 1.
    pub stopword_ratio: f64,
}

/// A stretch of the text with its own score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentReport {
    /// First character.
    pub start: usize,
    /// One past the last character.
    pub end: usize,
    /// The probability of AI of this stretch alone.
    pub score: f64,
}

/// A warning as users read it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WarningReport {
    /// For programs.
    pub code: Warning,
    /// For people.
    pub message: String,
}

impl ScanReport {
    /// Describes `scan` as it stands at `now`.
    pub fn new(scan: &Scan, now: OffsetDateTime) -> Self {
        let (status, conclusion, end) = match &scan.state {
            State::Processing => ("processing", None, now),
            State::Completed(conclusion) => ("completed", Some(conclusion), conclusion.finished_at),
            State::Failed { finished_at } => ("failed", None, *finished_at),
        };
        Self {
            id: scan.id.to_string(),
            modality: scan.modality.to_string(),
            status: status.to_owned(),
            verdict: conclusion.map(|c| c.verdict.to_string()),
            confidence: conclusion.map(|c| c.confidence.rounded()),
            attribution: None,
            explanation: explain(scan),
            details: Details::new(scan),
            latency_ms: (end - scan.created_at).whole_milliseconds().max(0) as u64,
            segments: segments(scan),
            warnings: warnings(scan),
            model_pack: scan.pack.clone(),
        }
    }
}

impl Details {
    fn new(scan: &Scan) -> Self {
        let scores = scan.scores();
        let score = |stage| scores.get(&stage).map(|p| p.rounded());
        let heuristics = scan.outcomes.get(&Stage::Heuristics).and_then(|o| o.as_ref()?.score());
        Self {
            heuristic_score: score(Stage::Heuristics),
            binoculars_score: score(Stage::Binoculars),
            roberta_score: score(Stage::Roberta),
            ensemble_method: "weighted_blend".to_owned(),
            stages: Stage::ALL.into_iter().map(|s| (s.name().to_owned(), scores.contains_key(&s))).collect(),
            features: heuristics.and_then(|score| TextFeatures::from_measured(&score.features)),
        }
    }
}

impl TextFeatures {
    /// The names of the features, as the heuristics stage measures them.
    pub const NAMES: [&str; 6] = [
        "word_count",
        "unique_word_ratio",
        "avg_sentence_length",
        "sentence_length_variance",
        "char_entropy",
        "stopword_ratio",
    ];

    fn from_measured(features: &crate::Features) -> Option<Self> {
        let two_decimals = |name| features.get(name).map(|x| (x * 100.0).round() / 100.0);
        Some(Self {
            word_count: *features.get("word_count")? as u64,
            unique_word_ratio: two_decimals("unique_word_ratio")?,
            avg_sentence_length: two_decimals("avg_sentence_length")?,
            sentence_length_variance: two_decimals("sentence_length_variance")?,
            char_entropy: two_decimals("char_entropy")?,
            stopword_ratio: two_decimals("stopword_ratio")?,
        })
    }
}

fn explain(scan: &Scan) -> String {
    let conclusion = match &scan.state {
        State::Processing => return "The scan is running; ask for it again in a moment.".to_owned(),
        State::Failed { .. } => {
            return "No detection stage could run. This scan was not charged; please try again.".to_owned();
        }
        State::Completed(conclusion) => conclusion,
    };
    let scores = scan.scores();
    let method = match (scores.contains_key(&Stage::Heuristics), scores.keys().any(|s| s.is_neural())) {
        (true, true) => "heuristic + ML analysis",
        (true, false) => "heuristic analysis only",
        (false, _) => "ML analysis",
    };
    let finding = match conclusion.verdict {
        crate::Verdict::AiGenerated => "shows strong AI-generated writing patterns",
        crate::Verdict::Human => "reads like human writing",
        crate::Verdict::Mixed => "shows mixed signals, neither clearly human nor clearly AI",
    };
    format!("Content {finding} ({method}). AI probability: {}.", conclusion.confidence)
}

fn segments(scan: &Scan) -> Vec<SegmentReport> {
    let report = |s: &Segment| SegmentReport { start: s.chars.start, end: s.chars.end, score: s.score.rounded() };
    let scored = scan.outcomes.values().flatten().filter_map(Outcome::score);
    scored.flat_map(|score| &score.segments).map(report).collect()
}

fn warnings(scan: &Scan) -> Vec<WarningReport> {
    let unavailable = |o: &Outcome| matches!(o, Outcome::Failed(failure) if *failure != Failure::TooShort);
    let mut warnings = scan.warnings.clone();
    if scan.is_final() && scan.outcomes.values().any(|o| o.as_ref().is_none_or(unavailable)) {
        warnings.insert(Warning::StageUnavailable);
    }
    warnings.into_iter().map(|code| WarningReport { code, message: code.message().to_owned() }).collect()
}
