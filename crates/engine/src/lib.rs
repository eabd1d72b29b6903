//! The neural stages on candle: packs, models, tokenisation, scoring, batching.
//!
//! [`Engine::load`] verifies and loads a pack's neural stages once; [`Engine::read`] measures a text with one
//! of them, [`Engine::look`] the pixels of an image. Both may be called from any number of tasks, whose work is
//! batched. A reading holds raw features; the pack's calibration, in crate `scan`, makes a probability of them.

mod error;
pub mod features;
pub mod files;
mod geglu;
pub mod gguf;
mod int8;
mod kernels;
pub mod models;
pub mod onnx;
pub mod probe;
mod quantised;
mod reductions;
pub mod remote;
pub mod scheduler;
pub mod scoring;
pub mod sight;
pub mod stages;
pub mod tokenizer_gguf;
pub mod windows;

pub use candle_core::Device;
pub use error::EngineError;
pub use files::PackFiles;
pub use remote::Remote;

use candle_core::DType;
use scan::pack::ModelSpec;
use scan::{Pack, Pixels, Reading, Stage};
use stages::binoculars::Binoculars;
use stages::classifier::Classifier;
use stages::encoder::Encoder;
use std::collections::BTreeMap;
use std::path::Path;

/// The neural stages of one pack, loaded.
pub struct Engine {
    stages: BTreeMap<Stage, Loaded>,
    absent: BTreeMap<Stage, String>,
}

enum Loaded {
    Encoder(Encoder),
    Binoculars(Binoculars),
    Classifier(Classifier),
}

impl Engine {
    /// Loads every neural stage that the pack names and whose files lie below `root`, the pack's folder. See
    /// [`Engine::load_stages`].
    pub fn load(pack: &Pack, root: &Path, device: Device) -> Result<Self, EngineError> {
        Self::load_stages(pack, &PackFiles::Folder(root.into()), device, |_| true)
    }

    /// Loads the neural stages that the pack names and that are `wanted`, if their files are as the pack describes
    /// them. A stage whose files are missing or other than described is absent, with the reason kept; a stage that
    /// cannot be run at all is an error. Blocks for as long as it takes.
    pub fn load_stages(
        pack: &Pack,
        files: &PackFiles,
        device: Device,
        wanted: impl Fn(Stage) -> bool,
    ) -> Result<Self, EngineError> {
        let mut engine = Self { stages: BTreeMap::new(), absent: BTreeMap::new() };
        for (&stage, spec) in pack.stages.iter().filter(|(stage, _)| wanted(**stage)) {
            let Some(model) = &spec.model else { continue };
            match load(stage, model, files, &device) {
                Ok(loaded) => {
                    tracing::info!(%stage, pack = pack.label(), "loaded");
                    engine.stages.insert(stage, loaded);
                }
                Err(
                    reason @ (EngineError::MissingFile { .. }
                    | EngineError::WrongSize { .. }
                    | EngineError::WrongDigest { .. }),
                ) => {
                    tracing::warn!(%stage, %reason, "absent");
                    engine.absent.insert(stage, reason.to_string());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(engine)
    }

    /// The stages that are loaded.
    pub fn stages(&self) -> impl Iterator<Item = Stage> + '_ {
        self.stages.keys().copied()
    }

    /// Why a stage that the pack names is not loaded.
    pub fn absent(&self, stage: Stage) -> Option<&str> {
        self.absent.get(&stage).map(String::as_str)
    }

    /// Measures a text, as normalised by [`scan::Normalised`], with one stage. Spans in the reading count that
    /// text's characters.
    pub async fn read(&self, stage: Stage, text: &str) -> Result<Reading, EngineError> {
        match self.stages.get(&stage) {
            Some(Loaded::Encoder(encoder)) => encoder.read(text).await,
            Some(Loaded::Binoculars(binoculars)) => binoculars.read(text).await,
            Some(Loaded::Classifier(_)) => Err(EngineError::unsupported(stage, "it looks at images, not texts")),
            None => Err(self.not_loaded(stage)),
        }
    }

    /// Measures the views of an image with one stage. Windows in the reading are the views, in order; they span no
    /// characters and weigh the same.
    pub async fn look(&self, stage: Stage, pixels: &Pixels) -> Result<Reading, EngineError> {
        match self.stages.get(&stage) {
            Some(Loaded::Classifier(classifier)) => classifier.read(pixels).await,
            Some(_) => Err(EngineError::unsupported(stage, "it reads texts, not images")),
            None => Err(self.not_loaded(stage)),
        }
    }

    fn not_loaded(&self, stage: Stage) -> EngineError {
        let reason = self.absent(stage).unwrap_or("it was not among those to be loaded");
        EngineError::Absent { stage, reason: reason.into() }
    }
}

fn load(stage: Stage, model: &ModelSpec, files: &PackFiles, device: &Device) -> Result<Loaded, EngineError> {
    match stage {
        Stage::Roberta => Ok(Loaded::Encoder(Encoder::load(model, files, device)?)),
        Stage::Binoculars => Ok(Loaded::Binoculars(Binoculars::load(model, files, device)?)),
        Stage::Classifier => Ok(Loaded::Classifier(Classifier::load(model, files, device)?)),
        _ => Err(EngineError::unsupported(stage, "it is not a neural stage")),
    }
}

/// f32 on the CPU, where candle has no half-precision kernels; bf16 on a GPU.
fn dtype(device: &Device) -> DType {
    if device.is_cpu() { DType::F32 } else { DType::BF16 }
}

/// Tokens per batch: on a CPU a few windows saturate the cores, a GPU wants many.
fn budget(device: &Device) -> usize {
    if device.is_cpu() { 1024 } else { 8192 }
}
