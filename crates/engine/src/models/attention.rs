//! Attention over a packed batch: each sequence sees itself only.

use super::Packed;
use crate::kernels;
use candle_core::{Result, Tensor};

/// Which positions a query sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// Itself and those before it.
    Causal,
    /// The whole sequence.
    Full,
}

/// Softmax(q·kᵀ/√dim)·v within each sequence. `q` is `[tokens, heads, dim]`; `k` and `v` are
/// `[tokens, shared, dim]` where `shared` divides `heads` (grouped or multi-query attention: query heads
/// `g·heads/shared ..` read key head `g`). The result is `[tokens, heads·dim]`.
pub(super) fn attend(q: &Tensor, k: &Tensor, v: &Tensor, batch: &Packed, sight: Sight) -> Result<Tensor> {
    let (_, heads, dim) = q.dims3()?;
    let shared = k.dim(1)?;
    let scale = 1.0 / (dim as f64).sqrt();
    let mut outputs = Vec::with_capacity(batch.len());
    for span in batch.spans() {
        let n = span.len();
        let of_sequence = |x: &Tensor| x.narrow(0, span.start, n)?.transpose(0, 1)?.contiguous();
        // All query heads that share a key head lie together, so they are one taller matrix.
        let q = of_sequence(q)?.reshape((shared, heads / shared * n, dim))?;
        let (k, v) = (of_sequence(k)?, of_sequence(v)?);
        let scores = q.matmul(&k.t()?)?.reshape((heads, n, n))?;
        let weights = match sight {
            Sight::Causal => kernels::causal_softmax(&scores, scale)?,
            Sight::Full => kernels::softmax(&scores, scale)?,
        };
        let mixed = weights.reshape((shared, heads / shared * n, n))?.matmul(&v)?;
        outputs.push(mixed.reshape((heads, n, dim))?.transpose(0, 1)?.reshape((n, heads * dim))?);
    }
    Tensor::cat(&outputs, 0)
}
