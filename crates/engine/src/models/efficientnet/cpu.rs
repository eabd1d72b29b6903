//! The network on the CPU, where most of its time would otherwise go into memory: the expanded map of a block is six
//! times its input. Here a block is worked on a group of channels at a time, expanded, convolved and projected while
//! the group is in the cache, so that the expanded map never exists as a whole.

use super::{Block, HEAD, Layers, Same, Shape};
use crate::convolution::{Aligned, DepthwiseRow, GROUP, Output, Product};
use candle_core::{Device, Result, Tensor, bail};
use candle_nn::Linear;
use pulp::Arch;
use rayon::prelude::*;

/// Values of an expanded group that are worked on together: half a megabyte, a share of the second-level cache.
const STRIP: usize = 1 << 17;

/// A square map, `[side, side, channels]`, its channels padded with zeros to whole groups.
struct Map {
    side: usize,
    channels: usize,
    values: Aligned,
}

impl Map {
    /// A row of pixels.
    fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.side * self.channels..][..self.side * self.channels]
    }
}

/// A convolution's weights by groups of output channels.
struct Groups {
    /// Inputs of an output.
    inputs: usize,
    /// `[groups, inputs, GROUP]`
    weights: Aligned,
    /// `[groups, GROUP]`
    biases: Vec<f32>,
}

impl Groups {
    /// Pads the outputs, and the inputs to `inputs`, with zeros.
    fn pack(layer: &Linear, inputs: usize) -> Result<Self> {
        let rows = layer.weight().to_vec2::<f32>()?;
        let channels = rows.len().next_multiple_of(GROUP);
        let mut weights = Aligned::zeros(channels * inputs);
        for (output, row) in rows.iter().enumerate() {
            for (input, &weight) in row.iter().enumerate() {
                weights[(output / GROUP * inputs + input) * GROUP + output % GROUP] = weight;
            }
        }
        let Some(biases) = layer.bias() else { bail!("a convolution needs biases") };
        let mut biases = biases.to_vec1()?;
        biases.resize(channels, 0.0);
        Ok(Self { inputs, weights, biases })
    }

    /// Outputs, padded.
    fn channels(&self) -> usize {
        self.biases.len()
    }

    /// `[inputs, GROUP]`
    fn weights(&self, group: usize) -> &[f32] {
        &self.weights[group * self.inputs * GROUP..][..self.inputs * GROUP]
    }

    fn biases(&self, group: usize) -> &[f32] {
        &self.biases[group * GROUP..][..GROUP]
    }
}

struct PackedBlock {
    shape: Shape,
    expand: Option<Groups>,
    depthwise: Groups,
    project: Groups,
}

/// The network with its weights packed for the CPU.
pub(super) struct Network {
    stem: Groups,
    blocks: Vec<PackedBlock>,
    head: Groups,
    classifier: Vec<f32>,
    bias: f32,
}

impl Network {
    /// Packs f32 weights.
    pub(super) fn pack(layers: &Layers) -> Result<Self> {
        let pack = |layer: &Linear| Groups::pack(layer, layer.weight().dim(1)?);
        let block = |block: &Block| {
            Ok(PackedBlock {
                shape: block.shape,
                expand: block.expand.as_ref().map(pack).transpose()?,
                depthwise: pack(&block.depthwise)?,
                project: Groups::pack(&block.project, block.shape.middle.next_multiple_of(GROUP))?,
            })
        };
        let Some(bias) = layers.classifier.bias() else { bail!("the classifier needs a bias") };
        Ok(Self {
            stem: pack(&layers.stem)?,
            blocks: layers.blocks.iter().map(block).collect::<Result<_>>()?,
            head: pack(&layers.head)?,
            classifier: layers.classifier.weight().flatten_all()?.to_vec1()?,
            bias: bias.flatten_all()?.to_vec1::<f32>()?.iter().sum(),
        })
    }

