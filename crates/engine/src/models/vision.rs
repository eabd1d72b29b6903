//! The transformer that ViT and CLIP's vision tower share (Dosovitskiy et al., 2020, arXiv:2010.11929): an image is a
//! sequence of patches behind one class token; norms come before attention and feed-forward.

use super::Labels;
use super::attention::SelfAttention;
use super::dense::{Arithmetic, Dense};
use crate::kernels;
use candle_core::{Module, Result, Tensor, bail};
use candle_nn::{LayerNorm, Linear, VarBuilder, layer_norm};
use serde::Deserialize;
use std::ops::Range;

/// The members of HF's `config.json` that shape a vision transformer.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
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
    /// Added to the variance in LayerNorm.
    pub layer_norm_eps: f64,
    /// Side of an image in pixels.
    pub image_size: usize,
    /// Side of a patch in pixels; divides `image_size`.
    pub patch_size: usize,
    /// Whether query, key and value projections have biases.
    #[serde(default = "yes")]
    pub qkv_bias: bool,
    /// Width of CLIP's projection.
    #[serde(default)]
    pub projection_dim: usize,
    /// What ViT's classifier tells apart.
    #[serde(default)]
    pub id2label: Labels,
}

fn yes() -> bool {
    true
}

/// What a vision transformer's feed-forward block may be activated with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// The exact GELU.
    Gelu,
    /// OpenAI's approximation by a sigmoid.
    QuickGelu,
}

/// Below a layer, the folders of its parts: what HF calls them differs from model to model.
pub(super) struct LayerNames {
    pub attention_norm: &'static str,
    /// Query, key, value.
    pub qkv: [&'static str; 3],
    pub attention_out: &'static str,
    pub feed_norm: &'static str,
    pub up: &'static str,
    pub down: &'static str,
}

struct Layer {
    attention_norm: LayerNorm,
    attention: SelfAttention,
    out: Dense,
    feed_norm: LayerNorm,
    up: Dense,
    activation: Activation,
    down: Dense,
}

impl Layer {
    fn load(vb: VarBuilder, config: &Config, names: &LayerNames, arithmetic: Arithmetic) -> Result<Self> {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let norm = |name| layer_norm(hidden, config.layer_norm_eps, vb.pp(name));
        let dense = |from, to, name| Dense::load(vb.pp(name), from, to, arithmetic);
        let qkv = names.qkv.map(|name| vb.pp(name));
        Ok(Self {
            attention_norm: norm(names.attention_norm)?,
            attention: SelfAttention::load(qkv, hidden, config.num_attention_heads, config.qkv_bias, arithmetic)?,
            out: dense(hidden, hidden, names.attention_out)?,
            feed_norm: norm(names.feed_norm)?,
            up: dense(hidden, inner, names.up)?,
            activation: config.hidden_act,
            down: dense(inner, hidden, names.down)?,
        })
    }

    /// `[tokens, hidden]` to the same.
    fn forward(&self, x: &Tensor, spans: &[Range<usize>]) -> Result<Tensor> {
        let attended = self.attention.forward(&self.attention_norm.forward(x)?, spans)?;
        let x = (x + self.out.forward(&attended)?)?;
        let inner = self.up.forward(&self.feed_norm.forward(&x)?)?;
        let inner = match self.activation {
            Activation::Gelu => kernels::gelu(&inner)?,
            Activation::QuickGelu => kernels::quick_gelu(&inner)?,
        };
        x + self.down.forward(&inner)?
    }
}

/// Everything up to the last layer.
pub(super) struct Tower {
    /// Patches to tokens: `[hidden, patch·patch·3]`, pixels row by row.
    patches: Linear,
    patch: usize,
    /// `[1, 1, hidden]`.
    class: Tensor,
    /// The class token's and each patch's, `[1, 1 + patches, hidden]`.
    positions: Tensor,
    /// CLIP has a norm before the first layer.
    norm: Option<LayerNorm>,
    layers: Vec<Layer>,
    size: usize,
}

/// What stands before the layers: where it is differs from model to model.
pub(super) struct Embeddings<'a> {
    /// The folder of the patch projection.
    pub patches: VarBuilder<'a>,
    /// Whether the patch projection has a bias.
    pub bias: bool,
    /// `hidden` values of any shape.
    pub class: Tensor,
    /// `(1 + patches) · hidden` values of any shape.
    pub positions: Tensor,
    /// The norm before the first layer.
    pub norm: Option<LayerNorm>,
}

