//! Element-wise operations that candle runs scalar or single-threaded on the CPU, as vector loops over rows.
//!
//! Each loop is plain Rust that the compiler vectorises; `pulp` compiles it once per instruction set (SSE2,
//! AVX2, AVX-512) and picks at run time. On other devices the same functions are candle's tensor operations.

use candle_core::{CpuStorage, CustomOp1, D, DType, InplaceOp1, Layout, Result, Shape, Tensor, bail};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;
use std::ops::Range;

/// Accumulators side by side: one AVX-512 register, two AVX2 ones.
pub(crate) const LANES: usize = 16;

/// The slope that brings a sigmoid near the normal distribution function.
const QUICK_GELU: f32 = 1.702;

/// e^x to about 2 units in the last place for x in [-87, 88]; saturates outside.
///
/// Cody–Waite reduction and the Cephes polynomial; no branch and no table, so that loops over it vectorise.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 · 2^23: adding it leaves the nearest integer in the low bits
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_2e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    (p * r * r + r + 1.0) * power
}

/// The error function to 2e-7 (Abramowitz and Stegun, 7.1.26).
#[inline(always)]
fn erf(x: f32) -> f32 {
    let a = x.abs();
    let t = 1.0 / (1.0 + 0.327_591_1 * a);
    let p = ((((1.061_405_4 * t - 1.453_152) * t + 1.421_413_8) * t - 0.284_496_74) * t + 0.254_829_6) * t;
    (1.0 - p * exp(-a * a)).copysign(x)
}

/// Sum of `f` over a row, in [`LANES`] independent accumulators.
#[inline(always)]
fn sum(row: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let (blocks, rest) = row.as_chunks::<LANES>();
    let mut lanes = [0f32; LANES];
    for block in blocks {
        for (lane, &x) in lanes.iter_mut().zip(block) {
            *lane += f(x);
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().map(|&x| f(x)).sum::<f32>()
}

/// The largest value of a row.
#[inline(always)]
pub(crate) fn max(row: &[f32]) -> f32 {
    extreme(row, f32::NEG_INFINITY, f32::max)
}

/// The least value of a row.
#[inline(always)]
pub(crate) fn min(row: &[f32]) -> f32 {
    extreme(row, f32::INFINITY, f32::min)
}

/// The value of a row that `pick` prefers to all others, in [`LANES`] independent lanes; `none` of an empty one.
#[inline(always)]
fn extreme(row: &[f32], none: f32, pick: impl Fn(f32, f32) -> f32) -> f32 {
    let (blocks, rest) = row.as_chunks::<LANES>();
    let mut lanes = [none; LANES];
    for block in blocks {
        for (lane, &x) in lanes.iter_mut().zip(block) {
            *lane = pick(*lane, x);
        }
    }
    lanes.iter().chain(rest).fold(none, |best, &x| pick(best, x))
}

/// `row = softmax(scale · row)` over the entries that are `seen`, zero beside them.
struct SoftmaxRow<'a> {
    row: &'a mut [f32],
    seen: Range<usize>,
    scale: f32,
}

impl WithSimd for SoftmaxRow<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let (row, after) = self.row.split_at_mut(self.seen.end);
        let (before, row) = row.split_at_mut(self.seen.start);
        before.fill(0.0);
        after.fill(0.0);
        let shift = max(row) * self.scale;
        for x in row.iter_mut() {
            *x = exp(*x * self.scale - shift);
        }
        let norm = 1.0 / sum(row, |x| x);
        for x in row.iter_mut() {
            *x *= norm;
        }
    }
}

/// `out = silu(gate) · up` where `row` is gate and up side by side.
struct SwigluRow<'a> {
    row: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for SwigluRow<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let (gate, up) = self.row.split_at(self.out.len());
        for ((out, &g), &u) in self.out.iter_mut().zip(gate).zip(up) {
            *out = g / (1.0 + exp(-g)) * u;
        }
    }
}

/// `row = row · Φ(row)`, the exact GELU.
struct GeluRow<'a>(&'a mut [f32]);

