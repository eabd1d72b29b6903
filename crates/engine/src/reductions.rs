//! What is kept of a chunk of logits: a handful of numbers per position.
// Loops over lanes index several arrays of the same length: the form that the compiler keeps in registers.
#![allow(clippy::needless_range_loop)]

use crate::kernels::{LANES, exp, max};
use candle_core::{CpuStorage, D, DType, Layout, Result, Storage, Tensor, bail};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// What the models said of one token, in nats. `p` is the performer's distribution at its position.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// −ln p(token).
    pub nll: f32,
    /// −Σ p ln p.
    pub entropy: f32,
    /// Variance of ln p(v) for v drawn from p.
    pub variance: f32,
    /// 1 + the number of likelier entries.
    pub rank: f32,
    /// −Σ p_observer ln p, one per observer.
    pub cross: Vec<f32>,
}

/// Reduces logits `[rows, vocabulary]` of the performer and of each observer; `targets` are the tokens that
/// came.
pub(crate) fn reduce(performer: &Tensor, observers: &[Tensor], targets: &[u32]) -> Result<Vec<Row>> {
    let (rows, vocabulary) = performer.dims2()?;
    if observers.iter().any(|o| o.dims() != performer.dims()) || targets.len() != rows {
        bail!("performer, observers and targets differ in shape")
    }
    if targets.iter().any(|&t| t as usize >= vocabulary) {
        bail!("a token id lies outside the vocabulary of {vocabulary}")
    }
    match performer.device().is_cpu() && performer.dtype() == DType::F32 {
        true => on_slices(performer, observers, targets),
        false => with_tensors(performer, observers, targets),
    }
}

fn on_slices(performer: &Tensor, observers: &[Tensor], targets: &[u32]) -> Result<Vec<Row>> {
    let width = performer.dim(D::Minus1)?;
    let (storage, layout) = performer.storage_and_layout();
    let performer = elements(&storage, layout)?;
    let guards: Vec<_> = observers.iter().map(Tensor::storage_and_layout).collect();
    let observers = guards.iter().map(|(s, l)| elements(s, l)).collect::<Result<Vec<_>>>()?;
    let rows = targets.par_iter().enumerate().map(|(i, &target)| {
        let row = i * width..(i + 1) * width;
        let arch = Arch::new();
        let performer = &performer[row.clone()];
        let sums = arch.dispatch(PerformerRow { logits: performer, target: performer[target as usize] });
        let cross = observers.iter().map(|observer| {
            let mean = arch.dispatch(ObserverRow { logits: &observer[row.clone()], values: performer });
            sums.log_total - (mean - sums.max)
        });
        let mean = sums.first / sums.total;
        Row {
            nll: sums.log_total - (performer[target as usize] - sums.max),
            entropy: sums.log_total - mean,
            variance: (sums.second / sums.total - mean * mean).max(0.0),
            rank: 1.0 + sums.likelier,
            cross: cross.collect(),
        }
    });
    Ok(rows.collect())
}

fn elements<'a>(storage: &'a Storage, layout: &Layout) -> Result<&'a [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::F32(data)), Some((start, end))) => Ok(&data[start..end]),
        _ => bail!("logits must be contiguous f32"),
    }
}

/// Sums over one row of the performer's logits, with `z = logit − max` so that nothing overflows.
struct Sums {
    max: f32,
    /// Σ e^z
    total: f32,
    /// ln Σ e^z
    log_total: f32,
    /// Σ e^z·z
    first: f32,
    /// Σ e^z·z²
    second: f32,
    /// How many logits are above the target's.
    likelier: f32,
}

struct PerformerRow<'a> {
    logits: &'a [f32],
    target: f32,
}

impl WithSimd for PerformerRow<'_> {
    type Output = Sums;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Sums {
        let max = max(self.logits);
        let (blocks, rest) = self.logits.as_chunks::<LANES>();
        let [mut total, mut first, mut second, mut likelier] = [[0f32; LANES]; 4];
        let mut add = |lane: usize, logit: f32| {
            let z = logit - max;
            let e = exp(z);
            total[lane] += e;
            first[lane] += e * z;
            second[lane] += e * z * z;
            likelier[lane] += if logit > self.target { 1.0 } else { 0.0 };
        };
        for block in blocks {
            for lane in 0..LANES {
                add(lane, block[lane]);
            }
        }
        for (lane, &logit) in rest.iter().enumerate() {
            add(lane, logit);
        }
        let [total, first, second, likelier] = [total, first, second, likelier].map(|x| x.iter().sum());
        Sums { max, total, log_total: f32::ln(total), first, second, likelier }
    }
}

