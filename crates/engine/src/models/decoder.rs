//! What every causal language model here has around its layers: embedding, rotary angles, final norm, head.

use super::rotary::{Angles, Rotary};
use super::{CausalLm, Packed};
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

impl CausalLm for Decoder {
    fn vocab_size(&self) -> usize {
        self.embedding.embeddings().dims()[0]
    }

    fn hidden_size(&self) -> usize {
        self.embedding.hidden_size()
    }

    fn layers(&self) -> usize {
        self.layers.len()
    }

    fn device(&self) -> &Device {
        self.embedding.embeddings().device()
    }

    fn forward(&self, batch: &Packed, taps: &[usize]) -> Result<Vec<Tensor>> {
        let mut x = self.embedding.forward(&batch.ids_tensor(self.device())?)?;
        let angles = self.rotary.angles(batch, x.dtype(), x.device())?;
        let mut states = Vec::with_capacity(taps.len() + 1);
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.forward(&x, &angles, batch)?;
            if taps.contains(&(i + 1)) {
                states.push(self.norm.forward(&x)?);
            }
        }
        states.push(self.norm.forward(&x)?);
        Ok(states)
    }

    fn head(&self, hidden: &Tensor) -> Result<Tensor> {
        self.head.forward(hidden)
    }
}
