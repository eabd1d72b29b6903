//! The inline stages: what can be told of content at once, and what the neural stages are shown of it.

use crate::ServiceError;
use detectors::image::{self, Limits, Picture};
use scan::image::SMALL_SIDE;
use scan::pack::Input;
use scan::report::{ImageFeatures, TextFeatures};
use scan::{
    AccountId, Content, ErrorCode, ImageFacts, Modality, Moderation, Normalised, Outcome, Pack, Reading, Scan, ScanId,
    Source, Stage, State, Text, TraceContext, Warning,
};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use time::OffsetDateTime;

/// Content with its inline stages done.
#[derive(Debug, Clone, PartialEq)]
pub struct Examined {
    /// A scan with its inline outcomes, for nobody's account and without a deadline.
    pub scan: Scan,
    /// What the neural stages look at; `None` where there are none.
    pub content: Option<Content>,
    /// What each inline stage measured, before calibration.
    pub readings: BTreeMap<Stage, Reading>,
}

/// Examines a text.
pub fn text(pack: &Pack, text: &Text, received_at: OffsetDateTime) -> Result<Examined, ServiceError> {
    let normalised = text.normalised();
    let reading = detectors::measure(normalised);
    let mut warnings = text.warnings();
    if !detectors::looks_english(&reading) {
        warnings.insert(Warning::NotEnglish);
    }
    let mut scan = new_scan(pack, Modality::Text, received_at)?;
    scan.content_sha256 = text.sha256();
    scan.warnings = warnings;
    scan.occurrences = normalised.findings().clone();
    settle(pack, &mut scan, Stage::Heuristics, &reading, Some(normalised), &TextFeatures::NAMES)?;
    let content = Some(Content::Text(text.as_str().to_owned()));
    Ok(Examined { scan, content, readings: BTreeMap::from([(Stage::Heuristics, reading)]) })
}

/// Examines an image file. Takes as long as the image is large: not for an asynchronous thread.
pub fn image(pack: &Pack, file: &[u8], limits: &Limits, received_at: OffsetDateTime) -> Result<Examined, ServiceError> {
    let mut scan = new_scan(pack, Modality::Image, received_at)?;
    let picture = image::decode(file, limits)?;
    let provenance = image::metadata::provenance(file, picture.format, picture.stealth);
    let readings = BTreeMap::from([
        (Stage::Metadata, image::metadata::reading(&provenance)),
        (Stage::Frequency, image::frequency::measure(&picture.rgb)),
    ]);
    for (stage, reading) in &readings {
        settle(pack, &mut scan, *stage, reading, None, &ImageFeatures::MEASURED)?;
    }
    scan.content_sha256 = hex::encode(Sha256::digest(file));
    scan.warnings = provenance.warnings().collect();
    if picture.width().min(picture.height()) < SMALL_SIDE {
        scan.warnings.insert(Warning::SmallImage);
    }
    scan.image = Some(ImageFacts {
        width: picture.width(),
        height: picture.height(),
        format: picture.format,
        file_size_bytes: file.len() as u64,
        provenance,
    });
    Ok(Examined { scan, content: pixels(pack, &picture)?, readings })
}

/// The views that the pack's classifier is shown.
fn pixels(pack: &Pack, picture: &Picture) -> Result<Option<Content>, ServiceError> {
    let model = pack.stages.get(&Stage::Classifier).and_then(|spec| spec.model.as_ref());
    match model.map(|model| model.input) {
        Some(Input::Image { size, views }) => {
            let pixels = image::squares(&picture.rgb, size, views)?;
            Ok(Some(Content::Pixels(pixels)))
        }
        _ => Ok(None),
    }
}

/// A scan that awaits every stage of its modality.
fn new_scan(pack: &Pack, modality: Modality, received_at: OffsetDateTime) -> Result<Scan, ServiceError> {
    let outcomes: BTreeMap<_, _> = pack.stages_of(modality).map(|stage| (stage, None)).collect();
    if outcomes.is_empty() {
        return Err(ServiceError::ModalityNotSupported);
    }
    Ok(Scan { outcomes, ..empty_scan(pack, modality, received_at) })
}

/// The scan of content that was refused: it runs no stage and has ended.
pub(crate) fn refused(pack: &Pack, modality: Modality, reason: ErrorCode, received_at: OffsetDateTime) -> Scan {
    let state = State::Failed { finished_at: OffsetDateTime::now_utc(), reason: Some(reason) };
    Scan { state, ..empty_scan(pack, modality, received_at) }
}

fn empty_scan(pack: &Pack, modality: Modality, received_at: OffsetDateTime) -> Scan {
    Scan {
        id: ScanId::new(),
        account: AccountId::nobody(),
        modality,
        created_at: received_at,
        deadline: received_at,
        source: Source::default(),
        trace: TraceContext::new(),
        moderation: Moderation::default(),
        content_sha256: String::new(),
        pack: pack.label(),
        warnings: BTreeSet::new(),
        occurrences: BTreeMap::new(),
        image: None,
        outcomes: BTreeMap::new(),
        state: State::Processing,
        review: None,
    }
}

/// Calibrates what an inline stage measured, if the pack weighs that stage.
fn settle(
    pack: &Pack,
    scan: &mut Scan,
    stage: Stage,
    reading: &Reading,
    text: Option<&Normalised>,
    shown: &[&str],
) -> Result<(), ServiceError> {
    if let (Some(outcome), Some(spec)) = (scan.outcomes.get_mut(&stage), pack.stages.get(&stage)) {
        *outcome = Some(Outcome::of_reading(reading, &spec.calibration, text, shown)?);
    }
    Ok(())
}
