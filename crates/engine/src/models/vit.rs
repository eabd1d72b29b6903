//! ViT with a classification head (HF's `ViTForImageClassification`; Dosovitskiy et al., 2020, arXiv:2010.11929).

use super::ImageClassifier;
use super::dense::Arithmetic;
pub use super::vision::{Activation, Config};
use super::vision::{Embeddings, LayerNames, Tower, tokens};
use candle_core::{Module, Result, Tensor};
use candle_nn::{LayerNorm, Linear, VarBuilder, layer_norm, linear};

const LAYER: LayerNames = LayerNames {
    attention_norm: "layernorm_before",
    qkv: ["attention.attention.query", "attention.attention.key", "attention.attention.value"],
    attention_out: "attention.output.dense",
    feed_norm: "layernorm_after",
    up: "intermediate.dense",
    down: "output.dense",
};

/// A ViT classifier: the class token, a norm, a linear layer.
pub struct Vit {
    tower: Tower,
    norm: LayerNorm,
    classifier: Linear,
}

impl Vit {
    /// Loads weights under their HF names.
    pub fn load(vb: VarBuilder, config: &Config) -> Result<Self> {
        let hidden = config.hidden_size;
        let tables = vb.pp("vit.embeddings");
        let embeddings = Embeddings {
            patches: tables.pp("patch_embeddings.projection"),
            bias: true,
            class: tables.get((1, 1, hidden), "cls_token")?,
            positions: tables.get((1, tokens(config)?, hidden), "position_embeddings")?,
            norm: None,
        };
        Ok(Self {
            tower: Tower::load(embeddings, vb.pp("vit.encoder.layer"), &LAYER, config, Arithmetic::Float)?,
            norm: layer_norm(hidden, config.layer_norm_eps, vb.pp("vit.layernorm"))?,
            classifier: linear(hidden, config.id2label.count(), vb.pp("classifier"))?,
        })
    }
}

impl ImageClassifier for Vit {
    fn size(&self) -> usize {
        self.tower.size()
    }

    fn logits(&self, images: &Tensor) -> Result<Tensor> {
        self.classifier.forward(&self.norm.forward(&self.tower.forward(images)?)?)
    }
}
