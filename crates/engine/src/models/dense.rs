//! A linear layer, in the arithmetic that the pack asks for.

use crate::int8::Int8Linear;
use candle_core::{Module, Result, Tensor};
use candle_nn::{Linear, VarBuilder};

/// In what numbers a model's large products are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    /// In those of the weights: f32 on the CPU, bf16 on a GPU.
    Float,
    /// In eight bits, on the CPU.
    Int8,
}

/// `x · Wᵀ + b`.
pub(super) enum Dense {
    Float(Linear),
    Int8(Int8Linear),
}

impl Dense {
    /// Of `weight` `[out, in]` and `bias` `[out]`.
    pub(super) fn new(weight: Tensor, bias: Option<Tensor>, arithmetic: Arithmetic) -> Result<Self> {
        match arithmetic {
            Arithmetic::Float => Ok(Self::Float(Linear::new(weight, bias))),
            Arithmetic::Int8 => Ok(Self::Int8(Int8Linear::new(&weight, bias.as_ref())?)),
        }
    }

    /// `weight` and `bias` of that folder.
    pub(super) fn load(vb: VarBuilder, inner: usize, out: usize, arithmetic: Arithmetic) -> Result<Self> {
        Self::new(vb.get((out, inner), "weight")?, Some(vb.get(out, "bias")?), arithmetic)
    }
}

impl Module for Dense {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Float(linear) => linear.forward(x),
            Self::Int8(linear) => linear.forward(x),
        }
    }
}
