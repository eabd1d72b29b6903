//! Gemma 3, text only (Gemma Team, 2025, arXiv:2503.19786): grouped-query attention with normalised queries and keys, five
//! layers that see a sliding window to one that sees everything, norms before and after each block, GeGLU.
//!
//! A backbone, not a language model: it has neither final norm nor head, and of the checkpoint only the first layers
//! are loaded, as many as are asked for.

use super::attention::{Sight, attend};
use super::decoder::states;
use super::rotary::{Angles, RopeConfig, RopeParameters, Rotary};
use super::{Backbone, Packed};
use crate::geglu::geglu;
use crate::quantised::{Matrix, Table};
use candle_core::{DType, Device, Module, Result, Tensor, bail};
use candle_nn::{Embedding, Linear, RmsNorm, VarBuilder};
use serde::Deserialize;
use std::ops::Range;

/// One layer in so many sees everything where a configuration says nothing else.
const PATTERN: usize = 6;

/// The members of HF's `config.json` (`gemma3_text`) that shape a Gemma 3.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width inside the feed-forward block.
    pub intermediate_size: usize,
    /// Entries in the vocabulary.
    pub vocab_size: usize,
    /// Layers of the checkpoint.
    pub num_hidden_layers: usize,
    /// Query heads.
    pub num_attention_heads: usize,
    /// Key and value heads.
    pub num_key_value_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Added to the mean square in RMSNorm.
    pub rms_norm_eps: f64,
    /// Scores are divided by the square root of this.
    pub query_pre_attn_scalar: f64,
    /// How many positions a query of a sliding layer sees, itself among them.
    pub sliding_window: usize,
    /// The kind of each layer.
    pub layer_types: Option<Vec<LayerType>>,
    /// Where `layer_types` is absent: one layer in so many sees everything; 6 if absent too.
    pub sliding_window_pattern: Option<usize>,
    /// Rotary frequencies of both kinds of layer, where newer files keep them.
    pub rope_parameters: Option<RopesByLayer>,
    /// Rotary base of the layers that see everything, where older files keep it; 1,000,000 if absent.
    pub rope_theta: Option<f64>,
    /// Rotary base of the sliding layers, where older files keep it; 10,000 if absent.
    pub rope_local_base_freq: Option<f64>,
    /// Context extension of older files.
    pub rope_scaling: Option<RopeParameters>,
    /// Must be `gelu_pytorch_tanh`.
    pub hidden_activation: Option<String>,
    /// Must be false: projections have no biases.
    #[serde(default)]
    pub attention_bias: bool,
    /// Must be absent: scores are not capped.
    pub attn_logit_softcapping: Option<f64>,
    /// Must be false: a token does not see those after it.
    pub use_bidirectional_attention: Option<bool>,
}

/// What a layer's queries see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LayerType {
    /// The last positions only.
    SlidingAttention,
    /// All positions before them.
    FullAttention,
}

/// Rotary frequencies by [`LayerType`].
#[derive(Debug, Clone, Deserialize)]
pub struct RopesByLayer {
    /// Of the layers that see a window.
    pub sliding_attention: RopeParameters,
    /// Of the layers that see everything.
    pub full_attention: RopeParameters,
}

impl Config {
    /// The kind of layer `i`, from 0.
    fn layer_type(&self, i: usize) -> LayerType {
        let by_pattern = match (i + 1).is_multiple_of(self.sliding_window_pattern.unwrap_or(PATTERN).max(1)) {
            true => LayerType::FullAttention,
            false => LayerType::SlidingAttention,
        };
        let named = self.layer_types.as_ref().and_then(|types| types.get(i));
        named.copied().unwrap_or(by_pattern)
    }

    fn rope(&self, layer: LayerType) -> RopeConfig {
        let (base, newer) = match layer {
            LayerType::FullAttention => (
                self.rope_theta.unwrap_or(1_000_000.0),
                self.rope_parameters.as_ref().map(|ropes| ropes.full_attention.clone()),
            ),
            LayerType::SlidingAttention => (
                self.rope_local_base_freq.unwrap_or(10_000.0),
                self.rope_parameters.as_ref().map(|ropes| ropes.sliding_attention.clone()),
            ),
        };
        let scaling = self.rope_scaling.clone().filter(|_| layer == LayerType::FullAttention);
        RopeConfig { rope_theta: Some(base), rope_parameters: newer, rope_scaling: scaling }
    }

