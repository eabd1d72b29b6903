//! A scan as users read it: the documented JSON, field for field.

use crate::image::{C2pa, C2paVerdict, Integrity, Trust};
use crate::sighting::{AttributionReport, Basis, HeatMapReport};
use crate::{
    Action, ErrorCode, Evidence, Failure, ImageFacts, Modality, Outcome, Probability, Review, Scan, Segment, Sighting,
    Source, Stage, State, Verdict, Warning,
};
use serde::Serialize;
use std::collections::BTreeMap;
use time::OffsetDateTime;
use utoipa::ToSchema;

/// The answer of `POST /v1/detect`, and the base of `GET /v1/scans/{id}`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
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
    /// The generator that an image's metadata names. Text names none.
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
    /// What is to be done with the content; `null` for an account without thresholds, and until there is a verdict.
    pub moderation: Option<ModerationReport>,
    /// How the scan came in.
    pub source: Source,
    /// Why a failed scan failed, where the content was refused.
    pub failure_reason: Option<ErrorCode>,
}

/// What is to be done with content.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ModerationReport {
    /// What the account's thresholds say; `null` where it had none and a person decided all the same.
    pub action: Option<Action>,
    /// What a person decided since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
}

/// `details`: one shape for each modality.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Details {
    /// Of a text scan.
    Text(TextDetails),
    /// Of an image scan.
    Image(Box<ImageDetails>),
}

/// `details` of a text scan.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TextDetails {
    /// `null` when the stage did not run.
    pub heuristic_score: Option<f64>,
    /// `null` when the stage did not run (yet).
    pub binoculars_score: Option<f64>,
    /// `null` when the stage did not run (yet).
    pub roberta_score: Option<f64>,
    /// Always `weighted_blend`.
    pub ensemble_method: &'static str,
    /// For each stage of the modality, whether it ran.
    pub stages: BTreeMap<String, bool>,
    /// What the text says of its own origin, strongest first.
    pub evidence: Vec<Evidence>,
    /// The documented measurements.
    pub features: Option<TextFeatures>,
}

/// `details` of an image scan.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ImageDetails {
    /// 1 for a proven AI signature; `null` when the stage did not run.
    pub metadata_score: Option<f64>,
    /// `null` when the stage did not run.
    pub fft_score: Option<f64>,
    /// `null` when the stage did not run (yet).
    pub classifier_score: Option<f64>,
    /// Always `weighted_blend`.
    pub ensemble_method: &'static str,
    /// For each stage of the modality, whether it ran.
    pub stages: BTreeMap<String, bool>,
    /// What the file says of its own origin, strongest first.
    pub evidence: Vec<Evidence>,
    /// The documented measurements and what else is known of the file.
    pub features: Option<ImageFeatures>,
    /// What made the image, where the file says it, or where it is `ai_generated` and looks clearly like the work of one
    /// family of generators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribution: Option<AttributionReport>,
    /// Where in the image the classifier's evidence lies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heatmap: Option<HeatMapReport>,
}

/// What is known of an image.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ImageFeatures {
    /// Pixels across, as displayed.
    pub width: u32,
    /// Pixels down, as displayed.
    pub height: u32,
    /// `JPEG`, `PNG`, `WEBP`, `GIF` or `BMP`.
    pub format: String,
    /// Size of the file.
    pub file_size_bytes: u64,
    /// It holds readable EXIF.
    pub has_exif: bool,
    /// The AI signature in the metadata.
    pub ai_tool_signature: Option<String>,
    /// What the C2PA manifest comes to; `null` without one. See [`C2pa::verdict`].
    pub c2pa_verdict: Option<C2paVerdict>,
    /// How steadily the spectrum falls, 0 to 1.
    pub fft_smoothness: Option<f64>,
    /// How strong a grid the spectrum shows, 0 to 1.
    pub fft_periodicity: Option<f64>,
    /// The camera that EXIF names.
    pub camera: Option<String>,
    /// The software that the metadata names.
    pub software: Option<String>,
    /// The digital source type that XMP or IPTC metadata declares.
    pub digital_source_type: Option<String>,
    /// The C2PA manifest.
    pub c2pa: C2paReport,
}

