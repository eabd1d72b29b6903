//! The `classifier` stage: a vision network fine-tuned to tell photographs from generated images.

use super::log_odds;
use crate::files::PackFiles;
use crate::models::ImageClassifier;
use crate::models::clip::{self, Clip};
use crate::models::efficientnet::{self, EfficientNetLite};
use crate::models::vit::{self, Vit};
use crate::scheduler::{Model, Worker};
use crate::{EngineError, dtype};
use candle_core::{Device, Tensor};
use scan::pack::{Architecture, Format, Input, ModelSpec};
use scan::{Features, Pixels, Reading, Stage, Window};
use serde::Deserialize;

/// The stage, loaded.
pub struct Classifier {
    worker: Worker<Detector>,
    /// Side of the model's views in pixels.
    size: u32,
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

/// A network, what it is shown, and which of its labels is AI where it has two.
struct Detector {
    network: Box<dyn ImageClassifier>,
    normalisation: Normalisation,
    ai: usize,
    device: Device,
}

impl Model for Detector {
    /// A view, `size × size × 3` bytes.
    type Input = Vec<u8>;
    /// Log-odds of AI, in nats.
    type Output = f64;

    fn weight(_: &Vec<u8>) -> usize {
        1
    }

    fn run(&self, batch: &[&Vec<u8>]) -> Result<Vec<f64>, EngineError> {
        let size = self.network.size();
        let values: Vec<f32> = batch.iter().flat_map(|view| self.normalisation.apply(view)).collect();
        let images = Tensor::from_vec(values, (batch.len(), size, size, 3), &self.device)?;
        Ok(log_odds(&self.network.logits(&images.to_dtype(dtype(&self.device))?)?, self.ai)?)
    }
}

impl Classifier {
    /// Verifies and loads the network from the pack's files.
    pub fn load(spec: &ModelSpec, pack: &PackFiles, device: &Device) -> Result<Self, EngineError> {
        let unsupported = |reason: String| EngineError::unsupported(Stage::Classifier, reason);
        let Input::Image { size, .. } = spec.input else {
            return Err(unsupported("it looks at images, not texts".into()));
        };
        if spec.format != Format::Safetensors {
            return Err(unsupported(format!("it cannot be loaded from {:?}", spec.format)));
        }
        let files = pack.model(&spec.files, &spec.directory)?;
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
            Architecture::EfficientnetLite => {
                let config: efficientnet::Config = files.config()?;
                (Box::new(files.load(dtype, device, |vb| EfficientNetLite::load(vb, &config))?), 0)
            }
            architecture => return Err(unsupported(format!("{architecture:?} does not classify images"))),
        };
        if network.size() != size as usize {
            return Err(unsupported(format!("the pack cuts views of {size} pixels, it takes {}", network.size())));
        }
        let detector = Detector { network, normalisation: files.preprocessor()?, ai, device: device.clone() };
        Ok(Self { worker: Worker::start(Stage::Classifier.name(), budget(device), detector)?, size })
    }

    /// Classifies each view of an image.
    pub async fn read(&self, pixels: &Pixels) -> Result<Reading, EngineError> {
        if pixels.size() != self.size {
            return Err(EngineError::ViewSize { expected: self.size, found: pixels.size() });
        }
        let logits = self.worker.run(pixels.views().map(<[u8]>::to_vec).collect()).await?;
        let window = |logit| Window { chars: 0..0, tokens: 1, features: Features::from([("logit".into(), logit)]) };
        Ok(Reading { windows: logits.into_iter().map(window).collect(), segments: Vec::new() })
    }
}

/// Views per batch: on a CPU a few saturate the cores, a GPU wants many.
fn budget(device: &Device) -> usize {
    if device.is_cpu() { 8 } else { 64 }
}
