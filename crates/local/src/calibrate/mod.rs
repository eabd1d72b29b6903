//! Fitting a pack's numbers on labelled content: each stage's calibration, the blend and the thresholds.
//!
//! ```text
//! rows ─ stage ─▶ calibrations ─ blend ─▶ weights, scaling ─ thresholds ─▶ verdicts ─ manifest ─▶ pack.toml
//!          logistic (L2)            logistic (Platt)            false-positive rate
//! ```
//! Every fit is made once on all rows, which is what is shipped, and once without each group of rows ([`groups`]),
//! which is what it is worth on other content.

mod blend;
mod error;
mod groups;
mod logistic;
pub mod manifest;
mod stage;
pub mod summary;
mod thresholds;

pub use error::CalibrateError;
pub use groups::{Origin, check, groups};
pub use stage::StageFit;

use crate::eval::{Attack, Distortion, Label, Measured, Row};
use blend::Judgements;
use scan::text::SHORT_WORDS;
use scan::{Blend, Calibration, Modality, Pack, Probability, Stage, Thresholds};
use stage::Example;
use std::collections::BTreeMap;

/// What is fitted, and how strictly.
#[derive(Debug, Clone)]
pub struct Options {
    /// The stages that are fitted; the others keep their calibration and their share of the blend. `None`: all but
    /// metadata, whose odds are judgements, since files with metadata are rare.
    pub stages: Option<Vec<Stage>>,
    /// The share of human content that may be called AI.
    pub max_fpr: f64,
}

/// The fitted numbers, and what they make of the rows.
#[derive(Debug, Clone)]
pub struct Calibrated {
    /// The stages that were fitted.
    pub stages: BTreeMap<Stage, StageFit>,
    /// Weights and Platt scaling.
    pub blend: Blend,
    /// Where the verdicts part.
    pub thresholds: Thresholds,
    /// Every row that the blend was fitted on.
    pub rows: Vec<Judged>,
    /// Rows that only the calibrations were fitted on: texts that are too short to be accused, or not judged by every
    /// stage.
    pub short: usize,
}

/// A row and its probabilities.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The row.
    pub row: Row,
    /// By each stage, as shipped and by a fit without the row's group.
    pub stages: BTreeMap<Stage, Probabilities>,
    /// By the blend.
    pub blend: Probabilities,
}

/// One judgement of one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Probabilities {
    /// By the numbers as they are shipped, which were fitted on this row too.
    pub in_sample: Probability,
    /// By numbers that were fitted without the row's group.
    pub out_of_sample: Probability,
}

/// Joins rows of the same content, of which different stages were measured in different runs. Attacked texts are left
/// out: a pack is fitted on what people write.
pub fn join(rows: impl IntoIterator<Item = Measured>) -> Result<Vec<Measured>, CalibrateError> {
    let mut joined: BTreeMap<(String, String, Distortion), Measured> = BTreeMap::new();
    for measured in rows.into_iter().filter(|measured| measured.row.attack == Attack::None) {
        let Row { source, id, distortion, .. } = &measured.row;
        match joined.get_mut(&(source.clone(), id.clone(), *distortion)) {
            Some(known) if known.row.label != measured.row.label => {
                return Err(CalibrateError::Labels { id: id.clone(), source_name: source.clone() });
            }
            Some(known) => {
                known.row.words = known.row.words.or(measured.row.words);
                known.row.genre = known.row.genre.take().or(measured.row.genre);
                known.features.extend(measured.features);
            }
            None => {
                joined.insert((source.clone(), id.clone(), *distortion), measured);
            }
        }
    }
    Ok(joined.into_values().collect())
}

/// What kind of content the rows are of.
pub fn modality(rows: &[Measured]) -> Result<Modality, CalibrateError> {
    let mut modalities = rows.iter().flat_map(|measured| measured.features.keys()).map(|stage| stage.modality());
    let first = modalities.next().ok_or(CalibrateError::TooFew { label: Label::Human, found: 0 })?;
    if modalities.all(|modality| modality == first) { Ok(first) } else { Err(CalibrateError::TwoModalities) }
}

