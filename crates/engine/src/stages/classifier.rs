//! The `classifier` stage: a vision network fine-tuned to tell photographs from generated images.

use super::log_odds;
use crate::files::{ModelFiles, PackFiles};
use crate::models::clip::{self, Clip, ClipTower};
use crate::models::vit::{self, Vit};
use crate::models::{Arithmetic, ImageClassifier};
use crate::scheduler::{Model, Worker};
use crate::sight::{Families, Seen, Sight};
use crate::{EngineError, dtype};
use candle_core::{Device, Tensor};
use candle_nn::VarBuilder;
use scan::pack::{Architecture, Format, Input, ModelSpec, Probe};
use scan::{Features, HeatMap, Pixels, Reading, Sighting, Stage, Window};
use serde::Deserialize;

/// The stage, loaded.
pub struct Classifier {
    worker: Worker<Detector>,
    /// Side of the model's views in pixels.
    size: u32,
    /// The families that a probe tells apart besides.
    families: Families,
}

/// How bytes become a network's input: `(byte / 255 − mean) / std`, for red, green and blue.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Normalisation {
    image_mean: [f32; 3],
    image_std: [f32; 3],
}

impl Normalisation {
    fn apply<'a>(&'a self, rgb: &'a [u8]) -> impl Iterator<Item = f32> + 'a {
        let channels = self.image_mean.iter().zip(&self.image_std).cycle();
        rgb.iter().zip(channels).map(|(&byte, (mean, std))| (f32::from(byte) / 255.0 - mean) / std)
    }
}

/// What judges a view.
enum Network {
    /// Fine-tuned as a whole; which of its labels is AI where it has two.
    Labels(Box<dyn ImageClassifier>, usize),
    /// A tower as it was, and a probe.
    Probe(Sight),
}

impl Network {
    fn size(&self) -> usize {
        match self {
            Self::Labels(network, _) => network.size(),
            Self::Probe(sight) => sight.size(),
        }
    }

    fn look(&self, views: &Tensor) -> candle_core::Result<Vec<Seen>> {
        match self {
            Self::Labels(network, ai) => {
                let seen = |log_odds| Seen { log_odds, families: Vec::new(), map: Vec::new() };
                Ok(log_odds(&network.logits(views)?, *ai)?.into_iter().map(seen).collect())
            }
            Self::Probe(sight) => sight.look(views),
        }
    }
}

/// A network and what it is shown.
struct Detector {
    network: Network,
    normalisation: Normalisation,
    device: Device,
}

impl Model for Detector {
    /// A view, `size × size × 3` bytes.
    type Input = Vec<u8>;
    type Output = Seen;

    fn weight(_: &Vec<u8>) -> usize {
        1
    }

    fn run(&self, batch: &[&Vec<u8>]) -> Result<Vec<Seen>, EngineError> {
        let size = self.network.size();
        let values: Vec<f32> = batch.iter().flat_map(|view| self.normalisation.apply(view)).collect();
        let views = Tensor::from_vec(values, (batch.len(), size, size, 3), &self.device)?;
        Ok(self.network.look(&views.to_dtype(dtype(&self.device))?)?)
    }
}

impl Classifier {
    /// Verifies and loads the network from the pack's files.
    pub fn load(spec: &ModelSpec, pack: &PackFiles, device: &Device) -> Result<Self, EngineError> {
        let unsupported = |reason: String| EngineError::unsupported(Stage::Classifier, reason);
        let Input::Image { size, .. } = spec.input else {
            return Err(unsupported("it looks at images, not texts".into()));
        };
        let files = pack.model(&spec.files, &spec.directory)?;
        let network = match &spec.probe {
            Some(probe) => Network::Probe(sight(spec, probe, &files, pack, device)?),
            None => labels(spec, &files, device)?,
        };
        if network.size() != size as usize {
            return Err(unsupported(format!("the pack cuts views of {size} pixels, it takes {}", network.size())));
        }
        let families = match &network {
            Network::Probe(sight) => sight.families().clone(),
            Network::Labels(..) => Families::default(),
        };
        let detector = Detector { network, normalisation: files.preprocessor()?, device: device.clone() };
        Ok(Self { worker: Worker::start(Stage::Classifier.name(), budget(device), detector)?, size, families })
    }

