//! `truthlens calibrate`: fits a pack's numbers on labelled texts or images.

use super::judging::{Trial, judge_all};
use super::{DataArgs, PackArgs, judge, parse_stage};
use crate::calibrate::{self, Options, Origin, manifest};
use crate::eval::{Measured, Sample, dataset, rows, stratified};
use anyhow::{Context, Result, bail};
use clap::Args;
use scan::Stage;
use std::path::{Path, PathBuf};

/// Fit a pack's numbers on labelled texts or images: calibrations, blend weights, thresholds.
///
/// Each fitted stage's calibration keeps its form in the pack (features, quadratic or not) and gets new coefficients by
/// maximum likelihood with an L2 penalty; then come the blend's weights, its Platt scaling, and the thresholds, by
/// false-positive rate. At least 50 texts of 50 words and more, or 50 images, of each label are needed, from at least
/// two sources of each label. Every figure is printed twice: of the numbers as shipped, and with each row's source left
/// out of the fit (where a label has a single source, each of its genres), which is what to expect on other content.
#[derive(Args)]
#[command(group(clap::ArgGroup::new("content").required(true).multiple(true).args(["data", "rows"])))]
pub struct Calibrate {
    /// Labelled texts (JSONL) or images (a CSV index), as `truthlens eval` reads them; may be given several times.
    /// Every stage of the pack judges them first.
    #[arg(long, value_name = "FILE.jsonl|INDEX.csv")]
    data: Vec<PathBuf>,
    /// Rows that `truthlens eval --rows` wrote with the same models; may be given several times, also a stage a file.
    #[arg(long, value_name = "ROWS.jsonl")]
    rows: Vec<PathBuf>,
    /// Of the data, judge only so many, an even share of every source and label.
    #[arg(long, value_name = "N", requires = "data")]
    sample: Option<usize>,
    /// Which sample.
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// Fit these stages only; the others keep calibration and share of the blend. All but metadata unless told: its
    /// odds are judgements, since files with metadata are rare.
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = parse_stage)]
    stages: Option<Vec<Stage>>,
    /// The share of human content that may be called AI; each human source of 80 or more may have three times that.
    #[arg(long, value_name = "RATE", default_value_t = 0.01, value_parser = parse_rate)]
    max_fpr: f64,
    /// Where the manifest with the new numbers goes.
    #[arg(long, value_name = "PACK.toml")]
    out: PathBuf,
    /// Allow `--out` to be a file that is there, such as the pack's own manifest.
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    pack: PackArgs,
    #[command(flatten)]
    data_dir: DataArgs,
}

impl Calibrate {
    /// Judges, fits, prints, writes.
    pub async fn run(self) -> Result<()> {
        if self.out.exists() && !self.overwrite {
            bail!("{} is there already; name another file, or say --overwrite", self.out.display());
        }
        let (folder, pack) = self.pack.open(&self.data_dir.data())?;
        let mut measured = Vec::new();
        for path in &self.rows {
            measured.extend(rows::read(path)?);
        }
        let samples = self.samples()?;
        // Said before hours of judging rather than after.
        let origins = measured.iter().map(|m| Origin::from(&m.row)).chain(samples.iter().map(Origin::from));
        let origins: Vec<Origin> = origins.collect();
        calibrate::check(&origins, &calibrate::groups(&origins))?;
        measured.extend(self.judge(samples).await?);

        let rows = calibrate::join(measured)?;
        let modality = calibrate::modality(&rows)?;
        let options = Options { stages: self.stages, max_fpr: self.max_fpr };
        let fitted = calibrate::calibrate(&pack, modality, &rows, &options)?;
        let manifest = manifest::rewrite(&read(&folder.join("pack.toml"))?, modality, &fitted)?;
        print!("{}, {modality}\n\n{fitted}", pack.label());
        write(&self.out, &manifest)?;
        let path = self.out.display();
        eprintln!("truthlens: wrote {path}; it judges once it is the pack.toml of a folder with the pack's files");
        Ok(())
    }

    fn samples(&self) -> Result<Vec<Sample>> {
        let mut samples = Vec::new();
        for path in &self.data {
            samples.extend(dataset::read(path)?);
        }
        let n = self.sample.unwrap_or(samples.len());
        Ok(stratified(samples, n, self.seed))
    }

    async fn judge(&self, samples: Vec<Sample>) -> Result<Vec<Measured>> {
        let mut measured = Vec::new();
        if !samples.is_empty() {
            let judge = judge(&self.pack, &self.data_dir.data()).await?;
            let keep = |row| {
                measured.push(row);
                Ok(())
            };
            judge_all(&judge, samples.into_iter().map(Trial::untreated).collect(), None, keep).await?;
        }
        Ok(measured)
    }
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn write(path: &Path, manifest: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    std::fs::write(path, manifest).with_context(|| format!("cannot write {}", path.display()))
}

fn parse_rate(text: &str) -> Result<f64> {
    match text.parse() {
        Ok(rate) if rate > 0.0 && rate < 1.0 => Ok(rate),
        _ => bail!("a rate lies between 0 and 1, as 0.01 does"),
    }
}
