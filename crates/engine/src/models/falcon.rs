//! Falcon-7B (Almazrouei et al., 2023, arXiv:2311.16867): multi-query attention and feed-forward side by side
//! after one LayerNorm, rotary positions, no biases.

use super::Packed;
use super::attention::{Sight, attend};
use super::decoder::{Decoder, DecoderLayer};
use super::rotary::{Angles, RopeConfig, Rotary};
use crate::kernels;
use candle_core::{Module, Result, Tensor, bail};
use candle_nn::{LayerNorm, Linear, VarBuilder, embedding, layer_norm};
use serde::Deserialize;

/// The members of HF's `config.json` that shape a Falcon.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Entries in the vocabulary.
    pub vocab_size: usize,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Query heads, which share one key head.
    pub num_attention_heads: usize,
    /// Added to the variance in LayerNorm.
    pub layer_norm_epsilon: f64,
    /// Width inside the feed-forward block; four times `hidden_size` when absent.
    pub ffn_hidden_size: Option<usize>,
    /// Rotary frequencies.
    #[serde(flatten)]
    pub rope: RopeConfig,
    /// Falcon-40B's layout, not supported.
    #[serde(default)]
    pub new_decoder_architecture: bool,
    /// Must be true.
    #[serde(default = "yes")]
    pub multi_query: bool,
    /// Must be true.
    #[serde(default = "yes")]
    pub parallel_attn: bool,
    /// Must be false.
    #[serde(default)]
    pub alibi: bool,
    /// Must be false.
    #[serde(default)]
    pub bias: bool,
}

fn yes() -> bool {
    true
}

struct Layer {
    norm: LayerNorm,
    qkv: Linear,
    out: Linear,
    up: Linear,
    down: Linear,
    heads: usize,
}

impl Layer {
    fn load(vb: VarBuilder, config: &Config) -> Result<Self> {
        let (hidden, heads) = (config.hidden_size, config.num_attention_heads);
        let inner = config.ffn_hidden_size.unwrap_or(4 * hidden);
        let linear = |name, rows, columns| {
            Ok::<_, candle_core::Error>(Linear::new(vb.pp(name).get((rows, columns), "weight")?, None))
        };
        Ok(Self {
            norm: layer_norm(hidden, config.layer_norm_epsilon, vb.pp("input_layernorm"))?,
            qkv: linear("self_attention.query_key_value", (heads + 2) * (hidden / heads), hidden)?,
            out: linear("self_attention.dense", hidden, hidden)?,
            up: linear("mlp.dense_h_to_4h", inner, hidden)?,
            down: linear("mlp.dense_4h_to_h", hidden, inner)?,
            heads,
        })
    }
}

impl DecoderLayer for Layer {
    fn forward(&self, x: &Tensor, angles: &Angles, batch: &Packed) -> Result<Tensor> {
        let normed = self.norm.forward(x)?;
        let qkv = self.qkv.forward(&normed)?.reshape((x.dim(0)?, self.heads + 2, ()))?;
        let q = angles.rotate(&qkv.narrow(1, 0, self.heads)?)?;
        let k = angles.rotate(&qkv.narrow(1, self.heads, 1)?)?;
        let v = qkv.narrow(1, self.heads + 1, 1)?;
        let attention = self.out.forward(&attend(&q, &k, &v, batch.spans(), Sight::Causal)?)?;
        let feed = self.down.forward(&kernels::gelu(&self.up.forward(&normed)?)?)?;
        (x + attention)? + feed
    }
}

/// Loads `FalconForCausalLM` weights of the 7B layout under their HF names.
pub fn load(vb: VarBuilder, config: &Config) -> Result<Decoder> {
    let (vocab, hidden) = (config.vocab_size, config.hidden_size);
    if config.new_decoder_architecture || config.alibi || config.bias {
        bail!("only the Falcon-7B layout is supported: no new decoder architecture, ALiBi or biases")
    }
    if !config.multi_query || !config.parallel_attn {
        bail!("only the Falcon-7B layout is supported: multi-query, parallel attention")
    }
    if config.num_attention_heads == 0 {
        bail!("a Falcon has at least one attention head")
    }
    let model = vb.pp("transformer");
    let embedding = embedding(vocab, hidden, model.pp("word_embeddings"))?;
    let head = match vb.contains_tensor("lm_head.weight") {
        true => vb.get((vocab, hidden), "lm_head.weight")?,
        false => embedding.embeddings().clone(),
    };
    let layer = |i| Ok::<Box<dyn DecoderLayer>, _>(Box::new(Layer::load(model.pp("h").pp(i), config)?));
    let layers = (0..config.num_hidden_layers).map(layer).collect::<Result<_>>()?;
    let norm = layer_norm(hidden, config.layer_norm_epsilon, model.pp("ln_f"))?;
    let rotary = Rotary::new(hidden / config.num_attention_heads, &config.rope)?;
    Ok(Decoder { embedding, layers, norm: Box::new(norm), head: Linear::new(head, None), rotary })
}
