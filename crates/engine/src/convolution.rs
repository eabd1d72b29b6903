//! Convolution on the CPU for networks of few channels: sums over tiles of pixels × channels that stay in registers.
//!
//! Pixels lie one after another, each with its channels, which are padded with zeros to whole groups of [`GROUP`], so
//! that no loop has a remainder in that direction. A tile is [`PIXELS`] pixels by two vector registers; `pulp` compiles
//! it once per instruction set (AVX2, AVX-512, NEON) and picks at run time. No vector operation stands in a closure: one
//! that is not inlined would be compiled without the instruction set.

use pulp::{Simd, WithSimd};
use std::array::from_fn;
use std::ops::{Deref, DerefMut};

/// Channels that are worked on together: two AVX-512 registers, four AVX2 ones.
pub(crate) const GROUP: usize = 32;

/// Pixels of a tile: with two registers of channels each, they fill what AVX2 has, and divide the sides of the maps
/// of a 224-pixel image.
const PIXELS: usize = 7;

/// The upper end of ReLU6.
const CEILING: f32 = 6.0;

/// Zeros that begin where a cache line does, so that no register is loaded from two lines.
pub(crate) struct Aligned {
    values: Vec<f32>,
    start: usize,
}

impl Aligned {
    const LINE: usize = 64;

    /// So many zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        let mut values = vec![0.0; len + Self::LINE / size_of::<f32>()];
        // `align_offset` may decline, in which case loads are slower and nothing else.
        let start = values.as_ptr().align_offset(Self::LINE).min(values.len() - len);
        values.truncate(start + len);
        Self { values, start }
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.values[self.start..]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values[self.start..]
    }
}

/// What the sums of a [`Product`] start from, and how they end.
#[derive(Clone, Copy)]
pub(crate) enum Output<'a> {
    /// From the group's biases, through ReLU6.
    Activated(&'a [f32]),
    /// From what is there already.
    Added,
}

/// `out = x · weights` for one group of output channels.
pub(crate) struct Product<'a> {
    /// The pixels, `x_stride` values apart, of which the first `weights.len() / GROUP` are used.
    pub x: &'a [f32],
    pub x_stride: usize,
    /// `[inputs, GROUP]`.
    pub weights: &'a [f32],
    pub output: Output<'a>,
    /// The same pixels, `out_stride` values apart, of which the first `GROUP` are written.
    pub out: &'a mut [f32],
    pub out_stride: usize,
    pub pixels: usize,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let whole = self.pixels / PIXELS * PIXELS;
        for first in (0..whole).step_by(PIXELS) {
            self.tile::<S, PIXELS>(simd, first);
        }
        match self.pixels - whole {
            0 => {}
            1 => self.tile::<S, 1>(simd, whole),
            2 => self.tile::<S, 2>(simd, whole),
            3 => self.tile::<S, 3>(simd, whole),
            4 => self.tile::<S, 4>(simd, whole),
            5 => self.tile::<S, 5>(simd, whole),
            _ => self.tile::<S, 6>(simd, whole),
        }
    }
}

impl Product<'_> {
    #[inline(always)]
    fn tile<S: Simd, const N: usize>(&mut self, simd: S, first: usize) {
        let inputs = self.weights.len() / GROUP;
        let x: [&[f32]; N] = from_fn(|i| &self.x[(first + i) * self.x_stride..][..inputs]);
        let weights = S::as_simd_f32s(self.weights).0;
        let width = GROUP / S::F32_LANES;
        for pair in 0..width / 2 {
            let at = 2 * pair;
            let mut sums = [[simd.splat_f32s(0.0); 2]; N];
            for (i, sums) in sums.iter_mut().enumerate() {
                *sums = match self.output {
                    Output::Activated(biases) => registers::<S>(biases, at),
                    Output::Added => registers::<S>(&self.out[(first + i) * self.out_stride..][..GROUP], at),
                };
            }
            for (k, row) in weights.chunks_exact(width).enumerate() {
                let w = [row[at], row[at + 1]];
                for i in 0..N {
                    let x = simd.splat_f32s(x[i][k]);
                    sums[i] = [simd.mul_add_f32s(x, w[0], sums[i][0]), simd.mul_add_f32s(x, w[1], sums[i][1])];
                }
            }
            for (i, &sums) in sums.iter().enumerate() {
                let sums = match self.output {
                    Output::Activated(_) => relu6(simd, sums),
                    Output::Added => sums,
                };
                let out = &mut self.out[(first + i) * self.out_stride..][..GROUP];
                S::as_mut_simd_f32s(out).0[at..at + 2].copy_from_slice(&sums);
            }
        }
    }
}