    /// Logits `[images, 1]` of images `[images, side, side, 3]`. Images run side by side; each uses the threads that
    /// are left.
    pub(super) fn logits(&self, images: &Tensor) -> Result<Tensor> {
        let (n, side, width, channels) = images.dims4()?;
        if side != width || channels != 3 || side == 0 {
            bail!("{side} × {width} × {channels} is not a square RGB image")
        }
        let values = images.flatten_all()?.to_vec1::<f32>()?;
        let logits: Vec<f32> = values.par_chunks(side * side * 3).map(|image| self.logit(image, side)).collect();
        Tensor::from_vec(logits, (n, 1), &Device::Cpu)
    }

    fn logit(&self, image: &[f32], side: usize) -> f32 {
        let stem = convolve_stem(image, side, &self.stem);
        let map = self.blocks.iter().fold(stem, |map, block| block.forward(&map));
        let pooled = self.pool_head(&map);
        pooled.iter().zip(&self.classifier).map(|(x, weight)| x * weight).sum::<f32>() + self.bias
    }

    /// The head's channels, each averaged over the map.
    fn pool_head(&self, map: &Map) -> Vec<f32> {
        let pixels = map.side * map.side;
        let mut means = vec![0.0; HEAD];
        means.par_chunks_mut(GROUP).enumerate().for_each_init(
            || vec![0.0; pixels * GROUP],
            |out, (group, means)| {
                Arch::new().dispatch(Product {
                    x: &map.values,
                    x_stride: map.channels,
                    weights: self.head.weights(group),
                    output: Output::Activated(self.head.biases(group)),
                    out,
                    out_stride: GROUP,
                    pixels,
                });
                for pixel in out.chunks_exact(GROUP) {
                    means.iter_mut().zip(pixel).for_each(|(mean, x)| *mean += x / pixels as f32);
                }
            },
        );
        means
    }
}

/// The stem, a convolution of 3 × 3 pixels with stride 2, and ReLU6.
fn convolve_stem(image: &[f32], side: usize, stem: &Groups) -> Map {
    const KERNEL: usize = 3;
    const STRIDE: usize = 2;
    let same = Same::new(side, KERNEL, STRIDE);
    let (out_side, channels) = (same.side, stem.channels());
    let mut padded = vec![0.0; same.across * same.across * 3];
    for (row, padded) in image.chunks_exact(side * 3).zip(padded.chunks_exact_mut(same.across * 3).skip(same.before)) {
        padded[same.before * 3..][..row.len()].copy_from_slice(row);
    }
    let mut values = Aligned::zeros(out_side * out_side * channels);
    values.par_chunks_mut(out_side * channels).enumerate().for_each_init(
        || vec![0.0; out_side * stem.inputs],
        |patches, (row, out)| {
            for (column, patch) in patches.chunks_exact_mut(stem.inputs).enumerate() {
                for (i, pixels) in patch.chunks_exact_mut(KERNEL * 3).enumerate() {
                    let first = (row * STRIDE + i) * same.across + column * STRIDE;
                    pixels.copy_from_slice(&padded[first * 3..][..KERNEL * 3]);
                }
            }
            for group in 0..channels / GROUP {
                Arch::new().dispatch(Product {
                    x: patches,
                    x_stride: stem.inputs,
                    weights: stem.weights(group),
                    output: Output::Activated(stem.biases(group)),
                    out: &mut out[group * GROUP..],
                    out_stride: channels,
                    pixels: out_side,
                });
            }
        },
    );
    Map { side: out_side, channels, values }
}

