//! What every causal language model here has around its layers: embedding, rotary angles, final norm, head.

use super::rotary::{Angles, Rotary};
use super::{Backbone, CausalLm, Packed, check_layers};
use candle_core::{Device, Module, Result, Tensor};
use candle_nn::{Embedding, Linear};

/// One transformer layer with causal attention.
pub(super) trait DecoderLayer: Send + Sync {
    /// `[tokens, hidden]` to the same.
    fn forward(&self, x: &Tensor, angles: &Angles, batch: &Packed) -> Result<Tensor>;
}

/// A causal language model, whatever its layers are.
pub struct Decoder {
    pub(super) embedding: Embedding,
    pub(super) layers: Vec<Box<dyn DecoderLayer>>,
    pub(super) norm: Box<dyn Module + Send + Sync>,
    pub(super) head: Linear,
    pub(super) rotary: Rotary,
}

impl Backbone for Decoder {
    fn hidden_size(&self) -> usize {
        self.embedding.hidden_size()
    }

    fn layers(&self) -> usize {
        self.layers.len()
    }

    fn device(&self) -> &Device {
        self.embedding.embeddings().device()
    }

    fn states(&self, batch: &Packed, layers: &[usize]) -> Result<Vec<Tensor>> {
        let x = self.embedding.forward(&batch.ids_tensor(self.device())?)?;
        let angles = self.rotary.angles(batch, x.dtype(), x.device())?;
        states(&self.layers, layers, x, |layer, x| layer.forward(x, &angles, batch))
    }
}

impl CausalLm for Decoder {
    fn vocab_size(&self) -> usize {
        self.embedding.embeddings().dims()[0]
    }

    fn norm(&self, states: &Tensor) -> Result<Tensor> {
        self.norm.forward(states)
    }

    fn head(&self, normed: &Tensor) -> Result<Tensor> {
        self.head.forward(normed)
    }
}

/// Runs `x` through the layers as far as the last `wanted` one (1-based, ascending) and keeps the states after those.
pub(super) fn states<L>(
    layers: &[L],
    wanted: &[usize],
    mut x: Tensor,
    forward: impl Fn(&L, &Tensor) -> Result<Tensor>,
) -> Result<Vec<Tensor>> {
    check_layers(wanted, layers.len())?;
    let mut states = Vec::with_capacity(wanted.len());
    for (number, layer) in (1..=wanted.last().copied().unwrap_or(0)).zip(layers) {
        x = forward(layer, &x)?;
        if wanted.contains(&number) {
            states.push(x.clone());
        }
    }
    Ok(states)
}
