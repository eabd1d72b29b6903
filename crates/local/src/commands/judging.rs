//! Labelled samples through the pack's stages: what `eval` measures and `calibrate` fits on.

use crate::eval::{Attack, Distortion, Measured, Row, RowProgress, Sample, SampleContent};
use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use scan::{Features, Reading, Stage, State, Text};
use service::judge::{JudgeError, Judged};
use service::{Judge, ServiceError};

/// Samples that are judged side by side, so that the engine can batch them.
const CONCURRENCY: usize = 8;

/// A sample and what is done to it before it is judged.
#[derive(Debug, Clone)]
pub struct Trial {
    /// What is judged.
    pub sample: Sample,
    /// What is done to an image.
    pub distortion: Distortion,
    /// What is done to a text.
    pub attack: Attack,
    /// Which letters an attack hits.
    pub seed: u64,
}

impl Trial {
    /// The sample as it is.
    pub fn untreated(sample: Sample) -> Self {
        Self { sample, distortion: Distortion::None, attack: Attack::None, seed: 0 }
    }
}

/// Judges everything, by every stage or `only` one, and hands each row to `done` as it comes, in order.
pub async fn judge_all(
    judge: &Judge,
    trials: Vec<Trial>,
    only: Option<Stage>,
    mut done: impl FnMut(Measured) -> Result<()>,
) -> Result<()> {
    let mut progress = RowProgress::new(trials.len());
    let mut judged = stream::iter(trials).map(|trial| judge_one(judge, trial, only)).buffered(CONCURRENCY);
    while let Some(row) = judged.try_next().await? {
        done(row)?;
        progress.advance(1);
    }
    progress.finish();
    Ok(())
}

async fn judge_one(judge: &Judge, trial: Trial, only: Option<Stage>) -> Result<Measured> {
    let Trial { sample, distortion, attack, seed } = trial;
    let mut row = Row {
        id: sample.id,
        source: sample.source,
        generator: sample.generator,
        style: sample.style,
        genre: sample.genre,
        label: sample.label,
        distortion,
        attack,
        words: None,
        score: None,
        verdict: None,
    };
    let judged = match sample.content {
        SampleContent::Text(text) => {
            // Texts that the API refuses count as unscored.
            let Ok(text) = Text::parse(attack.apply(&text, &row.id, seed)) else { return Ok(unscored(row)) };
            row.words = Some(text.words());
            judge.text(&text, only).await?
        }
        SampleContent::Image(path) => {
            let file = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let file = distortion.apply(file).with_context(|| format!("cannot distort {}", path.display()))?;
            match judge.image(file, only).await {
                Err(JudgeError::Service(ServiceError::Decode(_))) => return Ok(unscored(row)),
                judged => judged?,
            }
        }
    };
    let Judged { scan, readings } = judged;
    match only {
        Some(stage) => row.score = scan.scores().get(&stage).map(|p| p.value()),
        None => {
            if let State::Completed(conclusion) = &scan.state {
                row.score = Some(conclusion.confidence.value());
                row.verdict = Some(conclusion.verdict);
            }
        }
    }
    let features = readings.into_iter().map(|(stage, reading)| (stage, mean_features(&reading)));
    Ok(Measured { row, features: features.filter(|(_, features)| !features.is_empty()).collect() })
}

fn unscored(row: Row) -> Measured {
    Measured { row, features: Default::default() }
}

/// The windows' features, weighted by their tokens.
fn mean_features(reading: &Reading) -> Features {
    let total: usize = reading.windows.iter().map(|window| window.tokens).sum();
    let mut mean = Features::new();
    for window in &reading.windows {
        for (name, value) in &window.features {
            *mean.entry(name.clone()).or_default() += value * window.tokens as f64 / total.max(1) as f64;
        }
    }
    mean
}