/// A C2PA manifest: whether there is one, whether it fits, who stands for it, what it says.
#[derive(Debug, Clone, PartialEq, Default, Serialize, ToSchema)]
pub struct C2paReport {
    /// Whether the file holds one. The other members are `null` if not.
    pub present: bool,
    /// `intact`, `bad_credential` or `tampered`.
    pub integrity: Option<Integrity>,
    /// `trusted` or `untrusted`.
    pub trust: Option<Trust>,
    /// The declared digital source type.
    pub source_type: Option<String>,
    /// The program that made the claim.
    pub claim_generator: Option<String>,
}

/// The documented measurements of a text.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SegmentReport {
    /// First character.
    pub start: usize,
    /// One past the last character.
    pub end: usize,
    /// The probability of AI of this stretch alone.
    pub score: f64,
}

/// A warning as users read it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct WarningReport {
    /// For programs.
    pub code: Warning,
    /// For people.
    pub message: String,
    /// How many characters of the text it is about, where it is about characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
    /// The first of them: a character offset into the content as it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<usize>,
}

impl ScanReport {
    /// Describes `scan` as it stands at `now`.
    pub fn new(scan: &Scan, now: OffsetDateTime) -> Self {
        let (conclusion, end) = (scan.conclusion(), scan.state.finished_at().unwrap_or(now));
        Self {
            id: scan.id.to_string(),
            modality: scan.modality.to_string(),
            status: scan.state.name().to_owned(),
            verdict: conclusion.map(|c| c.verdict.to_string()),
            confidence: conclusion.map(|c| c.confidence.rounded()),
            attribution: scan.image.as_ref().and_then(|image| image.provenance.generator()),
            explanation: explain(scan),
            details: Details::new(scan),
            latency_ms: (end - scan.created_at).whole_milliseconds().max(0) as u64,
            segments: segments(scan),
            warnings: warnings(scan),
            model_pack: scan.pack.clone(),
            moderation: ModerationReport::new(scan),
            source: scan.source.clone(),
            failure_reason: match &scan.state {
                State::Failed { reason, .. } => *reason,
                _ => None,
            },
        }
    }
}

impl ModerationReport {
    /// `None` where there is nothing to say.
    pub fn new(scan: &Scan) -> Option<Self> {
        let action = scan.conclusion().and_then(|conclusion| conclusion.action);
        let review = scan.review.clone();
        (action.is_some() || review.is_some()).then_some(Self { action, review })
    }
}

/// What the classifier saw besides.
fn sighting(scan: &Scan) -> Option<&Sighting> {
    scan.outcomes.get(&Stage::Classifier)?.as_ref()?.score()?.sighting.as_ref()
}

/// What the file says goes before what the picture looks like.
fn attribution(scan: &Scan) -> Option<AttributionReport> {
    if let Some(name) = scan.image.as_ref()?.provenance.generator() {
        return Some(AttributionReport { name: name.to_owned(), basis: Basis::Metadata, confidence: None });
    }
    scan.conclusion().filter(|conclusion| conclusion.verdict == Verdict::AiGenerated)?;
    let generator = sighting(scan)?.generator.as_ref()?;
    let confidence = Some(generator.probability.rounded());
    Some(AttributionReport { name: generator.family.clone(), basis: Basis::Pixels, confidence })
}