impl WithSimd for GeluRow<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for x in self.0.iter_mut() {
            *x = 0.5 * *x * (1.0 + erf(*x * std::f32::consts::FRAC_1_SQRT_2));
        }
    }
}

/// `row = row · σ(1.702 · row)`.
struct QuickGeluRow<'a>(&'a mut [f32]);

impl WithSimd for QuickGeluRow<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for x in self.0.iter_mut() {
            *x /= 1.0 + exp(-QUICK_GELU * *x);
        }
    }
}

/// An operation on each row of a contiguous f32 tensor, in place.
struct Rows<F>(&'static str, F);

impl<F: Fn(usize, &mut [f32]) + Sync> InplaceOp1 for Rows<F> {
    fn name(&self) -> &'static str {
        self.0
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let (CpuStorage::F32(data), Some((start, end))) = (storage, layout.contiguous_offsets()) else {
            bail!("{} takes contiguous f32", self.0)
        };
        let width = layout.shape().dims().last().copied().unwrap_or(1).max(1);
        data[start..end].par_chunks_mut(width).enumerate().for_each(|(i, row)| self.1(i, row));
        Ok(())
    }
}

struct Swiglu;

impl CustomOp1 for Swiglu {
    fn name(&self) -> &'static str {
        "swiglu"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (CpuStorage::F32(data), Some((start, end))) = (storage, layout.contiguous_offsets()) else {
            bail!("swiglu takes contiguous f32")
        };
        let (rows, width) = layout.shape().dims2()?;
        let half = width / 2;
        let mut out = vec![0f32; rows * half];
        data[start..end]
            .par_chunks(width)
            .zip(out.par_chunks_mut(half))
            .for_each(|(row, out)| Arch::new().dispatch(SwigluRow { row, out }));
        Ok((CpuStorage::F32(out), (rows, half).into()))
    }
}

/// Whether the loops here serve this tensor.
pub(crate) fn has_kernels(x: &Tensor) -> bool {
    x.device().is_cpu() && x.dtype() == DType::F32
}

/// Softmax of `scale · scores` over the last dimension of `[heads, n, n]`. Overwrites `scores` on the CPU.
pub(crate) fn softmax(scores: &Tensor, scale: f64) -> Result<Tensor> {
    if !has_kernels(scores) {
        return candle_nn::ops::softmax_last_dim(&(scores * scale)?);
    }
    let softmax = |_, row: &mut [f32]| {
        let seen = 0..row.len();
        Arch::new().dispatch(SoftmaxRow { row, seen, scale: scale as f32 });
    };
    scores.inplace_op1(&Rows("softmax", softmax))?;
    Ok(scores.clone())
}

/// As [`softmax`], where row `i` of each `[n, n]` sees only the last `window` (at least 1) of the columns `0..=i`.
pub(crate) fn causal_softmax(scores: &Tensor, scale: f64, window: usize) -> Result<Tensor> {
    let n = scores.dim(D::Minus1)?;
    let seen = |i: usize| (i + 1).saturating_sub(window)..i + 1;
    if !has_kernels(scores) {
        let bias = |i, j| if seen(i).contains(&j) { 0.0 } else { f32::NEG_INFINITY };
        let mask: Vec<f32> = (0..n * n).map(|at| bias(at / n, at % n)).collect();
        let mask = Tensor::from_vec(mask, (n, n), scores.device())?.to_dtype(scores.dtype())?;
        return candle_nn::ops::softmax_last_dim(&(scores * scale)?.broadcast_add(&mask)?);
    }
    let softmax = |i: usize, row: &mut [f32]| {
        Arch::new().dispatch(SoftmaxRow { row, seen: seen(i % n), scale: scale as f32 });
    };
    scores.inplace_op1(&Rows("causal-softmax", softmax))?;
    Ok(scores.clone())
}

/// `silu(gate) · up` (Shazeer, 2020, arXiv:2002.05202) for `[rows, 2·width]` with gate and up side by side.
pub(crate) fn swiglu(x: &Tensor) -> Result<Tensor> {
    if has_kernels(x) { x.apply_op1_no_bwd(&Swiglu) } else { candle_nn::ops::swiglu(x) }
}

