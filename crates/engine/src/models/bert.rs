//! BERT with a classification head (HF's `BertForSequenceClassification`).

pub use super::encoder::Config;
use super::encoder::Encoder;
use super::{Packed, SequenceClassifier};
use candle_core::{Module, Result, Tensor};
use candle_nn::{Linear, VarBuilder, linear};

/// A BERT-shaped classifier: the first token, a tanh pooler, a linear layer.
pub struct Bert {
    encoder: Encoder,
    pooler: Linear,
    classifier: Linear,
}

impl Bert {
    /// Loads weights under their HF names.
    pub fn load(vb: VarBuilder, config: &Config) -> Result<Self> {
        let hidden = config.hidden_size;
        Ok(Self {
            encoder: Encoder::load(vb.pp("bert"), config, 0)?,
            pooler: linear(hidden, hidden, vb.pp("bert.pooler.dense"))?,
            classifier: linear(hidden, config.id2label.count(), vb.pp("classifier"))?,
        })
    }
}

impl SequenceClassifier for Bert {
    fn max_tokens(&self) -> usize {
        self.encoder.max_tokens()
    }

    fn logits(&self, batch: &Packed) -> Result<Tensor> {
        let pooled = self.pooler.forward(&self.encoder.first_tokens(batch)?)?.tanh()?;
        self.classifier.forward(&pooled)
    }
}
