//! `truthlens eval`: how good the pack is on labelled texts or images.

use super::judging::{Trial, judge_all};
use super::{DataArgs, PackArgs, judge, parse_stage};
use crate::eval::{Attack, Distortion, Measured, Report, Row, Run, Sample, dataset, stratified};
use anyhow::{Context, Result, bail};
use clap::Args;
use scan::{Modality, Stage};
use service::Judge;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Measure the detector on labelled texts or images.
///
/// Prints AUROC with a bootstrap interval, the true-positive rate at 1 % and 5 % false positives, and the calibration
/// error, overall, by source, by length, style, kind of generator and attack (texts) or by distortion (images).
#[derive(Args)]
pub struct Eval {
    /// Labelled texts, one JSON object a line with `id`, `source`, `label` ("human" or "ai") and `text`; or labelled
    /// images, a CSV index with the columns `file`, `label` ("real" or "ai") and `source`.
    #[arg(long, value_name = "FILE.jsonl|INDEX.csv")]
    data: PathBuf,
    /// Of an image index, only the files below this folder.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Judge images distorted too; several separated by commas.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    distort: Vec<Distortion>,
    /// Judge texts attacked too, of both labels alike; several separated by commas.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    attack: Vec<Attack>,
    /// Attack only so many of the texts, an even share of every source and label.
    #[arg(long, value_name = "N", requires = "attack")]
    attack_sample: Option<usize>,
    /// Judge only so many of them, an even share of every source and label.
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// Which sample, and what an attack hits.
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// Measure one stage alone: heuristics, roberta, binoculars; metadata, frequency, classifier.
    #[arg(long, value_name = "NAME", value_parser = parse_stage)]
    stage: Option<Stage>,
    /// Write the report as JSON too.
    #[arg(long, value_name = "OUT")]
    json: Option<PathBuf>,
    /// Write each sample's score and every stage's raw features, one JSON object a line; the content is left out.
    /// `truthlens calibrate` fits on them, `truthlens quality` draws from them.
    #[arg(long, value_name = "OUT.jsonl")]
    rows: Option<PathBuf>,
    #[command(flatten)]
    pack: PackArgs,
    #[command(flatten)]
    data_dir: DataArgs,
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
        let rows = self.judge_all(&judge, self.trials(samples, modality)).await?;
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

    /// Each sample as it is, images with each distortion and texts with each attack that was asked for.
    fn trials(&self, samples: Vec<Sample>, modality: Modality) -> Vec<Trial> {
        let attacked = match modality {
            Modality::Text => stratified(samples.clone(), self.attack_sample.unwrap_or(samples.len()), self.seed),
            Modality::Image => Vec::new(),
        };
        let attacks = self.attack.iter().flat_map(|attack| {
            attacked.iter().cloned().map(|s| Trial { attack: *attack, seed: self.seed, ..Trial::untreated(s) })
        });
        let each = |sample: Sample| {
            let distort = if modality == Modality::Image { &self.distort[..] } else { &[] };
            let distortions = [Distortion::None].into_iter().chain(distort.iter().copied());
            distortions.map(move |distortion| Trial { distortion, ..Trial::untreated(sample.clone()) })
        };
        samples.into_iter().flat_map(each).chain(attacks).collect()
    }

    async fn judge_all(&self, judge: &Judge, trials: Vec<Trial>) -> Result<Vec<Row>> {
        let mut out = match &self.rows {
            Some(path) => Some(BufWriter::new(create(path)?)),
            None => None,
        };
        let mut rows = Vec::new();
        let keep = |measured: Measured| {
            if let Some(out) = &mut out {
                serde_json::to_writer(&mut *out, &measured)?;
                out.write_all(b"\n")?;
            }
            rows.push(measured.row);
            Ok(())
        };
        judge_all(judge, trials, self.stage, keep).await?;
        if let Some(mut out) = out {
            out.flush()?;
        }
        Ok(rows)
    }
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
