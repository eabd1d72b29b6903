//! EfficientNet-Lite (Tan and Le, 2019, arXiv:1905.11946; Liu, 2020): EfficientNet without squeeze-and-excitation, with
//! ReLU6, with a stem and a head that do not grow.
//!
//! The model folder's tensors, batch norms folded into the convolutions, any float type:
//!
//! | name | shape |
//! |---|---|
//! | `stem.weight`, `stem.bias` | `[32, 3, 3, 3]` (outputs, inputs, rows, columns), `[32]` |
//! | `blocks.{i}.expand.weight`, `.bias` (none where a block does not expand) | `[mid, in]`, `[mid]` |
//! | `blocks.{i}.depthwise.weight`, `.bias` | `[mid, rows, columns]`, `[mid]` |
//! | `blocks.{i}.project.weight`, `.bias` | `[out, mid]`, `[out]` |
//! | `head.weight`, `head.bias` | `[1280, in]`, `[1280]` |
//! | `classifier.weight`, `classifier.bias` | `[1, 1280]`, `[1]`: log-odds of AI |
//!
//! `config.json` holds `image_size`, `width` and `depth`, from which the blocks follow.

mod cpu;
mod tensors;

use super::ImageClassifier;
use candle_core::{DType, Result, Tensor};
use candle_nn::{Linear, VarBuilder, linear};
use serde::Deserialize;

/// Channels after the stem.
const STEM: usize = 32;
/// Channels after the head.
const HEAD: usize = 1280;
/// Repeats, kernel, stride, expansion and output channels of each stage at width and depth 1: table 1 of the paper.
const STAGES: [(usize, usize, usize, usize, usize); 7] = [
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
];

/// `config.json`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Config {
    /// Side of an image in pixels.
    pub image_size: usize,
    /// Factor on channels.
    pub width: f64,
    /// Factor on repeats.
    pub depth: f64,
}

impl Config {
    /// Channels times width, to the nearest multiple of 8 that is not more than a tenth below.
    fn channels(&self, channels: usize) -> usize {
        let wanted = channels as f64 * self.width;
        let rounded = (wanted + 4.0) as usize / 8 * 8;
        if (rounded as f64) < 0.9 * wanted { rounded + 8 } else { rounded.max(8) }
    }

    /// Every block, in order. The first and the last stage do not repeat more often in a deeper network.
    fn blocks(&self) -> Vec<Shape> {
        let mut blocks: Vec<Shape> = Vec::new();
        for (i, (repeats, kernel, stride, expansion, outputs)) in STAGES.into_iter().enumerate() {
            let deep = 0 < i && i < STAGES.len() - 1;
            let repeats = if deep { (repeats as f64 * self.depth).ceil() as usize } else { repeats };
            for repeat in 0..repeats {
                let inputs = blocks.last().map_or(STEM, |last| last.outputs);
                let stride = if repeat == 0 { stride } else { 1 };
                let middle = inputs * expansion;
                blocks.push(Shape { kernel, stride, inputs, middle, outputs: self.channels(outputs) });
            }
        }
        blocks
    }
}

/// An inverted residual (Sandler et al., 2018, arXiv:1801.04381): expand, convolve each channel, project.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Shape {
    kernel: usize,
    stride: usize,
    inputs: usize,
    middle: usize,
    outputs: usize,
}

impl Shape {
    fn is_residual(&self) -> bool {
        self.stride == 1 && self.inputs == self.outputs
    }
}

/// TensorFlow's SAME padding along one side: as many outputs as strides fit, zeros on both sides, one more after than
/// before where they do not halve.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Same {
    /// Outputs.
    side: usize,
    /// Zeros before the first input.
    before: usize,
    /// Inputs and zeros up to a whole stride after the last output's.
    across: usize,
}

impl Same {
    fn new(inputs: usize, kernel: usize, stride: usize) -> Self {
        let side = inputs.div_ceil(stride);
        let covered = (side.max(1) - 1) * stride + kernel;
        Self { side, before: covered.saturating_sub(inputs) / 2, across: side * stride + kernel - 1 }
    }
}

/// A block's convolutions.
struct Block {
    shape: Shape,
    expand: Option<Linear>,
    depthwise: Linear,
    project: Linear,
}

