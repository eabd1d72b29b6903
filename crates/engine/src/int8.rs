//! Products of activations and weights in eight bits, on the CPU: a quarter of the memory of f32 and twice its speed.
//!
//! Weights have one scale for each output channel, rounded to -127…127 once, at load; activations one scale and one zero
//! point for each row, found when the row comes by. The sums are exact (i32), so the error is that of rounding alone, about
//! .5 % of a product. Norms, softmax and residuals stay f32 (LLM.int8(), Dettmers et al., 2022, arXiv:2208.07339).

use crate::kernels::{max, min};
use candle_core::{CpuStorage, CustomOp1, Device, Layout, Module, Result, Shape, Tensor, bail};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;
use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmUninitOptions, PackedBMatrix};
use rten_tensor::NdTensorView;

/// The levels that a weight and an activation may have on either side of zero and above it.
const WEIGHT_LEVELS: f32 = 127.0;
const ACTIVATION_LEVELS: f32 = 255.0;

/// Where a product may lose its sign bit in 16-bit sums (x86-64 before VNNI), activations keep one bit less.
const NARROW_LEVELS: f32 = 127.0;

/// `x · Wᵀ + b` with int8 weights.
pub struct Int8Linear {
    weights: PackedBMatrix<i8>,
    /// One for each output channel.
    scales: Vec<f32>,
    /// The sum of each output channel's levels: what a zero point of 1 adds to a product.
    totals: Vec<i32>,
    bias: Vec<f32>,
    levels: f32,
}

impl Int8Linear {
    /// Rounds `weight`, f32 `[out, in]` on the CPU. `bias` is `[out]`.
    pub fn new(weight: &Tensor, bias: Option<&Tensor>) -> Result<Self> {
        let (out, inner) = weight.dims2()?;
        let rows = weight.to_device(&Device::Cpu)?.to_vec2::<f32>()?;
        let (mut scales, mut totals) = (Vec::with_capacity(out), Vec::with_capacity(out));
        let mut levels = Vec::with_capacity(out * inner);
        for row in &rows {
            let largest = row.iter().fold(0f32, |m, x| m.max(x.abs()));
            let scale = if largest > 0.0 { largest / WEIGHT_LEVELS } else { 1.0 };
            let first = levels.len();
            levels.extend(row.iter().map(|x| (x / scale).round() as i8));
            totals.push(levels[first..].iter().map(|&level| i32::from(level)).sum());
            scales.push(scale);
        }
        let gemm = executor();
        let weights = NdTensorView::from_data([out, inner], levels.as_slice());
        let bias = bias.map(|bias| bias.to_vec1()).transpose()?.unwrap_or_else(|| vec![0.0; out]);
        let levels = if gemm.may_saturate() { NARROW_LEVELS } else { ACTIVATION_LEVELS };
        Ok(Self { weights: gemm.prepack_b(weights.transposed()), scales, totals, bias, levels })
    }
}

fn executor() -> GemmExecutor<u8, i8, i32> {
    GemmExecutor::new()
}

impl Module for Int8Linear {
    /// `[rows, in]` to `[rows, out]`, with any dimensions before them.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.contiguous()?.apply_op1_no_bwd(&Product(self))
    }
}

struct Product<'a>(&'a Int8Linear);

impl CustomOp1 for Product<'_> {
    fn name(&self) -> &'static str {
        "int8-linear"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (CpuStorage::F32(data), Some((start, end))) = (storage, layout.contiguous_offsets()) else {
            bail!("int8-linear takes contiguous f32")
        };
        let linear = self.0;
        let (inner, out) = (linear.weights.rows(), linear.weights.cols());
        let mut dims = layout.shape().dims().to_vec();
        match dims.last_mut() {
            Some(last) if *last == inner => *last = out,
            _ => bail!("int8-linear takes rows of {inner}, not {:?}", layout.shape()),
        }
        let rows = Rows::quantise(&data[start..end], inner, linear.levels);
        Ok((CpuStorage::F32(linear.multiply(&rows, inner)?), dims.into()))
    }
}

impl Int8Linear {
    fn multiply(&self, rows: &Rows, inner: usize) -> Result<Vec<f32>> {
        let (count, out) = (rows.scales.len(), self.scales.len());
        let mut sums: Vec<i32> = Vec::with_capacity(count * out);
        let left = NdTensorView::from_data([count, inner], rows.levels.as_slice());
        // Zero points are taken off below: rten-gemm 0.27 takes those of rows beyond the eighth off wrongly.
        let options = GemmUninitOptions::default();
        let product = (GemmInputA::Unpacked(left), GemmInputB::Packed(&self.weights));
        let sums = executor()
            .gemm_uninit(&mut sums.spare_capacity_mut()[..count * out], product.0, product.1, options)
            .map_err(|e| candle_core::Error::Msg(e.to_string()))?;
        let mut products = vec![0f32; sums.len()];
        let rows = rows.zeros.par_iter().zip(&rows.scales);
        products.par_chunks_mut(out).zip(sums.par_chunks(out)).zip(rows).for_each(
            |((products, sums), (&zero, &scale))| {
                Arch::new().dispatch(ScaleRow { sums, zero: zero.into(), scale, linear: self, products });
            },
        );
        Ok(products)
    }
}

/// Rows of activations in unsigned bytes: `x ≈ scale · (level − zero)`.
struct Rows {
    levels: Vec<u8>,
    zeros: Vec<u8>,
    scales: Vec<f32>,
}