    /// Classifies each view of an image. The map is that of the first view, families are those of all.
    pub async fn read(&self, pixels: &Pixels) -> Result<Reading, EngineError> {
        if pixels.size() != self.size {
            return Err(EngineError::ViewSize { expected: self.size, found: pixels.size() });
        }
        let seen = self.worker.run(pixels.views().map(<[u8]>::to_vec).collect()).await?;
        let window = |seen: &Seen| Window {
            chars: 0..0,
            tokens: 1,
            features: Features::from([("logit".into(), seen.log_odds)]),
        };
        let windows = seen.iter().map(window).collect();
        Ok(Reading { windows, segments: Vec::new(), sighting: self.sighting(&seen) })
    }

    fn sighting(&self, seen: &[Seen]) -> Option<Sighting> {
        let map = HeatMap::from_logits(&seen.first()?.map)?;
        let views: Vec<&[f64]> = seen.iter().map(|seen| seen.families.as_slice()).collect();
        Some(Sighting { generator: self.families.clearest(&views), map })
    }
}

/// A network that was fine-tuned as a whole.
fn labels(spec: &ModelSpec, files: &ModelFiles, device: &Device) -> Result<Network, EngineError> {
    let unsupported = |reason: String| EngineError::unsupported(Stage::Classifier, reason);
    if spec.format != Format::Safetensors {
        return Err(unsupported(format!("it cannot be loaded from {:?}", spec.format)));
    }
    let dtype = dtype(device);
    let (network, ai): (Box<dyn ImageClassifier>, usize) = match spec.architecture {
        Architecture::Vit => {
            let config: vit::Config = files.config()?;
            let ai = config.id2label.ai().map_err(unsupported)?;
            (Box::new(files.load(dtype, device, |vb| Vit::load(vb, &config))?), ai)
        }
        Architecture::Clip => {
            let config: clip::Config = files.config()?;
            (Box::new(files.load(dtype, device, |vb| Clip::load(vb, &config))?), 0)
        }
        architecture => return Err(unsupported(format!("{architecture:?} does not classify images"))),
    };
    Ok(Network::Labels(network, ai))
}

/// A tower, no deeper than its probe reads, and the probe.
fn sight(
    spec: &ModelSpec,
    probe: &Probe,
    files: &ModelFiles,
    pack: &PackFiles,
    device: &Device,
) -> Result<Sight, EngineError> {
    let unsupported = |reason: String| EngineError::unsupported(Stage::Classifier, reason);
    let Architecture::Clip = spec.architecture else {
        return Err(unsupported(format!("there is no probe of {:?}", spec.architecture)));
    };
    let config: clip::Config = files.config()?;
    let dtype = dtype(device);
    let depth = probe.layers.last().copied().unwrap_or(0);
    // int8 kernels are the CPU's; a GPU has them in the tensor cores of its own formats.
    let arithmetic = if spec.int8 && device.is_cpu() { Arithmetic::Int8 } else { Arithmetic::Float };
    let load = |vb: VarBuilder| ClipTower::load(vb, &config, depth, arithmetic);
    let tower = match spec.format {
        Format::Safetensors => files.load(dtype, device, load)?,
        Format::Onnx => files.onnx(dtype, device, load)?,
        format => return Err(unsupported(format!("it cannot be loaded from {format:?}"))),
    };
    Sight::load(Box::new(tower), &pack.model(&spec.files, &probe.directory)?, &probe.layers, dtype, device)
}

/// Views per batch: on a CPU a few saturate the cores, a GPU wants many.
fn budget(device: &Device) -> usize {
    if device.is_cpu() { 8 } else { 64 }
}