    fn validate(&self) -> Result<()> {
        let (heads, shared) = (self.num_attention_heads, self.num_key_value_heads);
        if shared == 0 || heads % shared != 0 {
            bail!("{heads} query heads cannot share {shared} key heads")
        }
        if self.head_dim == 0 || !self.head_dim.is_multiple_of(2) || self.sliding_window == 0 {
            bail!("heads of width {} that see {} positions make no sense", self.head_dim, self.sliding_window)
        }
        if self.attention_bias
            || self.attn_logit_softcapping.is_some()
            || self.use_bidirectional_attention == Some(true)
        {
            bail!("a Gemma 3 with biases, capped scores or bidirectional attention is not supported")
        }
        match self.hidden_activation.as_deref() {
            None | Some("gelu_pytorch_tanh") => Ok(()),
            Some(other) => bail!("the activation is `{other}`, not `gelu_pytorch_tanh`"),
        }
    }
}

/// Where a Gemma 3's weights are taken from. Names are HF's, from `model.` on and without the final `.weight`.
pub(crate) trait Checkpoint {
    /// A linear layer `[rows, columns]`.
    fn matrix(&mut self, name: &str, rows: usize, columns: usize) -> Result<Matrix>;

    /// What a norm multiplies by, `[width]`: 1 + w, where HF stores w.
    fn norm(&mut self, name: &str, width: usize) -> Result<Tensor>;

    /// The embedding table `[rows, columns]`. Asked for last.
    fn table(&mut self, name: &str, rows: usize, columns: usize) -> Result<Table>;
}

impl Checkpoint for VarBuilder<'_> {
    fn matrix(&mut self, name: &str, rows: usize, columns: usize) -> Result<Matrix> {
        let weight = self.pp("model").pp(name).get((rows, columns), "weight")?;
        Ok(Matrix::Dense(Linear::new(weight, None)))
    }

    fn norm(&mut self, name: &str, width: usize) -> Result<Tensor> {
        self.pp("model").pp(name).get(width, "weight")? + 1.0
    }

    fn table(&mut self, name: &str, rows: usize, columns: usize) -> Result<Table> {
        let weight = self.pp("model").pp(name).get((rows, columns), "weight")?;
        Ok(Table::Dense(Embedding::new(weight, columns)))
    }
}

struct Layer {
    input_norm: RmsNorm,
    query: Matrix,
    key: Matrix,
    value: Matrix,
    query_norm: RmsNorm,
    key_norm: RmsNorm,
    out: Matrix,
    attended_norm: RmsNorm,
    feed_norm: RmsNorm,
    gate: Matrix,
    up: Matrix,
    down: Matrix,
    fed_norm: RmsNorm,
    kind: LayerType,
    window: usize,
    dim: usize,
}

impl Layer {
    fn load(checkpoint: &mut impl Checkpoint, config: &Config, i: usize) -> Result<Self> {
        let (hidden, inner, dim) = (config.hidden_size, config.intermediate_size, config.head_dim);
        let (queries, keys) = (config.num_attention_heads * dim, config.num_key_value_heads * dim);
        let name = |part: &str| format!("layers.{i}.{part}");
        let norm = |checkpoint: &mut dyn Checkpoint, part: &str, width: usize| {
            Ok::<_, candle_core::Error>(RmsNorm::new(checkpoint.norm(&name(part), width)?, config.rms_norm_eps))
        };
        // `attend` divides scores by √dim; what the configuration wants beyond that is one more factor of the queries.
        let scale = (dim as f64 / config.query_pre_attn_scalar).sqrt();
        let query_norm = (checkpoint.norm(&name("self_attn.q_norm"), dim)? * scale)?;
        Ok(Self {
            input_norm: norm(checkpoint, "input_layernorm", hidden)?,
            query: checkpoint.matrix(&name("self_attn.q_proj"), queries, hidden)?,
            key: checkpoint.matrix(&name("self_attn.k_proj"), keys, hidden)?,
            value: checkpoint.matrix(&name("self_attn.v_proj"), keys, hidden)?,
            query_norm: RmsNorm::new(query_norm, config.rms_norm_eps),
            key_norm: norm(checkpoint, "self_attn.k_norm", dim)?,
            out: checkpoint.matrix(&name("self_attn.o_proj"), hidden, queries)?,
            attended_norm: norm(checkpoint, "post_attention_layernorm", hidden)?,
            feed_norm: norm(checkpoint, "pre_feedforward_layernorm", hidden)?,
            gate: checkpoint.matrix(&name("mlp.gate_proj"), inner, hidden)?,
            up: checkpoint.matrix(&name("mlp.up_proj"), inner, hidden)?,
            down: checkpoint.matrix(&name("mlp.down_proj"), hidden, inner)?,
            fed_norm: norm(checkpoint, "post_feedforward_layernorm", hidden)?,
            kind: config.layer_type(i),
            window: config.sliding_window,
            dim,
        })
    }

