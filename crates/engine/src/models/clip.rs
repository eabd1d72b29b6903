//! CLIP's vision tower (Radford et al., 2021, arXiv:2103.00020) with a linear head on its projection: UnivFD (Ojha et
//! al., 2023, arXiv:2302.10174).
//!
//! The folder of such a model holds HF's `CLIPVisionModelWithProjection` and, in the same or another safetensors file,
//! the head: `fc.weight` `[1, projection_dim]` and `fc.bias` `[1]`, the names of the published checkpoint. A probe that
//! reads the tower at several depths needs [`ClipTower`] alone.

use super::dense::Arithmetic;
pub use super::vision::{Activation, Config};
use super::vision::{Embeddings, LayerNames, Tower, tokens};
use super::{ImageClassifier, ImageTower};
use candle_core::{Module, Result, Tensor, bail};
use candle_nn::{LayerNorm, Linear, VarBuilder, layer_norm, linear, linear_no_bias};

const LAYER: LayerNames = LayerNames {
    attention_norm: "layer_norm1",
    qkv: ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    attention_out: "self_attn.out_proj",
    feed_norm: "layer_norm2",
    up: "mlp.fc1",
    down: "mlp.fc2",
};

/// CLIP's image embedding, not normalised, and the log-odds of AI that are linear in it.
pub struct Clip {
    tower: Tower,
    norm: LayerNorm,
    projection: Linear,
    head: Linear,
}

/// The tower of CLIP below `vision_model`, without what comes after its layers.
fn tower(vb: &VarBuilder, config: &Config, arithmetic: Arithmetic) -> Result<Tower> {
    let (hidden, tables) = (config.hidden_size, vb.pp("embeddings"));
    let embeddings = Embeddings {
        patches: tables.pp("patch_embedding"),
        bias: false,
        class: tables.get(hidden, "class_embedding")?,
        positions: tables.get((tokens(config)?, hidden), "position_embedding.weight")?,
        norm: Some(layer_norm(hidden, config.layer_norm_eps, vb.pp("pre_layrnorm"))?), // HF's spelling
    };
    Tower::load(embeddings, vb.pp("encoder.layers"), &LAYER, config, arithmetic)
}

impl Clip {
    /// Loads weights under their HF names, and the head.
    pub fn load(vb: VarBuilder, config: &Config) -> Result<Self> {
        let (hidden, vision) = (config.hidden_size, vb.pp("vision_model"));
        Ok(Self {
            tower: tower(&vision, config, Arithmetic::Float)?,
            norm: layer_norm(hidden, config.layer_norm_eps, vision.pp("post_layernorm"))?,
            projection: linear_no_bias(hidden, config.projection_dim, vb.pp("visual_projection"))?,
            head: linear(config.projection_dim, 1, vb.pp("fc"))?,
        })
    }
}

impl ImageClassifier for Clip {
    fn size(&self) -> usize {
        self.tower.size()
    }

    fn logits(&self, images: &Tensor) -> Result<Tensor> {
        let class = self.norm.forward(&self.tower.forward(images)?)?;
        self.head.forward(&self.projection.forward(&class)?)
    }
}

/// CLIP's layers and nothing after them.
pub struct ClipTower {
    tower: Tower,
    hidden: usize,
}

impl ClipTower {
    /// Loads the embeddings and the layers up to the `depth`th, under their HF names.
    pub fn load(vb: VarBuilder, config: &Config, depth: usize, arithmetic: Arithmetic) -> Result<Self> {
        if depth > config.num_hidden_layers {
            bail!("there is no layer {depth} of {}", config.num_hidden_layers)
        }
        let config = Config { num_hidden_layers: depth, ..config.clone() };
        Ok(Self { tower: tower(&vb.pp("vision_model"), &config, arithmetic)?, hidden: config.hidden_size })
    }
}

impl ImageTower for ClipTower {
    fn size(&self) -> usize {
        self.tower.size()
    }

    fn hidden_size(&self) -> usize {
        self.hidden
    }

    fn states(&self, images: &Tensor, taps: &[usize]) -> Result<Vec<Tensor>> {
        self.tower.states(images, taps)
    }
}