/// Every convolution is a matrix `[outputs, inputs of one output]`: for the stem `rows·columns·3` pixels' values, for a
/// depthwise one `rows·columns` values of its channel.
struct Layers {
    stem: Linear,
    blocks: Vec<Block>,
    head: Linear,
    classifier: Linear,
}

impl Layers {
    fn load(vb: VarBuilder, config: &Config) -> Result<Self> {
        let stem = vb.pp("stem").get((STEM, 3, 3, 3), "weight")?.permute((0, 2, 3, 1))?.reshape((STEM, 27))?;
        let shapes = config.blocks();
        let last = shapes.last().map_or(STEM, |last| last.outputs);
        let block = |(i, shape): (usize, Shape)| {
            let (vb, kernel, middle) = (vb.pp("blocks").pp(i), shape.kernel, shape.middle);
            let depthwise = vb.pp("depthwise").get((middle, kernel, kernel), "weight")?.flatten_from(1)?;
            Ok(Block {
                shape,
                expand: match middle == shape.inputs {
                    true => None,
                    false => Some(linear(shape.inputs, middle, vb.pp("expand"))?),
                },
                depthwise: Linear::new(depthwise, Some(vb.pp("depthwise").get(middle, "bias")?)),
                project: linear(middle, shape.outputs, vb.pp("project"))?,
            })
        };
        Ok(Self {
            stem: Linear::new(stem, Some(vb.pp("stem").get(STEM, "bias")?)),
            blocks: shapes.into_iter().enumerate().map(block).collect::<Result<_>>()?,
            head: linear(last, HEAD, vb.pp("head"))?,
            classifier: linear(HEAD, 1, vb.pp("classifier"))?,
        })
    }
}

/// EfficientNet-Lite with one logit.
pub struct EfficientNetLite {
    network: Network,
    size: usize,
}

enum Network {
    /// f32 on the CPU.
    Cpu(cpu::Network),
    /// Other types and devices.
    Tensors(Layers),
}

impl EfficientNetLite {
    /// Loads weights under the names above.
    pub fn load(vb: VarBuilder, config: &Config) -> Result<Self> {
        let on_cpu = vb.device().is_cpu() && vb.dtype() == DType::F32;
        let layers = Layers::load(vb, config)?;
        let network = if on_cpu { Network::Cpu(cpu::Network::pack(&layers)?) } else { Network::Tensors(layers) };
        Ok(Self { network, size: config.image_size })
    }
}

impl ImageClassifier for EfficientNetLite {
    fn size(&self) -> usize {
        self.size
    }

    fn logits(&self, images: &Tensor) -> Result<Tensor> {
        match &self.network {
            Network::Cpu(network) => network.logits(images),
            Network::Tensors(layers) => layers.logits(images),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_follow_width_and_depth() {
        let lite0 = Config { image_size: 224, width: 1.0, depth: 1.0 }.blocks();
        assert_eq!(lite0.len(), 16);
        assert_eq!(lite0[1], Shape { kernel: 3, stride: 2, inputs: 16, middle: 96, outputs: 24 });
        assert_eq!(lite0[15], Shape { kernel: 3, stride: 1, inputs: 192, middle: 1152, outputs: 320 });
        let lite2 = Config { image_size: 260, width: 1.1, depth: 1.2 }.blocks();
        assert_eq!(lite2.len(), 1 + 3 + 3 + 4 + 4 + 5 + 1);
        let outputs: Vec<usize> = lite2.iter().map(|block| block.outputs).collect();
        assert_eq!((outputs[0], outputs[1], outputs[4], outputs[20]), (16, 24, 48, 352));
    }

    #[test]
    fn same_padding_is_tensorflows() {
        assert_eq!(Same::new(224, 3, 2), Same { side: 112, before: 0, across: 226 });
        assert_eq!(Same::new(37, 3, 2), Same { side: 19, before: 1, across: 40 });
        assert_eq!(Same::new(14, 5, 1), Same { side: 14, before: 2, across: 18 });
        assert_eq!(Same::new(1, 5, 2), Same { side: 1, before: 2, across: 6 });
    }
}
