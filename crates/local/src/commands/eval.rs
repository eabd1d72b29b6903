//! `truthlens eval`: how good the pack is on labelled texts or images.

use super::{DataArgs, PackArgs, judge};
use crate::eval::{Distortion, Report, Row, RowProgress, Run, Sample, SampleContent, dataset, stratified};
use anyhow::{Context, Result, bail};
use clap::Args;
use futures::{StreamExt, TryStreamExt, stream};
use scan::{Features, Modality, Reading, Stage, State, Text};
use serde::Serialize;
use service::judge::{JudgeError, Judged};
use service::{Judge, ServiceError};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Samples that are judged side by side, so that the engine can batch them.
const CONCURRENCY: usize = 8;

/// Measure the detector on labelled texts or images.
///
/// Prints AUROC with a bootstrap interval, the true-positive rate at 1 % and 5 % false positives, and the calibration
/// error, overall, by source, by length and style (texts) or by distortion (images).
#[derive(Args)]
pub struct Eval {
    /// Labelled texts, one JSON object a line with `id`, `source`, `label` ("human" or "ai") and `text`; or labelled
    /// images, a CSV index with the columns `file`, `label` ("real" or "ai") and `source`.
    #[arg(long, value_name = "FILE.jsonl|INDEX.csv")]
    data: PathBuf,
    /// Of an image index, only the files below this folder.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Judge images distorted too: jpeg75, jpeg50, half, blur, crop; several separated by commas.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    distort: Vec<Distortion>,
    /// Judge only so many of them, an even share of every source and label.
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// Which sample.
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// Measure one stage alone: heuristics, roberta, binoculars; metadata, frequency, classifier.
    #[arg(long, value_name = "NAME", value_parser = parse_stage)]
    stage: Option<Stage>,
    /// Write the report as JSON too.
    #[arg(long, value_name = "OUT")]
    json: Option<PathBuf>,
    /// Write each sample's score and every stage's raw features, one JSON object a line; the content is left out.
    #[arg(long, value_name = "OUT.jsonl")]
    rows: Option<PathBuf>,
    #[command(flatten)]
    pack: PackArgs,
    #[command(flatten)]
    data_dir: DataArgs,
}

/// A line of `--rows`: what `models/training/calibrate.py` fits on.
#[derive(Serialize)]
struct RowLine<'a> {
    #[serde(flatten)]
    row: &'a Row,
    /// What kind of text it is, where the data set says so.
    genre: Option<String>,
    #[serde(flatten)]
    features: BTreeMap<Stage, Features>,
}

impl Eval {
    /// Judges and reports.
    pub async fn run(self) -> Result<()> {
        let mut samples = dataset::read(&self.data)?;
        if let Some(folder) = &self.folder {
            samples.retain(|sample| Path::new(&sample.id).starts_with(folder));
        }
        if let Some(n) = self.sample {
            samples = stratified(samples, n, self.seed);
        }
        let Some(modality) = samples.first().map(Sample::modality) else { bail!("the data set is empty") };
        let judge = judge(&self.pack, &self.data_dir.data()).await?;
        let pack = judge.pack();
        let policy =
            pack.policy(modality).with_context(|| format!("pack {} does not judge {modality}", pack.label()))?;
        let started = Instant::now();
        let rows = self.judge_all(&judge, self.distorted(samples)).await?;
        let run = Run {
            pack: pack.label(),
            stage: self.stage.map_or("blend".to_owned(), |stage| stage.to_string()),
            seconds: started.elapsed().as_secs_f64(),
            threshold: policy.thresholds.ai_generated().value(),
        };
        let report = Report::new(&rows, run);
        print!("{report}");
        match &self.json {
            Some(path) => write_json(path, &report),
            None => Ok(()),
        }
    }

    /// Each sample as it is, and images with each distortion that was asked for.
    fn distorted(&self, samples: Vec<Sample>) -> Vec<(Sample, Distortion)> {
        let distortions = |sample: &Sample| match sample.modality() {
            Modality::Text => vec![Distortion::None],
            Modality::Image => [Distortion::None].into_iter().chain(self.distort.iter().copied()).collect(),
        };
        let each = |sample: Sample| distortions(&sample).into_iter().map(move |d| (sample.clone(), d));
        samples.into_iter().flat_map(each).collect()
    }

    async fn judge_all(&self, judge: &Judge, samples: Vec<(Sample, Distortion)>) -> Result<Vec<Row>> {
        let mut out = match &self.rows {
            Some(path) => Some(BufWriter::new(create(path)?)),
            None => None,
        };
        let mut progress = RowProgress::new(samples.len());
        let judging =
            stream::iter(samples).map(|(sample, distortion)| judge_one(judge, sample, distortion, self.stage));
        let mut judged = judging.buffered(CONCURRENCY);
        let mut rows = Vec::new();
        while let Some((row, genre, features)) = judged.try_next().await? {
            if let Some(out) = &mut out {
                serde_json::to_writer(&mut *out, &RowLine { row: &row, genre, features })?;
                out.write_all(b"\n")?;
            }
            rows.push(row);
            progress.advance(1);
        }
        progress.finish();
        if let Some(mut out) = out {
            out.flush()?;
        }
        Ok(rows)
    }
}

async fn judge_one(
    judge: &Judge,
    sample: Sample,
    distortion: Distortion,
    only: Option<Stage>,
) -> Result<(Row, Option<String>, BTreeMap<Stage, Features>)> {
    let mut row = Row {
        id: sample.id,
        source: sample.source,
        style: sample.style,
        label: sample.label,
        distortion,
        words: None,
        score: None,
        verdict: None,
    };
    let judged = match sample.content {
        SampleContent::Text(text) => {
            // Texts that the API refuses count as unscored.
            let Ok(text) = Text::parse(text) else { return Ok((row, sample.genre, BTreeMap::new())) };
            row.words = Some(text.words());
            judge.text(&text, only).await?
        }
        SampleContent::Image(path) => {
            let file = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let file = distortion.apply(file).with_context(|| format!("cannot distort {}", path.display()))?;
            match judge.image(file, only).await {
                Err(JudgeError::Service(ServiceError::Decode(_))) => return Ok((row, sample.genre, BTreeMap::new())),
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
    let features = readings.into_iter().map(|(stage, reading)| (stage, mean_features(&reading))).collect();
    Ok((row, sample.genre, features))
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

fn create(path: &Path) -> Result<File> {
    File::create(path).with_context(|| format!("cannot write {}", path.display()))
}

fn write_json(path: &Path, report: &Report) -> Result<()> {
    let mut out = BufWriter::new(create(path)?);
    serde_json::to_writer_pretty(&mut out, report)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

fn parse_stage(name: &str) -> Result<Stage> {
    match Stage::parse(name) {
        Some(stage) => Ok(stage),
        None => bail!("the stages are {}", Stage::ALL.map(Stage::name).join(", ")),
    }
}