/// The mean of `values` under the softmax of `logits`.
struct ObserverRow<'a> {
    logits: &'a [f32],
    values: &'a [f32],
}

impl WithSimd for ObserverRow<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f32 {
        let max = max(self.logits);
        let (logits, logits_rest) = self.logits.as_chunks::<LANES>();
        let (values, values_rest) = self.values.as_chunks::<LANES>();
        let [mut total, mut weighted] = [[0f32; LANES]; 2];
        let mut add = |lane: usize, logit: f32, value: f32| {
            let e = exp(logit - max);
            total[lane] += e;
            weighted[lane] += e * value;
        };
        for (logits, values) in logits.iter().zip(values) {
            for lane in 0..LANES {
                add(lane, logits[lane], values[lane]);
            }
        }
        for (lane, (&logit, &value)) in logits_rest.iter().zip(values_rest).enumerate() {
            add(lane, logit, value);
        }
        weighted.iter().sum::<f32>() / total.iter().sum::<f32>()
    }
}

/// The same in tensor operations, for logits on a GPU.
fn with_tensors(performer: &Tensor, observers: &[Tensor], targets: &[u32]) -> Result<Vec<Row>> {
    let logits = performer.to_dtype(DType::F32)?;
    let log_p = candle_nn::ops::log_softmax(&logits, D::Minus1)?;
    let p = log_p.exp()?;
    let targets = Tensor::from_slice(targets, (targets.len(), 1), performer.device())?;
    let target = log_p.gather(&targets, 1)?;
    let sums = |x: Tensor| x.sum(D::Minus1)?.to_vec1::<f32>();
    let mean = sums((&p * &log_p)?)?;
    let square = sums((&p * log_p.sqr()?)?)?;
    let likelier = sums(log_p.broadcast_gt(&target)?.to_dtype(DType::F32)?)?;
    let target = target.flatten_all()?.to_vec1::<f32>()?;
    let mut cross = Vec::with_capacity(observers.len());
    for observer in observers {
        let p = candle_nn::ops::softmax_last_dim(&observer.to_dtype(DType::F32)?.contiguous()?)?;
        cross.push(sums((p * &log_p)?)?);
    }
    let rows = (0..target.len()).map(|i| Row {
        nll: -target[i],
        entropy: -mean[i],
        variance: (square[i] - mean[i] * mean[i]).max(0.0),
        rank: 1.0 + likelier[i],
        cross: cross.iter().map(|c| -c[i]).collect(),
    });
    Ok(rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn slices_and_tensors_agree() {
        let logits = |seed: f32| (Tensor::randn(seed, 4.0, (7, 1003), &Device::Cpu)).unwrap();
        let (performer, observers) = (logits(0.0), [logits(1.0), logits(-20.0)]);
        let targets = [0, 1002, 17, 500, 3, 999, 1000];
        let fast = on_slices(&performer, &observers, &targets).unwrap();
        let plain = with_tensors(&performer, &observers, &targets).unwrap();
        for (a, b) in fast.iter().zip(&plain) {
            assert_eq!(a.rank, b.rank);
            let pairs = [(a.nll, b.nll), (a.entropy, b.entropy), (a.variance, b.variance)];
            for (a, b) in pairs.into_iter().chain(a.cross.iter().copied().zip(b.cross.iter().copied())) {
                assert!((a - b).abs() < 2e-4 * b.abs().max(1.0), "{a} {b}");
            }
        }
    }

    #[test]
    fn a_flat_distribution_has_the_entropy_of_its_size() {
        let flat = Tensor::zeros((1, 64), DType::F32, &Device::Cpu).unwrap();
        let row = &reduce(&flat, std::slice::from_ref(&flat), &[3]).unwrap()[0];
        let expected = 64f32.ln();
        assert!([row.nll, row.entropy, row.cross[0]].iter().all(|x| (x - expected).abs() < 1e-5));
        assert_eq!((row.variance, row.rank), (0.0, 1.0));
    }

    #[test]
    fn a_token_outside_the_vocabulary_is_an_error() {
        let flat = Tensor::zeros((1, 64), DType::F32, &Device::Cpu).unwrap();
        assert!(reduce(&flat, &[], &[64]).is_err());
    }
}
