//! Llama (Touvron et al., 2023, arXiv:2302.13971): RMSNorm, rotary positions, grouped-query attention, SwiGLU.

use super::attention::{Sight, attend};
use super::decoder::{Decoder, DecoderLayer};
use super::rotary::{Angles, Rotary};
pub use super::rotary::{RopeConfig, RopeParameters};
use super::{Packed, stack};
use crate::kernels;
use candle_core::{Module, Result, Tensor, bail};
use candle_nn::{Linear, RmsNorm, VarBuilder, embedding, rms_norm};
use serde::Deserialize;

/// The members of HF's `config.json` that shape a Llama.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width inside the feed-forward block.
    pub intermediate_size: usize,
    /// Entries in the vocabulary.
    pub vocab_size: usize,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Query heads.
    pub num_attention_heads: usize,
    /// Key and value heads; as many as query heads when absent.
    pub num_key_value_heads: Option<usize>,
    /// Width of a head; `hidden_size / num_attention_heads` when absent.
    pub head_dim: Option<usize>,
    /// Added to the mean square in RMSNorm.
    pub rms_norm_eps: f64,
    /// Rotary frequencies.
    #[serde(flatten)]
    pub rope: RopeConfig,
    /// Whether the head is the embedding.
    #[serde(default)]
    pub tie_word_embeddings: bool,
    /// Must be false: projections have no biases.
    #[serde(default)]
    pub attention_bias: bool,
    /// Must be false: projections have no biases.
    #[serde(default)]
    pub mlp_bias: bool,
}

impl Config {
    fn head_dim(&self) -> usize {
        self.head_dim.unwrap_or(self.hidden_size / self.num_attention_heads.max(1))
    }

    fn shared_heads(&self) -> usize {
        self.num_key_value_heads.unwrap_or(self.num_attention_heads)
    }
}

struct Layer {
    input_norm: RmsNorm,
    /// Query, key and value projections, stacked.
    qkv: Linear,
    out: Linear,
    feed_norm: RmsNorm,
    /// Gate and up projections, stacked.
    gate_up: Linear,
    down: Linear,
    heads: usize,
    shared: usize,
    dim: usize,
}

impl Layer {
    fn load(vb: VarBuilder, config: &Config) -> Result<Self> {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let (heads, shared, dim) = (config.num_attention_heads, config.shared_heads(), config.head_dim());
        let attention = vb.pp("self_attn");
        let qkv = [("q_proj", heads), ("k_proj", shared), ("v_proj", shared)]
            .map(|(name, heads)| attention.pp(name).get((heads * dim, hidden), "weight"));
        let [q, k, v] = qkv;
        let mlp = vb.pp("mlp");
        let gate = mlp.pp("gate_proj").get((inner, hidden), "weight")?;
        let up = mlp.pp("up_proj").get((inner, hidden), "weight")?;
        Ok(Self {
            input_norm: rms_norm(hidden, config.rms_norm_eps, vb.pp("input_layernorm"))?,
            qkv: Linear::new(stack(&[q?, k?, v?])?, None),
            out: Linear::new(attention.pp("o_proj").get((hidden, heads * dim), "weight")?, None),
            feed_norm: rms_norm(hidden, config.rms_norm_eps, vb.pp("post_attention_layernorm"))?,
            gate_up: Linear::new(stack(&[gate, up])?, None),
            down: Linear::new(mlp.pp("down_proj").get((hidden, inner), "weight")?, None),
            heads,
            shared,
            dim,
        })
    }
}

impl DecoderLayer for Layer {
    fn forward(&self, x: &Tensor, angles: &Angles, batch: &Packed) -> Result<Tensor> {
        let n = x.dim(0)?;
        let qkv = self.qkv.forward(&self.input_norm.forward(x)?)?.reshape((n, (), self.dim))?;
        let q = angles.rotate(&qkv.narrow(1, 0, self.heads)?)?;
        let k = angles.rotate(&qkv.narrow(1, self.heads, self.shared)?)?;
        let v = qkv.narrow(1, self.heads + self.shared, self.shared)?;
        let x = (x + self.out.forward(&attend(&q, &k, &v, batch.spans(), Sight::Causal)?)?)?;
        let inner = kernels::swiglu(&self.gate_up.forward(&self.feed_norm.forward(&x)?)?)?;
        x + self.down.forward(&inner)?
    }
}

/// Loads `LlamaForCausalLM` weights under their HF names.
pub fn load(vb: VarBuilder, config: &Config) -> Result<Decoder> {
    let (vocab, hidden) = (config.vocab_size, config.hidden_size);
    if config.attention_bias || config.mlp_bias {
        bail!("a Llama with biases is not supported")
    }
    let (heads, shared) = (config.num_attention_heads, config.shared_heads());
    if shared == 0 || heads % shared != 0 {
        bail!("{heads} query heads cannot share {shared} key heads")
    }
    let model = vb.pp("model");
    let embedding = embedding(vocab, hidden, model.pp("embed_tokens"))?;
    let head = match config.tie_word_embeddings {
        true => embedding.embeddings().clone(),
        false => vb.pp("lm_head").get((vocab, hidden), "weight")?,
    };
    let layer = |i| Ok::<Box<dyn DecoderLayer>, _>(Box::new(Layer::load(model.pp("layers").pp(i), config)?));
    let layers = (0..config.num_hidden_layers).map(layer).collect::<Result<_>>()?;
    let norm = rms_norm(hidden, config.rms_norm_eps, model.pp("norm"))?;
    let rotary = Rotary::new(config.head_dim(), &config.rope)?;
    Ok(Decoder { embedding, layers, norm: Box::new(norm), head: Linear::new(head, None), rotary })
}
