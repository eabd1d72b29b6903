//! Gemma's gate, as a vector loop over rows.

use crate::kernels::{exp, has_kernels};
use candle_core::{CpuStorage, InplaceOp2, Layout, Result, Tensor, bail};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// `gelu(gate) · up` (Shazeer, 2020, arXiv:2002.05202) of two tensors of one shape, with GELU by a hyperbolic tangent as
/// PyTorch's `gelu_pytorch_tanh`. Overwrites `gate` on the CPU.
pub(crate) fn geglu(gate: &Tensor, up: &Tensor) -> Result<Tensor> {
    if !has_kernels(gate) {
        return gate.gelu()? * up;
    }
    gate.inplace_op2(up, &Geglu)?;
    Ok(gate.clone())
}

/// `gate = gelu(gate) · up`, with GELU by a hyperbolic tangent: ½x(1 + tanh u) = x·σ(2u).
struct GegluRow<'a> {
    gate: &'a mut [f32],
    up: &'a [f32],
}

impl WithSimd for GegluRow<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        const DOUBLE_SLOPE: f32 = 1.595_769; // 2·√(2/π)
        for (g, &up) in self.gate.iter_mut().zip(self.up) {
            let u = DOUBLE_SLOPE * *g * (1.0 + 0.044_715 * *g * *g);
            *g = *g / (1.0 + exp(-u)) * up;
        }
    }
}

struct Geglu;

impl InplaceOp2 for Geglu {
    fn name(&self) -> &'static str {
        "geglu"
    }

    fn cpu_fwd(&self, gate: &mut CpuStorage, at: &Layout, up: &CpuStorage, up_at: &Layout) -> Result<()> {
        let (CpuStorage::F32(gate), CpuStorage::F32(up)) = (gate, up) else { bail!("geglu takes f32") };
        let (Some((start, end)), Some((up_start, up_end))) = (at.contiguous_offsets(), up_at.contiguous_offsets())
        else {
            bail!("geglu takes contiguous tensors")
        };
        let width = at.shape().dims().last().copied().unwrap_or(1).max(1);
        gate[start..end]
            .par_chunks_mut(width)
            .zip(up[up_start..up_end].par_chunks(width))
            .for_each(|(gate, up)| Arch::new().dispatch(GegluRow { gate, up }));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn the_gate_is_candles() {
        let random = || Tensor::randn(0f32, 3.0, (37, 70), &Device::Cpu).unwrap();
        let (gate, up) = (random(), random());
        let theirs = (gate.gelu().unwrap() * &up).unwrap();
        let ours = geglu(&gate, &up).unwrap();
        let worst = (ours - theirs).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
        assert!(worst < 5e-6, "{worst}");
    }
}