impl Details {
    fn new(scan: &Scan) -> Self {
        let scores = scan.scores();
        let score = |stage| scores.get(&stage).map(|p| p.rounded());
        let stages = Stage::of(scan.modality).map(|s| (s.name().to_owned(), scores.contains_key(&s))).collect();
        let ensemble_method = "weighted_blend";
        match scan.modality {
            Modality::Text => Details::Text(TextDetails {
                heuristic_score: score(Stage::Heuristics),
                binoculars_score: score(Stage::Binoculars),
                roberta_score: score(Stage::Roberta),
                ensemble_method,
                stages,
                evidence: scan.evidence(),
                features: measured(scan, Stage::Heuristics).and_then(TextFeatures::from_measured),
            }),
            Modality::Image => Details::Image(Box::new(ImageDetails {
                metadata_score: score(Stage::Metadata),
                fft_score: score(Stage::Frequency),
                classifier_score: score(Stage::Classifier),
                ensemble_method,
                stages,
                evidence: scan.evidence(),
                features: scan.image.as_ref().map(|facts| ImageFeatures::new(facts, measured(scan, Stage::Frequency))),
                attribution: attribution(scan),
                heatmap: scan
                    .image
                    .as_ref()
                    .zip(sighting(scan))
                    .map(|(image, seen)| HeatMapReport::new(&seen.map, image)),
            })),
        }
    }

    /// What the content says of its own origin, strongest first.
    pub fn evidence(&self) -> &[Evidence] {
        match self {
            Details::Text(text) => &text.evidence,
            Details::Image(image) => &image.evidence,
        }
    }

    /// Each stage of the modality with its score, in the documented order.
    pub fn scores(&self) -> [(Stage, Option<f64>); 3] {
        match self {
            Details::Text(text) => [
                (Stage::Heuristics, text.heuristic_score),
                (Stage::Binoculars, text.binoculars_score),
                (Stage::Roberta, text.roberta_score),
            ],
            Details::Image(image) => [
                (Stage::Metadata, image.metadata_score),
                (Stage::Frequency, image.fft_score),
                (Stage::Classifier, image.classifier_score),
            ],
        }
    }
}

fn measured(scan: &Scan, stage: Stage) -> Option<&crate::Features> {
    scan.outcomes.get(&stage)?.as_ref()?.score().map(|score| &score.features)
}

impl ImageFeatures {
    /// The names of the features that the frequency stage measures and results show.
    pub const MEASURED: [&str; 2] = ["fft_smoothness", "fft_periodicity"];

    fn new(facts: &ImageFacts, spectrum: Option<&crate::Features>) -> Self {
        let spectral = |name| spectrum.and_then(|s| s.get(name)).map(|x| (x * 100.0).round() / 100.0);
        let provenance = &facts.provenance;
        Self {
            width: facts.width,
            height: facts.height,
            format: facts.format.to_string(),
            file_size_bytes: facts.file_size_bytes,
            has_exif: provenance.has_exif,
            ai_tool_signature: provenance.ai_signature(),
            c2pa_verdict: provenance.c2pa.as_ref().map(C2pa::verdict),
            fft_smoothness: spectral("fft_smoothness"),
            fft_periodicity: spectral("fft_periodicity"),
            camera: provenance.camera.clone(),
            software: provenance.software.clone(),
            digital_source_type: provenance.source_type.as_ref().map(|s| s.as_str().to_owned()),
            c2pa: provenance.c2pa.as_ref().map(C2paReport::new).unwrap_or_default(),
        }
    }
}

