//! RoBERTa (Liu et al., 2019, arXiv:1907.11692) with a classification head
//! (HF's `RobertaForSequenceClassification`).

pub use super::encoder::Config;
use super::encoder::Encoder;
use super::{Packed, SequenceClassifier};
use candle_core::{Module, Result, Tensor};
use candle_nn::{Linear, VarBuilder, linear};

/// A RoBERTa classifier: the first token, a tanh layer, a linear layer.
pub struct Roberta {
    encoder: Encoder,
    dense: Linear,
    out: Linear,
}

impl Roberta {
    /// Loads weights under their HF names. Positions start after the padding id, as RoBERTa was trained.
    pub fn load(vb: VarBuilder, config: &Config) -> Result<Self> {
        let hidden = config.hidden_size;
        let head = vb.pp("classifier");
        let first_position = config.pad_token_id.unwrap_or(1) + 1;
        Ok(Self {
            encoder: Encoder::load(vb.pp("roberta"), config, first_position)?,
            dense: linear(hidden, hidden, head.pp("dense"))?,
            out: linear(hidden, config.id2label.count(), head.pp("out_proj"))?,
        })
    }
}

impl SequenceClassifier for Roberta {
    fn max_tokens(&self) -> usize {
        self.encoder.max_tokens()
    }

    fn logits(&self, batch: &Packed) -> Result<Tensor> {
        let inner = self.dense.forward(&self.encoder.first_tokens(batch)?)?.tanh()?;
        self.out.forward(&inner)
    }
}
