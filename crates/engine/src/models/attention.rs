//! Attention over packed sequences: each sees itself only.

use super::dense::{Arithmetic, Dense};
use super::stack;
use crate::kernels;
use candle_core::{Module, Result, Tensor, bail};
use candle_nn::VarBuilder;
use std::ops::Range;

/// Which positions a query sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// Itself and those before it.
    Causal,
    /// Of what [`Sight::Causal`] sees, itself and others up to this many in all (Beltagy et al., 2020,
    /// arXiv:2004.05150, section 3.1).
    Sliding(usize),
    /// The whole sequence.
    Full,
}

/// Softmax(q·kᵀ/√dim)·v within each sequence; `spans` are the sequences' rows. `q` is `[tokens, heads, dim]`; `k` and
/// `v` are `[tokens, shared, dim]` where `shared` divides `heads` (grouped or multi-query attention: query heads
/// `g·heads/shared ..` read key head `g`). The result is `[tokens, heads·dim]`.
pub(super) fn attend(q: &Tensor, k: &Tensor, v: &Tensor, spans: &[Range<usize>], sight: Sight) -> Result<Tensor> {
    let (_, heads, dim) = q.dims3()?;
    let shared = k.dim(1)?;
    let scale = 1.0 / (dim as f64).sqrt();
    let mut outputs = Vec::with_capacity(spans.len());
    for span in spans {
        let n = span.len();
        let of_sequence = |x: &Tensor| x.narrow(0, span.start, n)?.transpose(0, 1)?.contiguous();
        // All query heads that share a key head lie together, so they are one taller matrix.
        let q = of_sequence(q)?.reshape((shared, heads / shared * n, dim))?;
        let (k, v) = (of_sequence(k)?, of_sequence(v)?);
        let scores = q.matmul(&k.t()?)?.reshape((heads, n, n))?;
        let weights = match sight {
            Sight::Causal => kernels::causal_softmax(&scores, scale, n)?,
            Sight::Sliding(window) => kernels::causal_softmax(&scores, scale, window)?,
            Sight::Full => kernels::softmax(&scores, scale)?,
        };
        let mixed = weights.reshape((shared, heads / shared * n, n))?.matmul(&v)?;
        outputs.push(mixed.reshape((heads, n, dim))?.transpose(0, 1)?.reshape((n, heads * dim))?);
    }
    Tensor::cat(&outputs, 0)
}

/// An encoder's self-attention, up to its output projection.
pub(super) struct SelfAttention {
    /// Query, key and value projections, stacked.
    qkv: Dense,
    heads: usize,
}

impl SelfAttention {
    /// Loads the query, key and value projections, each `[hidden, hidden]`, in this order.
    pub(super) fn load(
        projections: [VarBuilder; 3],
        hidden: usize,
        heads: usize,
        biases: bool,
        arithmetic: Arithmetic,
    ) -> Result<Self> {
        if heads == 0 || !hidden.is_multiple_of(heads) {
            bail!("{heads} heads do not divide a width of {hidden}")
        }
        let weights = projections.iter().map(|vb| vb.get((hidden, hidden), "weight")).collect::<Result<Vec<_>>>()?;
        let bias = match biases {
            true => Some(stack(&projections.iter().map(|vb| vb.get(hidden, "bias")).collect::<Result<Vec<_>>>()?)?),
            false => None,
        };
        Ok(Self { qkv: Dense::new(stack(&weights)?, bias, arithmetic)?, heads })
    }

    /// `[tokens, hidden]` to the same; `spans` are the sequences' rows.
    pub(super) fn forward(&self, x: &Tensor, spans: &[Range<usize>]) -> Result<Tensor> {
        let (n, hidden) = x.dims2()?;
        let qkv = self.qkv.forward(x)?.reshape((n, 3 * self.heads, hidden / self.heads))?;
        let [q, k, v] = [0, 1, 2].map(|i| qkv.narrow(1, i * self.heads, self.heads));
        attend(&q?, &k?, &v?, spans, Sight::Full)
    }
}