impl C2paReport {
    fn new(c2pa: &C2pa) -> Self {
        Self {
            present: true,
            integrity: Some(c2pa.integrity),
            trust: Some(c2pa.trust),
            source_type: c2pa.source_type.as_ref().map(|s| s.as_str().to_owned()),
            claim_generator: c2pa.claim_generator.clone(),
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
        State::Failed { reason: Some(reason), .. } => {
            return format!("The content could not be scanned ({reason}). This scan was not charged.");
        }
        State::Failed { .. } => {
            return "No detection stage could run. This scan was not charged; please try again.".to_owned();
        }
        State::Completed(conclusion) => conclusion,
    };
    let (verdict, confidence) = (conclusion.verdict, conclusion.confidence);
    let explanation = match &scan.image {
        None => explain_text(scan, verdict, confidence),
        Some(_) => explain_image(scan, verdict, confidence),
    };
    if conclusion.is_full {
        explanation
    } else {
        explanation + " Most of the analysis could not run, so this scan was not charged; please try again."
    }
}

fn explain_text(scan: &Scan, verdict: Verdict, confidence: Probability) -> String {
    let scores = scan.scores();
    let method = match (scores.contains_key(&Stage::Heuristics), scores.keys().any(|s| s.is_neural())) {
        (true, true) => "heuristic + ML analysis",
        (true, false) => "heuristic analysis only",
        (false, _) => "ML analysis",
    };
    let finding = match verdict {
        Verdict::AiGenerated => "shows strong AI-generated writing patterns",
        Verdict::Human => "reads like human writing",
        Verdict::Mixed => "shows mixed signals, neither clearly human nor clearly AI",
    };
    format!("Content {finding} ({method}). AI probability: {confidence}.")
}

fn explain_image(scan: &Scan, verdict: Verdict, confidence: Probability) -> String {
    let methods = [
        (Stage::Metadata, "metadata"),
        (Stage::Frequency, "frequency analysis"),
        (Stage::Classifier, "neural classifier"),
    ];
    let scores = scan.scores();
    let ran: Vec<&str> =
        methods.iter().filter(|(stage, _)| scores.contains_key(stage)).map(|(_, name)| *name).collect();
    let finding = match verdict {
        Verdict::AiGenerated => "shows strong indicators of AI generation",
        Verdict::Human => "shows no strong indicators of AI generation",
        Verdict::Mixed => "shows mixed signals, neither clearly captured nor clearly generated",
    };
    let found = scan.evidence().first().map(|found| format!(" {}", found.statement)).unwrap_or_default();
    format!("Image {finding} ({}).{found} AI probability: {confidence}.", ran.join(" + "))
}

fn segments(scan: &Scan) -> Vec<SegmentReport> {
    let report = |s: &Segment| SegmentReport { start: s.chars.start, end: s.chars.end, score: s.score.rounded() };
    scan.segments().map(report).collect()
}

fn warnings(scan: &Scan) -> Vec<WarningReport> {
    let report = |code: &Warning| {
        let found = scan.occurrences.get(code);
        let (count, first) = (found.map(|found| found.count), found.map(|found| found.first));
        WarningReport { code: *code, message: code.message().to_owned(), count, first }
    };
    scan.warnings.iter().map(report).chain(stage_unavailable(scan)).collect()
}

/// Tells of the stages that a scan ended without, and of what it then lacks.
fn stage_unavailable(scan: &Scan) -> Option<WarningReport> {
    let is_full = scan.conclusion().is_none_or(|conclusion| conclusion.is_full);
    // That a content is too short for a stage is no fault of the stage, as long as the others suffice.
    let is_missing = |outcome: &Option<Outcome>| match outcome {
        Some(Outcome::Scored(_)) => false,
        Some(Outcome::Failed(Failure::TooShort)) => !is_full,
        Some(Outcome::Failed(_)) | None => true,
    };
    let missing = scan.outcomes.iter().filter(|(_, outcome)| is_missing(outcome)).map(|(stage, _)| stage.name());
    let missing: Vec<&str> = missing.filter(|_| scan.is_final()).collect();
    let (last, others) = missing.split_last()?;
    let stages = if others.is_empty() {
        format!("The stage {last}")
    } else {
        format!("The stages {} and {last}", others.join(", "))
    };
    let rest = if is_full { "" } else { UNCHARGED };
    let code = Warning::StageUnavailable;
    let message = format!("{stages} could not run; the verdict rests on the stages that did.{rest}");
    Some(WarningReport { code, message, count: None, first: None })
}

const UNCHARGED: &str = " That is too little to call the content AI-generated, and this scan was not charged.";
