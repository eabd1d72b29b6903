//! What the command line can do: one file a command.

pub mod accounts;
pub mod calibrate;
pub mod detect;
pub mod eval;
mod heatmap;
pub mod inspect;
mod judging;
pub mod keys;
pub mod models;
pub mod quality;
pub mod serve;
pub mod token;

use crate::data::DataDir;
use crate::embedded::Embedded;
use crate::installation::Installation;
use anyhow::{Context, Result, bail};
use clap::Args;
use engine::{Device, Engine};
use scan::{AccountId, Pack, Stage};
use service::Judge;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The data folder, which every command takes.
#[derive(Args, Clone)]
pub struct DataArgs {
    /// Folder for everything this installation keeps: accounts, keys, scans, models.
    #[arg(long, value_name = "FOLDER", default_value = ".truthlens", env = "TRUTHLENS_DATA")]
    data_dir: PathBuf,
}

impl DataArgs {
    fn data(&self) -> DataDir {
        DataDir::new(&self.data_dir)
    }
}

/// An account, for the commands that are about one.
#[derive(Args, Clone)]
struct AccountArgs {
    /// The account's name: 1 to 64 letters, digits, dots, dashes or underscores.
    #[arg(long, value_name = "NAME")]
    account: AccountId,
    #[command(flatten)]
    data: DataArgs,
}

/// The model pack, for the commands that judge.
#[derive(Args, Clone)]
pub struct PackArgs {
    /// A pack's name, or the path of a folder that holds a pack.toml and its files.
    #[arg(long, value_name = "NAME|FOLDER", default_value = "compact")]
    pack: String,
}

impl PackArgs {
    /// The pack's folder and its manifest.
    fn open(&self, data: &DataDir) -> Result<(PathBuf, Arc<Pack>)> {
        let folder = if Path::new(&self.pack).join("pack.toml").is_file() {
            PathBuf::from(&self.pack)
        } else {
            data.pack(&self.pack)
        };
        let manifest = folder.join("pack.toml");
        let text = std::fs::read_to_string(&manifest).with_context(|| {
            let remedy = format!("fetch it with `truthlens models pull {}`", self.pack);
            format!("model pack {:?} is not there ({}); {remedy}", self.pack, manifest.display())
        })?;
        Ok((folder, Arc::new(Pack::parse(&text).with_context(|| manifest.display().to_string())?)))
    }
}

/// Loads the pack's models, away from the runtime's threads, and tells of stages that are absent.
async fn load_engine(folder: PathBuf, pack: Arc<Pack>) -> Result<Arc<Engine>> {
    let loading = pack.clone();
    let load = move || Engine::load(&loading, &folder, Device::cuda_if_available(0)?);
    let engine = tokio::task::spawn_blocking(load).await??;
    for stage in pack.neural_stages() {
        if let Some(reason) = engine.absent(stage) {
            eprintln!("truthlens: stage {stage} will not run: {reason}");
        }
    }
    Ok(Arc::new(engine))
}

/// Everything that judges content in this process.
async fn judge(pack: &PackArgs, data: &DataDir) -> Result<Judge> {
    let (folder, pack) = pack.open(data)?;
    let engine = load_engine(folder, pack.clone()).await?;
    Ok(Judge::new(pack, engine))
}

/// The bytes of a file, or of standard input for `-`; one more than `limit` at the most.
fn read_file(path: &Path, limit: usize) -> Result<Vec<u8>> {
    let (most, mut bytes) = (limit as u64 + 1, Vec::new());
    let read = if path.as_os_str() == "-" {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes))
    };
    read.with_context(|| format!("cannot read {}", path.display()))?;
    Ok(bytes)
}

/// Works on the tables of the server that runs on the folder, or on our own for as long as it takes.
async fn with_tables(data: &DataDir, work: impl AsyncFnOnce(&Installation) -> Result<()>) -> Result<()> {
    data.create()?;
    let Some(lock) = data.lock()? else {
        return work(&Installation::tables(data.published()?.services.clients(), data).await?).await;
    };
    let embedded = Embedded::start(data.root()).await?;
    let done = work(&Installation::tables(embedded.clients(), data).await?.holding(lock)).await;
    embedded.stop().await;
    done
}

fn parse_stage(name: &str) -> Result<Stage> {
    match Stage::parse(name) {
        Some(stage) => Ok(stage),
        None => bail!("the stages are {}", Stage::ALL.map(Stage::name).join(", ")),
    }
}