/// How many tokens an image becomes: its patches and the class token.
pub(super) fn tokens(config: &Config) -> Result<usize> {
    if config.patch_size == 0 || !config.image_size.is_multiple_of(config.patch_size) {
        bail!("patches of {} pixels do not divide images of {}", config.patch_size, config.image_size)
    }
    Ok((config.image_size / config.patch_size).pow(2) + 1)
}

impl Tower {
    /// Loads the layers below `layers.0`, `layers.1`, ….
    pub(super) fn load(
        embeddings: Embeddings,
        layers: VarBuilder,
        names: &LayerNames,
        config: &Config,
        arithmetic: Arithmetic,
    ) -> Result<Self> {
        let (hidden, patch) = (config.hidden_size, config.patch_size);
        let weight = embeddings.patches.get((hidden, 3, patch, patch), "weight")?;
        let weight = weight.permute((0, 2, 3, 1))?.reshape((hidden, patch * patch * 3))?;
        let bias = if embeddings.bias { Some(embeddings.patches.get(hidden, "bias")?) } else { None };
        let layers = (0..config.num_hidden_layers).map(|i| Layer::load(layers.pp(i), config, names, arithmetic));
        Ok(Self {
            patches: Linear::new(weight, bias),
            patch,
            class: embeddings.class.reshape((1, 1, hidden))?,
            positions: embeddings.positions.reshape((1, tokens(config)?, hidden))?,
            norm: embeddings.norm,
            layers: layers.collect::<Result<_>>()?,
            size: config.image_size,
        })
    }

    /// Side of an image in pixels.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// The last layer's class token `[images, hidden]`, before any norm, of images `[images, size, size, 3]`.
    pub(super) fn forward(&self, images: &Tensor) -> Result<Tensor> {
        let last = self.states(images, &[self.layers.len()])?;
        let Some(last) = last.first() else { bail!("a tower without layers sees nothing") };
        last.narrow(1, 0, 1)?.squeeze(1)
    }

    /// The residual stream after each tapped layer (1-based, ascending), `[images, 1 + patches, hidden]`, class token
    /// first, of images `[images, size, size, 3]`. Layers after the last tap do not run.
    pub(super) fn states(&self, images: &Tensor, taps: &[usize]) -> Result<Vec<Tensor>> {
        let n = images.dim(0)?;
        let (across, patch) = (self.size / self.patch, self.patch);
        // A row of pixels of a patch is contiguous, so only two dimensions change places.
        let patches = images.reshape((n, across, patch, across, patch * 3))?.transpose(2, 3)?;
        let patches = self.patches.forward(&patches.reshape((n, across * across, patch * patch * 3))?)?;
        let (_, tokens, hidden) = self.positions.dims3()?;
        let class = self.class.broadcast_as((n, 1, hidden))?;
        let x = Tensor::cat(&[&class, &patches], 1)?.broadcast_add(&self.positions)?;
        let mut x = x.reshape((n * tokens, hidden))?;
        if let Some(norm) = &self.norm {
            x = norm.forward(&x)?;
        }
        let spans: Vec<_> = (0..n).map(|i| i * tokens..(i + 1) * tokens).collect();
        let mut states = Vec::with_capacity(taps.len());
        for (depth, layer) in (1..=taps.last().copied().unwrap_or(0)).zip(&self.layers) {
            x = layer.forward(&x, &spans)?;
            if taps.contains(&depth) {
                states.push(x.reshape((n, tokens, hidden))?);
            }
        }
        Ok(states)
    }
}