    fn forward(&self, x: &Tensor, angles: &Angles, spans: &[Range<usize>]) -> Result<Tensor> {
        let n = x.dim(0)?;
        let heads = |of: &Matrix, x: &Tensor| of.forward(x)?.reshape((n, (), self.dim));
        let normed = self.input_norm.forward(x)?;
        let q = angles.rotate(&self.query_norm.forward(&heads(&self.query, &normed)?)?)?;
        let k = angles.rotate(&self.key_norm.forward(&heads(&self.key, &normed)?)?)?;
        let v = heads(&self.value, &normed)?;
        let sight = match self.kind {
            LayerType::FullAttention => Sight::Causal,
            LayerType::SlidingAttention => Sight::Sliding(self.window),
        };
        let attended = self.out.forward(&attend(&q, &k, &v, spans, sight)?)?;
        let x = (x + self.attended_norm.forward(&attended)?)?;
        let normed = self.feed_norm.forward(&x)?;
        let inner = geglu(&self.gate.forward(&normed)?, &self.up.forward(&normed)?)?;
        x + self.fed_norm.forward(&self.down.forward(&inner)?)?
    }
}

/// The first layers of a Gemma 3.
pub struct Gemma3 {
    embedding: Table,
    layers: Vec<Layer>,
    /// Rotary frequencies of the layers that see a window.
    sliding: Rotary,
    /// Rotary frequencies of the layers that see everything.
    full: Rotary,
    hidden: usize,
    dtype: DType,
    device: Device,
}

impl Gemma3 {
    /// Loads the first `layers` layers of `Gemma3ForCausalLM` weights under their HF names.
    pub fn load(vb: VarBuilder, config: &Config, layers: usize) -> Result<Self> {
        let (dtype, device) = (vb.dtype(), vb.device().clone());
        Self::from_checkpoint(vb, config, layers, dtype, device)
    }

    pub(crate) fn from_checkpoint(
        mut checkpoint: impl Checkpoint,
        config: &Config,
        layers: usize,
        dtype: DType,
        device: Device,
    ) -> Result<Self> {
        config.validate()?;
        if !(1..=config.num_hidden_layers).contains(&layers) {
            bail!("{layers} layers of {} cannot be loaded", config.num_hidden_layers)
        }
        let rotary = |layer| Rotary::new(config.head_dim, &config.rope(layer));
        Ok(Self {
            layers: (0..layers).map(|i| Layer::load(&mut checkpoint, config, i)).collect::<Result<_>>()?,
            sliding: rotary(LayerType::SlidingAttention)?,
            full: rotary(LayerType::FullAttention)?,
            hidden: config.hidden_size,
            embedding: checkpoint.table("embed_tokens", config.vocab_size, config.hidden_size)?,
            dtype,
            device,
        })
    }
}

impl Backbone for Gemma3 {
    fn hidden_size(&self) -> usize {
        self.hidden
    }

    fn layers(&self) -> usize {
        self.layers.len()
    }

    fn device(&self) -> &Device {
        &self.device
    }

    fn states(&self, batch: &Packed, layers: &[usize]) -> Result<Vec<Tensor>> {
        let x = self.embedding.look_up(batch.ids(), self.dtype, &self.device)?;
        let x = (x * (self.hidden as f64).sqrt())?;
        let angles = |rotary: &Rotary| rotary.angles(batch, self.dtype, &self.device);
        let (sliding, full) = (angles(&self.sliding)?, angles(&self.full)?);
        states(&self.layers, layers, x, |layer, x| {
            let angles = match layer.kind {
                LayerType::SlidingAttention => &sliding,
                LayerType::FullAttention => &full,
            };
            layer.forward(x, angles, batch.spans())
        })
    }
}