/// A row of a depthwise convolution with ReLU6, for one group of channels.
pub(crate) struct DepthwiseRow<'a> {
    /// As many rows of `[pixels, GROUP]` as the kernel is high, `x_stride` values apart, with zeros around the map.
    pub x: &'a [f32],
    pub x_stride: usize,
    /// 3 or 5.
    pub kernel: usize,
    /// 1 or 2.
    pub stride: usize,
    /// `[kernel, kernel, GROUP]`.
    pub weights: &'a [f32],
    /// `[GROUP]`.
    pub biases: &'a [f32],
    /// `[pixels, GROUP]`.
    pub out: &'a mut [f32],
}

impl WithSimd for DepthwiseRow<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        match (self.kernel, self.stride) {
            (3, 1) => self.tiles::<S, 3, 1>(simd),
            (3, _) => self.tiles::<S, 3, 2>(simd),
            (_, 1) => self.tiles::<S, 5, 1>(simd),
            _ => self.tiles::<S, 5, 2>(simd),
        }
    }
}

impl DepthwiseRow<'_> {
    #[inline(always)]
    fn tiles<S: Simd, const K: usize, const STRIDE: usize>(&mut self, simd: S) {
        let pixels = self.out.len() / GROUP;
        if pixels < PIXELS {
            for first in 0..pixels {
                self.tile::<S, 1, K, STRIDE>(simd, first);
            }
        } else {
            for first in (0..pixels).step_by(PIXELS) {
                // The last tile may do some pixels of the one before again.
                self.tile::<S, PIXELS, K, STRIDE>(simd, first.min(pixels - PIXELS));
            }
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const N: usize, const K: usize, const STRIDE: usize>(&mut self, simd: S, first: usize) {
        let width = GROUP / S::F32_LANES;
        let weights = S::as_simd_f32s(&self.weights[..K * K * GROUP]).0;
        let across = ((N - 1) * STRIDE + K) * GROUP;
        for pair in 0..width / 2 {
            let at = 2 * pair;
            let mut sums: [[S::f32s; 2]; N] = [registers::<S>(self.biases, at); N];
            for row in 0..K {
                let x = &self.x[row * self.x_stride + first * STRIDE * GROUP..][..across];
                let x = S::as_simd_f32s(x).0;
                for column in 0..K {
                    let w = (row * K + column) * width + at;
                    let w = [weights[w], weights[w + 1]];
                    for i in 0..N {
                        let x = &x[(i * STRIDE + column) * width + at..][..2];
                        sums[i] =
                            [simd.mul_add_f32s(x[0], w[0], sums[i][0]), simd.mul_add_f32s(x[1], w[1], sums[i][1])];
                    }
                }
            }
            for (i, &sums) in sums.iter().enumerate() {
                let out = S::as_mut_simd_f32s(&mut self.out[(first + i) * GROUP..][..GROUP]).0;
                out[at..at + 2].copy_from_slice(&relu6(simd, sums));
            }
        }
    }
}

#[inline(always)]
fn registers<S: Simd>(values: &[f32], at: usize) -> [S::f32s; 2] {
    let values = S::as_simd_f32s(values).0;
    [values[at], values[at + 1]]
}

#[inline(always)]
fn relu6<S: Simd>(simd: S, x: [S::f32s; 2]) -> [S::f32s; 2] {
    let (zero, six) = (simd.splat_f32s(0.0), simd.splat_f32s(CEILING));
    [simd.min_f32s(simd.max_f32s(x[0], zero), six), simd.min_f32s(simd.max_f32s(x[1], zero), six)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulp::{Arch, Scalar};

    fn values(len: usize, seed: usize) -> Vec<f32> {
        (0..len).map(|i| ((i * 7919 + seed * 104_729) % 1000) as f32 / 250.0 - 2.0).collect()
    }

    /// Runs an operation that writes to its argument on every instruction set that this machine has.
    macro_rules! on_each_instruction_set {
        ($start:expr, |$out:ident| $operation:expr) => {{
            let mut results = Vec::new();
            for set in ["best", "scalar", "avx2"] {
                let mut start = $start;
                let $out = &mut start[..];
                match set {
                    "best" => Arch::new().dispatch($operation),
                    "scalar" => Simd::vectorize(Scalar, $operation),
                    #[cfg(target_arch = "x86_64")]
                    "avx2" if let Some(avx2) = pulp::x86::V3::try_new() => Simd::vectorize(avx2, $operation),
                    _ => continue,
                }
                results.push((set, start));
            }
            results
        }};
    }

    fn assert_close(ours: &[f32], theirs: &[f32], what: &str) {
        assert_eq!(ours.len(), theirs.len(), "{what}");
        for (i, (a, b)) in ours.iter().zip(theirs).enumerate() {
            assert!((a - b).abs() < 1e-4, "{what}, {i}: {a}, not {b}");
        }
    }

    #[test]
    fn products_of_any_number_of_pixels() {
        const INPUTS: usize = 5;
        const STRIDES: (usize, usize) = (9, 40);
        let (weights, biases) = (values(INPUTS * GROUP, 1), values(GROUP, 2));
        for pixels in 0..=2 * PIXELS {
            let (x, before) = (values(pixels * STRIDES.0, 3), values(pixels * STRIDES.1, 4));
            for output in [Output::Added, Output::Activated(&biases)] {
                let mut expected = before.clone();
                for (x, out) in x.chunks(STRIDES.0).zip(expected.chunks_mut(STRIDES.1)) {
                    for (channel, out) in out[..GROUP].iter_mut().enumerate() {
                        let product: f32 = (0..INPUTS).map(|i| x[i] * weights[i * GROUP + channel]).sum();
                        *out = match output {
                            Output::Added => *out + product,
                            Output::Activated(biases) => (biases[channel] + product).clamp(0.0, CEILING),
                        };
                    }
                }
                let results = on_each_instruction_set!(before.clone(), |out| Product {
                    x: &x,
                    x_stride: STRIDES.0,
                    weights: &weights,
                    output,
                    out,
                    out_stride: STRIDES.1,
                    pixels,
                });
                for (set, ours) in results {
                    assert_close(&ours, &expected, &format!("{pixels} pixels, {set}"));
                }
            }
        }
    }

    #[test]
    fn depthwise_rows_of_any_width() {
        for (kernel, stride) in [(3, 1), (3, 2), (5, 1), (5, 2)] {
            let (weights, biases) = (values(kernel * kernel * GROUP, 1), values(GROUP, 2));
            for pixels in 1..=2 * PIXELS {
                let x_stride = ((pixels - 1) * stride + kernel) * GROUP;
                let x = values(kernel * x_stride, 3);
                let sum = |pixel: usize, channel: usize| -> f32 {
                    let tap = |i: usize| {
                        let seen = i / kernel * x_stride + (pixel * stride + i % kernel) * GROUP + channel;
                        x[seen] * weights[i * GROUP + channel]
                    };
                    (0..kernel * kernel).map(tap).sum()
                };
                let expected = (0..pixels * GROUP)
                    .map(|i| (biases[i % GROUP] + sum(i / GROUP, i % GROUP)).clamp(0.0, CEILING))
                    .collect::<Vec<_>>();
                let results = on_each_instruction_set!(vec![0.0; pixels * GROUP], |out| DepthwiseRow {
                    x: &x,
                    x_stride,
                    kernel,
                    stride,
                    weights: &weights,
                    biases: &biases,
                    out,
                });
                for (set, ours) in results {
                    assert_close(&ours, &expected, &format!("{kernel} by {stride}, {pixels} pixels, {set}"));
                }
            }
        }
    }
}
