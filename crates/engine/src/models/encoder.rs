//! The encoder that BERT and RoBERTa share (Devlin et al., 2019, arXiv:1810.04805).

use super::attention::SelfAttention;
use super::dense::Arithmetic;
use super::{Labels, Packed};
use crate::kernels;
use candle_core::{Module, Result, Tensor, bail};
use candle_nn::{Activation, Embedding, LayerNorm, Linear, VarBuilder, embedding, layer_norm, linear};
use serde::Deserialize;

/// The members of HF's `config.json` that shape an encoder classifier.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// Entries in the vocabulary.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Attention heads.
    pub num_attention_heads: usize,
    /// Width inside the feed-forward block.
    pub intermediate_size: usize,
    /// Activation of the feed-forward block.
    pub hidden_act: Activation,
    /// Rows of the position table.
    pub max_position_embeddings: usize,
    /// Rows of the token type table; only type 0 is used.
    pub type_vocab_size: usize,
    /// Added to the variance in LayerNorm.
    pub layer_norm_eps: f64,
    /// The id of padding, from which RoBERTa counts positions.
    pub pad_token_id: Option<u32>,
    /// What the classifier tells apart.
    #[serde(default)]
    pub id2label: Labels,
}

/// `x·W + b`, then the residual and a LayerNorm.
struct Output {
    dense: Linear,
    norm: LayerNorm,
}

impl Output {
    fn load(vb: VarBuilder, inner: usize, config: &Config) -> Result<Self> {
        Ok(Self {
            dense: linear(inner, config.hidden_size, vb.pp("dense"))?,
            norm: layer_norm(config.hidden_size, config.layer_norm_eps, vb.pp("LayerNorm"))?,
        })
    }

    fn forward(&self, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
        self.norm.forward(&(self.dense.forward(x)? + residual)?)
    }
}

struct Layer {
    attention: SelfAttention,
    attended: Output,
    up: Linear,
    activation: Activation,
    feed: Output,
}

impl Layer {
    fn load(vb: VarBuilder, config: &Config) -> Result<Self> {
        let hidden = config.hidden_size;
        let attention = vb.pp("attention");
        let names = ["query", "key", "value"].map(|name| attention.pp("self").pp(name));
        Ok(Self {
            attention: SelfAttention::load(names, hidden, config.num_attention_heads, true, Arithmetic::Float)?,
            attended: Output::load(attention.pp("output"), hidden, config)?,
            up: linear(hidden, config.intermediate_size, vb.pp("intermediate").pp("dense"))?,
            activation: config.hidden_act,
            feed: Output::load(vb.pp("output"), config.intermediate_size, config)?,
        })
    }

    /// `[tokens, hidden]` to the same.
    fn forward(&self, x: &Tensor, batch: &Packed) -> Result<Tensor> {
        let x = self.attended.forward(&self.attention.forward(x, batch.spans())?, x)?;
        let inner = self.up.forward(&x)?;
        let inner = match self.activation {
            Activation::Gelu => kernels::gelu(&inner)?,
            other => other.forward(&inner)?,
        };
        self.feed.forward(&inner, &x)
    }
}

/// Embeddings and layers, up to the last hidden state.
pub(super) struct Encoder {
    words: Embedding,
    /// Position table with the only used token type already added, `[positions, hidden]`.
    positions: Embedding,
    first_position: u32,
    norm: LayerNorm,
    layers: Vec<Layer>,
}

impl Encoder {
    /// Loads the weights below `vb`; the first token of a sequence has position `first_position`.
    pub(super) fn load(vb: VarBuilder, config: &Config, first_position: u32) -> Result<Self> {
        let hidden = config.hidden_size;
        let tables = vb.pp("embeddings");
        let positions = tables.pp("position_embeddings").get((config.max_position_embeddings, hidden), "weight")?;
        let types = tables.pp("token_type_embeddings").get((config.type_vocab_size, hidden), "weight")?;
        let positions = positions.broadcast_add(&types.narrow(0, 0, 1)?)?;
        let layers = (0..config.num_hidden_layers)
            .map(|i| Layer::load(vb.pp("encoder.layer").pp(i), config))
            .collect::<Result<_>>()?;
        Ok(Self {
            words: embedding(config.vocab_size, hidden, tables.pp("word_embeddings"))?,
            positions: Embedding::new(positions, hidden),
            first_position,
            norm: layer_norm(hidden, config.layer_norm_eps, tables.pp("LayerNorm"))?,
            layers,
        })
    }

    /// The longest sequence that the position table reaches.
    pub(super) fn max_tokens(&self) -> usize {
        self.positions.embeddings().dims()[0].saturating_sub(self.first_position as usize)
    }

    /// The last hidden state of each sequence's first token, `[batch.len(), hidden]`.
    pub(super) fn first_tokens(&self, batch: &Packed) -> Result<Tensor> {
        if let Some(long) = batch.spans().iter().map(|s| s.len()).find(|&n| n > self.max_tokens()) {
            bail!("a sequence of {long} tokens exceeds the model's {} positions", self.max_tokens())
        }
        let device = self.words.embeddings().device();
        let positions: Vec<u32> = batch.positions().map(|p| p + self.first_position).collect();
        let positions = Tensor::from_vec(positions, batch.tokens(), device)?;
        let words = self.words.forward(&batch.ids_tensor(device)?)?;
        let mut x = self.norm.forward(&(words + self.positions.forward(&positions)?)?)?;
        for layer in &self.layers {
            x = layer.forward(&x, batch)?;
        }
        let starts: Vec<u32> = batch.spans().iter().map(|span| span.start as u32).collect();
        x.index_select(&Tensor::from_vec(starts, batch.len(), device)?, 0)
    }
}