impl PackedBlock {
    /// Threads share the map's strips and, where these are fewer, the expanded channels, whose projections are then
    /// added up in order: the same on every run.
    fn forward(&self, x: &Map) -> Map {
        let same = Same::new(x.side, self.shape.kernel, self.shape.stride);
        let (side, channels) = (same.side, self.project.channels());
        let fitting = (STRIP / (same.across * GROUP)).saturating_sub(self.shape.kernel) / self.shape.stride;
        let rows = fitting.clamp(1, side);
        let groups: Vec<usize> = (0..self.depthwise.channels() / GROUP).collect();
        let shares = (rayon::current_num_threads() / side.div_ceil(rows)).clamp(1, groups.len());
        let shares = groups.par_chunks(groups.len().div_ceil(shares));

        let mut total = Aligned::zeros(side * side * channels);
        for pixel in total.chunks_exact_mut(channels) {
            pixel.copy_from_slice(&self.project.biases);
        }
        if self.shape.is_residual() {
            total.iter_mut().zip(x.values.iter()).for_each(|(out, x)| *out += x);
        }
        let mut others: Vec<Aligned> = (1..shares.len()).map(|_| Aligned::zeros(total.len())).collect();
        let sums: Vec<&mut Aligned> = std::iter::once(&mut total).chain(&mut others).collect();
        sums.into_par_iter().zip(shares).for_each(|(sum, groups)| {
            let strips = sum.par_chunks_mut(rows * side * channels).enumerate();
            strips.for_each(|(strip, out)| self.add_strip(x, same, strip * rows, groups, out));
        });
        for other in &others {
            total.iter_mut().zip(other.iter()).for_each(|(total, x)| *total += x);
        }
        Map { side, channels, values: total }
    }

    /// Adds to `out`, rows of the block's output from `first` on, what some groups of expanded channels contribute.
    fn add_strip(&self, x: &Map, same: Same, first: usize, groups: &[usize], out: &mut [f32]) {
        let Shape { kernel, stride, .. } = self.shape;
        let channels = self.project.channels();
        let row = same.across * GROUP;
        let pixels = out.len() / channels;
        let rows = pixels / same.side;
        // Zeros around the map are never written to.
        let mut expanded = Aligned::zeros(((rows - 1) * stride + kernel) * row);
        let mut convolved = Aligned::zeros(pixels * GROUP);
        for &group in groups {
            for (i, expanded) in expanded.chunks_exact_mut(row).enumerate() {
                if let Some(y) = (first * stride + i).checked_sub(same.before).filter(|&y| y < x.side) {
                    self.expand_row(x, y, group, &mut expanded[same.before * GROUP..][..x.side * GROUP]);
                }
            }
            for (i, convolved) in convolved.chunks_exact_mut(same.side * GROUP).enumerate() {
                Arch::new().dispatch(DepthwiseRow {
                    x: &expanded[i * stride * row..],
                    x_stride: row,
                    kernel,
                    stride,
                    weights: self.depthwise.weights(group),
                    biases: self.depthwise.biases(group),
                    out: convolved,
                });
            }
            for outputs in 0..channels / GROUP {
                Arch::new().dispatch(Product {
                    x: &convolved,
                    x_stride: GROUP,
                    weights: &self.project.weights(outputs)[group * GROUP * GROUP..][..GROUP * GROUP],
                    output: Output::Added,
                    out: &mut out[outputs * GROUP..],
                    out_stride: channels,
                    pixels,
                });
            }
        }
    }

    /// A group of the expanded channels of a row of the map; the map's own where the block does not expand.
    fn expand_row(&self, x: &Map, y: usize, group: usize, out: &mut [f32]) {
        match &self.expand {
            Some(expand) => Arch::new().dispatch(Product {
                x: x.row(y),
                x_stride: x.channels,
                weights: expand.weights(group),
                output: Output::Activated(expand.biases(group)),
                out,
                out_stride: GROUP,
                pixels: x.side,
            }),
            None => {
                for (out, pixel) in out.chunks_exact_mut(GROUP).zip(x.row(y).chunks_exact(x.channels)) {
                    out.copy_from_slice(&pixel[group * GROUP..][..GROUP]);
                }
            }
        }
    }
}