/// The exact GELU (Hendrycks and Gimpel, arXiv:1606.08415). Overwrites `x` on the CPU.
pub(crate) fn gelu(x: &Tensor) -> Result<Tensor> {
    if !has_kernels(x) {
        return x.gelu_erf();
    }
    x.inplace_op1(&Rows("gelu", |_, row: &mut [f32]| Arch::new().dispatch(GeluRow(row))))?;
    Ok(x.clone())
}

/// GELU by a sigmoid, x·σ(1.702 x) (Hendrycks and Gimpel, arXiv:1606.08415). Overwrites `x` on the CPU.
pub(crate) fn quick_gelu(x: &Tensor) -> Result<Tensor> {
    if !has_kernels(x) {
        return x * candle_nn::ops::sigmoid(&(x * f64::from(QUICK_GELU))?)?;
    }
    x.inplace_op1(&Rows("quick-gelu", |_, row: &mut [f32]| Arch::new().dispatch(QuickGeluRow(row))))?;
    Ok(x.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    fn assert_close(a: &Tensor, b: &Tensor, tolerance: f32) {
        let worst = (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap();
        let worst = worst.to_scalar::<f32>().unwrap();
        assert!(worst < tolerance, "{worst}");
    }

    #[test]
    fn exp_is_accurate_and_saturates() {
        for i in -8700..8800 {
            let x = i as f32 / 100.0;
            assert!((exp(x) / x.exp() - 1.0).abs() < 3e-7, "{x}");
        }
        assert!(exp(-1e30) < 1e-37 && exp(f32::NEG_INFINITY) >= 0.0 && exp(1e30).is_finite());
    }

    #[test]
    fn kernels_agree_with_candle() {
        let x = Tensor::randn(0f32, 3.0, (3, 37, 37), &Device::Cpu).unwrap();
        let expected = candle_nn::ops::softmax_last_dim(&(&x * 0.3).unwrap()).unwrap();
        assert_close(&softmax(&x.copy().unwrap(), 0.3).unwrap(), &expected, 1e-6);
        assert_close(&gelu(&x.copy().unwrap()).unwrap(), &x.gelu_erf().unwrap(), 2e-6);
        let sigmoid = candle_nn::ops::sigmoid(&(&x * 1.702).unwrap()).unwrap();
        assert_close(&quick_gelu(&x.copy().unwrap()).unwrap(), &(&x * sigmoid).unwrap(), 2e-6);
        let y = Tensor::randn(0f32, 3.0, (5, 74), &Device::Cpu).unwrap();
        assert_close(&swiglu(&y).unwrap(), &candle_nn::ops::swiglu(&y).unwrap(), 2e-6);
        let seen = causal_softmax(&x.copy().unwrap(), 0.3, 37).unwrap().to_vec3::<f32>().unwrap();
        assert!(seen[0][0][0] == 1.0 && seen[2][5][6..].iter().all(|&p| p == 0.0));
        assert!((seen[1][20].iter().sum::<f32>() - 1.0).abs() < 1e-5);
    }

    #[test]
    fn a_window_hides_what_lies_before_it_on_every_device() {
        let x = Tensor::randn(0f32, 3.0, (2, 9, 9), &Device::Cpu).unwrap();
        let ours = causal_softmax(&x.copy().unwrap(), 0.7, 4).unwrap();
        // Doubles have no kernels here, and take the tensor operations of other devices.
        let theirs = causal_softmax(&x.to_dtype(DType::F64).unwrap(), 0.7, 4).unwrap();
        assert_close(&ours, &theirs.to_dtype(DType::F32).unwrap(), 1e-6);
        let row = &ours.to_vec3::<f32>().unwrap()[1][6];
        assert!(row[..3].iter().chain(&row[7..]).all(|&p| p == 0.0) && row[3..7].iter().all(|&p| p > 0.0), "{row:?}");
    }
}
