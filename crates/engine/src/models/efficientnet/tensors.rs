//! The network in candle's tensor operations, for any device and type.

use super::{Block, Layers, Same, Shape};
use candle_core::{Module, Result, Tensor, bail};
use candle_nn::Linear;

impl Layers {
    /// Logits `[images, 1]` of images `[images, side, side, 3]`.
    pub(super) fn logits(&self, images: &Tensor) -> Result<Tensor> {
        let mut x = relu6(&self.stem.forward(&Tensor::cat(&taps(images, 3, 2)?, 3)?)?)?;
        for block in &self.blocks {
            x = block.forward(&x)?;
        }
        let pooled = relu6(&self.head.forward(&x)?)?.mean((1, 2))?;
        self.classifier.forward(&pooled)
    }
}

impl Block {
    /// Maps `[images, side, side, channels]`.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let expanded = match &self.expand {
            Some(expand) => relu6(&expand.forward(x)?)?,
            None => x.clone(),
        };
        let out = self.project.forward(&depthwise(&expanded, &self.depthwise, &self.shape)?)?;
        if self.shape.is_residual() { out + x } else { Ok(out) }
    }
}

fn depthwise(x: &Tensor, layer: &Linear, shape: &Shape) -> Result<Tensor> {
    let Some(bias) = layer.bias() else { bail!("a depthwise convolution needs biases") };
    let mut sum = bias.reshape((1, 1, 1, ()))?;
    // A grouped convolution is, in candle, as many convolutions as channels; this is one product per tap.
    for (tap, weight) in
        taps(x, shape.kernel, shape.stride)?.iter().zip(layer.weight().t()?.chunk(shape.kernel.pow(2), 0)?)
    {
        sum = tap.broadcast_mul(&weight)?.broadcast_add(&sum)?;
    }
    relu6(&sum)
}

/// What each position of the kernel sees, row by row: `kernel²` tensors `[images, out, out, channels]`.
fn taps(x: &Tensor, kernel: usize, stride: usize) -> Result<Vec<Tensor>> {
    let (n, side, _, channels) = x.dims4()?;
    let same = Same::new(side, kernel, stride);
    let (out, after) = (same.side, same.across - same.before - side);
    let padded = x.pad_with_zeros(1, same.before, after)?.pad_with_zeros(2, same.before, after)?;
    let tap = |i: usize| {
        let seen = padded.narrow(1, i / kernel, stride * out)?.narrow(2, i % kernel, stride * out)?;
        // Of every stride, the first row and column.
        let strides = seen.reshape((n, out, stride, out, stride * channels))?;
        strides.narrow(2, 0, 1)?.narrow(4, 0, channels)?.reshape((n, out, out, channels))
    };
    (0..kernel * kernel).map(tap).collect()
}

fn relu6(x: &Tensor) -> Result<Tensor> {
    x.clamp(0.0, 6.0)
}
