//! A probe: a small network that reads a language model's own hidden states (Alain and Bengio, 2016,
//! arXiv:1610.01644).
//!
//! `logit = output · relu(mean over tokens of (project · x) + bias) + offset`, where `x` is a token's states after some
//! layers, one after another. Only the projection looks at single tokens, and it is linear: the mean over any stretch
//! of a text, a window or a segment of it, can be taken afterwards.
//!
//! A probe reads the states that it was trained on: beside a performer's scores
//! ([`Scorer::with_probe`](crate::scoring::Scorer::with_probe)) the normalised ones, by itself ([`Reader`]) the residual
//! stream as it is.

use crate::EngineError;
use crate::files::ModelFiles;
use crate::models::{Backbone, Packed, check_layers};
use crate::scheduler::Model;
use candle_core::{D, DType, Device, Module, Result, Tensor, bail};
use candle_nn::{Linear, VarBuilder};

/// The part that runs beside the language model, token by token.
pub struct Projection {
    layers: Vec<usize>,
    weights: Linear,
}

/// The part that judges a stretch of tokens.
#[derive(Debug, Clone)]
pub struct Head {
    bias: Vec<f32>,
    output: Vec<f32>,
    offset: f32,
}

/// Loads `project.weight` `[units, layers × hidden]`, `project.bias` `[units]`, `output.weight` `[1, units]` and
/// `output.bias` `[1]`. `layers` (1-based, ascending) are those whose states were put together when it was trained.
pub fn load(
    files: &ModelFiles,
    layers: &[usize],
    hidden: usize,
    dtype: DType,
    device: &Device,
) -> std::result::Result<(Projection, Head), EngineError> {
    let width = layers.len() * hidden;
    let projection = |vb: VarBuilder| {
        let bias = vb.get_unchecked("project.bias")?.to_dtype(DType::F32)?;
        let units = bias.dim(0)?;
        let weights = vb.get((units, width), "project.weight")?;
        let output = vb.get((1, units), "output.weight")?.to_dtype(DType::F32)?;
        let offset = vb.get(1, "output.bias")?.to_dtype(DType::F32)?;
        let head = Head {
            bias: bias.to_vec1()?,
            output: output.squeeze(0)?.to_vec1()?,
            offset: offset.squeeze(0)?.to_scalar()?,
        };
        Ok((Projection { layers: layers.into(), weights: Linear::new(weights, None) }, head))
    };
    files.load(dtype, device, projection)
}

impl Projection {
    /// The layers whose states it reads, ascending.
    pub fn layers(&self) -> &[usize] {
        &self.layers
    }

    /// One `[units]` for each token, from the states `[tokens, hidden]` after each of its layers.
    pub(crate) fn project(&self, states: &[Tensor]) -> Result<Vec<Vec<f32>>> {
        if states.len() != self.layers.len() {
            bail!("the probe reads {} layers, not {}", self.layers.len(), states.len())
        }
        self.weights.forward(&Tensor::cat(states, D::Minus1)?)?.to_dtype(DType::F32)?.to_vec2()
    }
}

/// A backbone that is run as far as the last layer that a probe reads, and the projection of its residual stream.
pub struct Reader {
    backbone: Box<dyn Backbone>,
    projection: Projection,
}

impl Reader {
    /// Checks that the backbone has the probe's layers.
    pub fn new(backbone: Box<dyn Backbone>, projection: Projection) -> Result<Self> {
        check_layers(projection.layers(), backbone.layers())?;
        Ok(Self { backbone, projection })
    }

    /// One `[units]` for each token of each sequence.
    pub fn read(&self, batch: &Packed) -> Result<Vec<Vec<Vec<f32>>>> {
        let projected = self.projection.project(&self.backbone.states(batch, self.projection.layers())?)?;
        Ok(batch.spans().iter().map(|span| projected[span.clone()].to_vec()).collect())
    }
}

impl Model for Reader {
    /// Token ids, at least one.
    type Input = Vec<u32>;
    /// One `[units]` for each token.
    type Output = Vec<Vec<f32>>;

    fn weight(sequence: &Vec<u32>) -> usize {
        sequence.len()
    }

    fn run(&self, batch: &[&Vec<u32>]) -> std::result::Result<Vec<Vec<Vec<f32>>>, EngineError> {
        Ok(self.read(&Packed::new(batch.iter().map(|sequence| sequence.as_slice())))?)
    }
}

impl Head {
    /// Log-odds in nats of AI for a stretch of projected tokens; the offset alone for none.
    pub fn logit(&self, projected: &[Vec<f32>]) -> f64 {
        let count = projected.len().max(1) as f32;
        let unit = |i: usize| {
            let mean = projected.iter().map(|token| token[i]).sum::<f32>() / count;
            self.output[i] * (mean + self.bias[i]).max(0.0)
        };
        match projected.is_empty() {
            true => self.offset.into(),
            false => f64::from(self.offset + (0..self.bias.len()).map(unit).sum::<f32>()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_judges_the_mean_of_a_stretch() {
        let head = Head { bias: vec![0.5, -1.0], output: vec![2.0, 3.0], offset: 0.25 };
        let tokens = [vec![1.0, 0.0], vec![-1.0, 8.0]];
        // Means 0 and 4, with bias .5 and 3: 2 · .5 + 3 · 3 + .25.
        assert_eq!(head.logit(&tokens), 10.25);
        // The second unit alone would be below zero, and says nothing.
        assert_eq!(head.logit(&tokens[..1]), 2.0 * 1.5 + 0.25);
        assert_eq!(head.logit(&[]), 0.25);
    }
}