impl Rows {
    fn quantise(data: &[f32], width: usize, levels: f32) -> Self {
        let count = data.len() / width;
        let mut rows = Self { levels: vec![0; data.len()], zeros: vec![0; count], scales: vec![0.0; count] };
        data.par_chunks(width)
            .zip(rows.levels.par_chunks_mut(width))
            .zip(rows.zeros.par_iter_mut().zip(&mut rows.scales))
            .for_each(|((row, out), (zero, scale))| {
                (*zero, *scale) = Arch::new().dispatch(QuantiseRow { row, out, levels });
            });
        rows
    }
}

/// Rounds a row to `0..=levels`, zero being a level itself; the zero point and the scale.
struct QuantiseRow<'a> {
    row: &'a [f32],
    out: &'a mut [u8],
    levels: f32,
}

impl WithSimd for QuantiseRow<'_> {
    type Output = (u8, f32);

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> (u8, f32) {
        // 1.5 · 2^23: adding it leaves the nearest integer in the low bits.
        const ROUND: f32 = 12_582_912.0;
        let (low, high) = (min(self.row).min(0.0), max(self.row).max(0.0));
        let scale = (high - low) / self.levels;
        if !(scale > 0.0 && scale.is_finite()) {
            self.out.fill(0);
            return (0, 0.0);
        }
        let inverse = 1.0 / scale;
        let zero = (-low * inverse).round();
        let shift = ROUND + zero;
        for (out, &x) in self.out.iter_mut().zip(self.row) {
            *out = (x * inverse + shift).to_bits() as u8;
        }
        (zero as u8, scale)
    }
}

/// `products = scale · scales · (sums − zero · totals) + bias`.
struct ScaleRow<'a> {
    sums: &'a [i32],
    zero: i32,
    scale: f32,
    linear: &'a Int8Linear,
    products: &'a mut [f32],
}

impl WithSimd for ScaleRow<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Int8Linear { scales, totals, bias, .. } = self.linear;
        let channels = scales.iter().zip(totals).zip(bias);
        for ((product, &sum), ((&scale, &total), &bias)) in self.products.iter_mut().zip(self.sums).zip(channels) {
            let sum = sum.wrapping_sub(self.zero.wrapping_mul(total));
            *product = sum as f32 * (self.scale * scale) + bias;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_differs_from_f32_by_rounding_alone() {
        // Small, and larger than the blocks that the product is computed in.
        for (rows, inner, out) in [(3, 130, 70), (40, 3072, 768), (197, 768, 2304)] {
            let weight = Tensor::randn(0f32, 0.05, (out, inner), &Device::Cpu).unwrap();
            let bias = Tensor::randn(0f32, 1.0, out, &Device::Cpu).unwrap();
            // Rows of very different sizes, far from zero.
            let sizes: Vec<f32> = (0..rows).map(|i| [0.01, 1.0, 30.0][i % 3]).collect();
            let sizes = Tensor::from_vec(sizes, (rows, 1), &Device::Cpu).unwrap();
            let x = Tensor::randn(1f32, 1.0, (rows, inner), &Device::Cpu).unwrap().broadcast_mul(&sizes).unwrap();
            let exact = x.matmul(&weight.t().unwrap()).unwrap().to_vec2::<f32>().unwrap();
            let linear = Int8Linear::new(&weight, Some(&bias)).unwrap();
            let found = linear.forward(&x).unwrap().broadcast_sub(&bias).unwrap().to_vec2::<f32>().unwrap();
            for (i, (exact, found)) in exact.iter().zip(&found).enumerate() {
                let norm = |row: &mut dyn Iterator<Item = f32>| row.map(|x| x * x).sum::<f32>().sqrt();
                let error = norm(&mut exact.iter().zip(found).map(|(a, b)| a - b)) / norm(&mut exact.iter().copied());
                assert!(error < 0.015, "{rows} x {inner} x {out}, row {i}: {error}");
            }
        }
    }

    #[test]
    fn a_weight_of_whole_levels_is_kept_to_the_bit_and_nothing_gives_the_bias() {
        let weight = Tensor::new(&[[127f32, -64.0], [0.0, 0.0]], &Device::Cpu).unwrap();
        let bias = Tensor::new(&[0.5f32, -2.0], &Device::Cpu).unwrap();
        let linear = Int8Linear::new(&weight, Some(&bias)).unwrap();
        let x = Tensor::new(&[[[0f32, 255.0], [0.0, 0.0]]], &Device::Cpu).unwrap();
        let found = linear.forward(&x).unwrap();
        assert_eq!(found.dims(), [1, 2, 2]);
        let expected = [[255.0 * -64.0 + 0.5, -2.0], [0.5, -2.0]];
        for (found, expected) in found.squeeze(0).unwrap().to_vec2::<f32>().unwrap().iter().zip(expected) {
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= b.abs() * 1e-5), "{found:?}");
        }
    }

    #[test]
    fn rows_of_another_width_are_refused() {
        let linear =
            Int8Linear::new(&Tensor::ones((2, 3), candle_core::DType::F32, &Device::Cpu).unwrap(), None).unwrap();
        assert!(linear.forward(&Tensor::ones((2, 4), candle_core::DType::F32, &Device::Cpu).unwrap()).is_err());
    }
}
