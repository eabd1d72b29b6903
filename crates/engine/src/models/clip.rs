//! CLIP's vision tower (Radford et al., 2021, arXiv:2103.00020) with a linear head on its projection: UnivFD (Ojha et
//! al., 2023, arXiv:2302.10174).
//!
//! The folder of such a model holds HF's `CLIPVisionModelWithProjection` and, in the same or another safetensors file,
//! the head: `fc.weight` `[1, projection_dim]` and `fc.bias` `[1]`, the names of the published checkpoint.

use super::ImageClassifier;
pub use super::vision::{Activation, Config};
use super::vision::{Embeddings, LayerNames, Tower, tokens};
use candle_core::{Module, Result, Tensor};
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

impl Clip {
    /// Loads weights under their HF names, and the head.
    pub fn load(vb: VarBuilder, config: &Config) -> Result<Self> {
        let (hidden, vision) = (config.hidden_size, vb.pp("vision_model"));
        let tables = vision.pp("embeddings");
        let norm = |name| layer_norm(hidden, config.layer_norm_eps, vision.pp(name));
        let embeddings = Embeddings {
            patches: tables.pp("patch_embedding"),
            bias: false,
            class: tables.get(hidden, "class_embedding")?,
            positions: tables.get((tokens(config)?, hidden), "position_embedding.weight")?,
            norm: Some(norm("pre_layrnorm")?), // HF's spelling
        };
        Ok(Self {
            tower: Tower::load(embeddings, vision.pp("encoder.layers"), &LAYER, config)?,
            norm: norm("post_layernorm")?,
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