/// Fits the pack's numbers for a modality on joined rows.
pub fn calibrate(
    pack: &Pack,
    modality: Modality,
    rows: &[Measured],
    options: &Options,
) -> Result<Calibrated, CalibrateError> {
    let policy = pack.policy(modality).ok_or(CalibrateError::NotJudged(modality))?;
    let fitted = stages_to_fit(&policy.blend, modality, options)?;
    let origins: Vec<Origin> = rows.iter().map(|measured| Origin::from(&measured.row)).collect();
    let groups = groups(&origins);
    check(&origins, &groups)?;

    let mut stages = BTreeMap::new();
    let mut columns = BTreeMap::new();
    for stage in policy.blend.stages() {
        let before = pack.stages.get(&stage).map(|spec| &spec.calibration);
        let before = before.ok_or(CalibrateError::NotInBlend(stage, modality))?;
        let column = match fitted.contains(&stage) {
            true => {
                let (fit, column) = fit_stage(stage, rows, &groups, before)?;
                stages.insert(stage, fit);
                column
            }
            false => kept_stage(stage, rows, before)?,
        };
        columns.insert(stage, column);
    }

    let is_complete = |row: &usize| columns.values().all(|column| column[*row].is_some());
    let is_long = |row: &usize| rows[*row].row.words.is_none_or(|words| words >= SHORT_WORDS);
    let chosen: Vec<usize> = (0..rows.len()).filter(is_complete).filter(is_long).collect();
    let (origins, groups): (Vec<Origin>, Vec<usize>) = chosen.iter().map(|row| (origins[*row], groups[*row])).unzip();
    check(&origins, &groups)?;
    let pick = |column: &[Option<Probabilities>], of: fn(Probabilities) -> Probability| -> Vec<Probability> {
        chosen.iter().filter_map(|row| column[*row]).map(of).collect()
    };
    let judged_by = |of| columns.iter().map(|(stage, column)| (*stage, pick(column, of))).collect();
    let judgements = Judgements {
        stages: judged_by(|p| p.out_of_sample),
        is_ai: origins.iter().map(|origin| origin.label == Label::Ai).collect(),
        weights: groups::weights(&origins),
        groups,
    };
    let weighted = judgements.weights(&policy.blend, &fitted)?;
    let (blend, out_of_sample) = judgements.platt(&weighted)?;
    let in_sample = Judgements { stages: judged_by(|p| p.in_sample), ..judgements }.means(&blend);

    let blended = in_sample.into_iter().zip(out_of_sample);
    let blended = blended.map(|(in_sample, out_of_sample)| Probabilities { in_sample, out_of_sample });
    let judged = |(row, blend): (&usize, Probabilities)| Judged {
        row: rows[*row].row.clone(),
        stages: columns.iter().filter_map(|(stage, column)| Some((*stage, column[*row]?))).collect(),
        blend,
    };
    let judged: Vec<Judged> = chosen.iter().zip(blended).map(judged).collect();
    let untreated = judged.iter().filter(|judged| judged.row.is_untreated());
    let untreated: Vec<(&Row, Probabilities)> = untreated.map(|judged| (&judged.row, judged.blend)).collect();
    let thresholds = thresholds::fit(&untreated, options.max_fpr, policy.proven)?;
    Ok(Calibrated { stages, blend, thresholds, short: rows.len() - judged.len(), rows: judged })
}

fn stages_to_fit(blend: &Blend, modality: Modality, options: &Options) -> Result<Vec<Stage>, CalibrateError> {
    let fitted: Vec<Stage> = match &options.stages {
        Some(stages) => stages.clone(),
        None => blend.stages().filter(|stage| *stage != Stage::Metadata).collect(),
    };
    match fitted.iter().find(|stage| blend.stages().all(|known| known != **stage)) {
        Some(stage) => Err(CalibrateError::NotInBlend(*stage, modality)),
        None if fitted.is_empty() => Err(CalibrateError::NoStage),
        None => Ok(fitted),
    }
}

/// One stage's probability of each row; `None` where it measured nothing.
type Column = Vec<Option<Probabilities>>;

fn fit_stage(
    stage: Stage,
    rows: &[Measured],
    groups: &[usize],
    before: &Calibration,
) -> Result<(StageFit, Column), CalibrateError> {
    let having: Vec<usize> = (0..rows.len()).filter(|row| rows[*row].features.contains_key(&stage)).collect();
    if having.is_empty() {
        return Err(CalibrateError::Absent(stage));
    }
    let origins: Vec<Origin> = having.iter().map(|row| Origin::from(&rows[*row].row)).collect();
    let groups: Vec<usize> = having.iter().map(|row| groups[*row]).collect();
    check(&origins, &groups)?;
    let weights = groups::weights(&origins);
    let measured = having.iter().filter_map(|row| rows[*row].features.get(&stage));
    let examples: Vec<Example> = measured
        .zip(origins.iter().zip(weights.iter().zip(&groups)))
        .map(|(features, (origin, (weight, group)))| Example {
            features,
            is_ai: origin.label == Label::Ai,
            weight: *weight,
            group: *group,
        })
        .collect();
    let fit = stage::fit(stage, &examples, before.parameters())?;
    let mut column = vec![None; rows.len()];
    for ((row, example), out_of_sample) in having.iter().zip(&examples).zip(&fit.out_of_sample) {
        let in_sample = Probability::from_logit(fit.calibration.logit(example.features)?);
        column[*row] = Some(Probabilities { in_sample, out_of_sample: *out_of_sample });
    }
    Ok((fit, column))
}

fn kept_stage(stage: Stage, rows: &[Measured], calibration: &Calibration) -> Result<Column, CalibrateError> {
    let judge = |measured: &Measured| {
        let Some(features) = measured.features.get(&stage) else { return Ok(None) };
        let p = Probability::from_logit(calibration.logit(features)?);
        Ok(Some(Probabilities { in_sample: p, out_of_sample: p }))
    };
    let column: Column = rows.iter().map(judge).collect::<Result<_, CalibrateError>>()?;
    if column.iter().all(Option::is_none) { Err(CalibrateError::Absent(stage)) } else { Ok(column) }
}
