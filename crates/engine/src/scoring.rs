//! Token-by-token scoring of a text under a performer and its observers.
//!
//! The method is Binoculars (Hans et al., 2024, arXiv:2401.12070, equations 2–4): how surprising the text is to
//! the performer, over how surprising the observer's expectations are to it. The language-model head is applied
//! to a chunk of positions at a time and its logits are reduced at once, so full `tokens × vocabulary` logits
//! never exist.

use crate::models::{CausalLm, Packed, check_layers};
use crate::probe::Projection;
use crate::reductions::{Row, reduce};
use candle_core::{Result, Tensor, bail};
use std::collections::BTreeSet;
use std::ops::Range;

/// Positions whose logits exist at a time.
const CHUNK: usize = 128;

/// What the performer is compared with.
pub enum Observer {
    /// The performer itself, stopped after each of these layers (1-based, ascending).
    Layers(Vec<usize>),
    /// Another model with the same vocabulary, as in the paper.
    Model(Box<dyn CausalLm>),
}

/// A performer with its observers, and with a probe if there is one.
pub struct Scorer {
    performer: Box<dyn CausalLm>,
    observer: Observer,
    probe: Option<Projection>,
    chunk: usize,
}

/// Normalised hidden states `[tokens, hidden]` of a batch.
struct States {
    performer: Tensor,
    observers: Vec<Tensor>,
    probed: Vec<Tensor>,
}

/// Per-token measurements of one sequence, in nats. Entry `i` is about token `i + 1` given those before it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TokenScores {
    /// Surprisal: −ln p(token).
    pub nll: Vec<f32>,
    /// Entropy of the performer's distribution.
    pub entropy: Vec<f32>,
    /// Variance of ln p under p.
    pub variance: Vec<f32>,
    /// 1-based rank of the token in the distribution.
    pub rank: Vec<f32>,
    /// Cross-entropy of the performer under each observer's distribution: −Σ p_observer ln p.
    pub cross: Vec<Vec<f32>>,
    /// The token's own states as the probe projects them, `[units]` each; empty without a probe.
    pub projected: Vec<Vec<f32>>,
}

impl TokenScores {
    fn new(rows: &[Row], observers: usize, projected: Vec<Vec<f32>>) -> Self {
        let column = |f: fn(&Row) -> f32| rows.iter().map(f).collect();
        Self {
            nll: column(|r| r.nll),
            entropy: column(|r| r.entropy),
            variance: column(|r| r.variance),
            rank: column(|r| r.rank),
            cross: (0..observers).map(|o| rows.iter().map(|r| r.cross[o]).collect()).collect(),
            projected,
        }
    }

    /// Scored positions.
    pub fn len(&self) -> usize {
        self.nll.len()
    }

    /// Whether nothing was scored.
    pub fn is_empty(&self) -> bool {
        self.nll.is_empty()
    }

    /// The measurements of a range of positions.
    pub fn slice(&self, range: Range<usize>) -> Self {
        let part = |column: &Vec<f32>| column[range.clone()].to_vec();
        Self {
            nll: part(&self.nll),
            entropy: part(&self.entropy),
            variance: part(&self.variance),
            rank: part(&self.rank),
            cross: self.cross.iter().map(part).collect(),
            projected: self.projected.get(range.clone()).unwrap_or_default().to_vec(),
        }
    }
}

impl Scorer {
    /// Checks that performer and observer fit together.
    pub fn new(performer: Box<dyn CausalLm>, observer: Observer) -> Result<Self> {
        match &observer {
            Observer::Layers(layers) => check_layers(layers, performer.layers())?,
            Observer::Model(model) => {
                let (a, b) = (performer.vocab_size(), model.vocab_size());
                if a != b {
                    bail!("performer and observer must share a tokenizer, but have {a} and {b} entries")
                }
            }
        }
        Ok(Self { performer, observer, probe: None, chunk: CHUNK })
    }

    /// The same with a probe of the performer.
    pub fn with_probe(self, probe: Projection) -> Result<Self> {
        check_layers(probe.layers(), self.performer.layers())?;
        Ok(Self { probe: Some(probe), ..self })
    }

    /// The same with another number of positions per chunk. The result does not depend on it.
    pub fn with_chunk(self, chunk: usize) -> Self {
        Self { chunk: chunk.max(1), ..self }
    }

    /// Scores each sequence of the batch: positions 1.. given those before.
    pub fn score(&self, batch: &Packed) -> Result<Vec<TokenScores>> {
        let states = self.states(batch)?;
        let positions: Vec<(u32, u32)> = batch
            .spans()
            .iter()
            .flat_map(|span| (span.start..span.end - 1).map(|i| (i as u32, batch.ids()[i + 1])))
            .collect();
        let mut rows = Vec::with_capacity(positions.len());
        for chunk in positions.chunks(self.chunk) {
            let (indices, targets): (Vec<u32>, Vec<u32>) = chunk.iter().copied().unzip();
            let indices = Tensor::from_vec(indices, chunk.len(), self.performer.device())?;
            let (performer, observers) = self.logits(&states, &indices)?;
            rows.extend(reduce(&performer, &observers, &targets)?);
        }
        if rows.iter().any(|row| !row.nll.is_finite()) {
            bail!("the model's logits are not finite")
        }
        let projected = match &self.probe {
            Some(probe) => probe.project(&states.probed)?,
            None => Vec::new(),
        };
        let mut rows = rows.as_slice();
        let scores = batch.spans().iter().map(|span| {
            let (own, others) = rows.split_at(span.len() - 1);
            rows = others;
            // As everywhere, entry `i` is about token `i + 1`: the first token's state knows of no text.
            let projected = projected.get(span.start + 1..span.end).unwrap_or_default();
            TokenScores::new(own, states.observers.len(), projected.to_vec())
        });
        Ok(scores.collect())
    }

    /// The states that observers, performer and probe need, each through the final norm, from one pass through each
    /// model.
    fn states(&self, batch: &Packed) -> Result<States> {
        let observed: &[usize] = match &self.observer {
            Observer::Layers(layers) => layers,
            Observer::Model(_) => &[],
        };
        let probed = self.probe.as_ref().map_or(&[][..], Projection::layers);
        let last = self.performer.layers();
        let wanted: BTreeSet<usize> = observed.iter().chain(probed).copied().chain([last]).collect();
        let wanted: Vec<usize> = wanted.into_iter().collect();
        let normed = normed_states(self.performer.as_ref(), batch, &wanted)?;
        let after = |layers: &[usize]| -> Vec<Tensor> {
            let of_layer = wanted.iter().zip(&normed).filter(|(layer, _)| layers.contains(layer));
            of_layer.map(|(_, state)| state.clone()).collect()
        };
        let observers = match &self.observer {
            Observer::Layers(layers) => after(layers),
            Observer::Model(model) => normed_states(model.as_ref(), batch, &[model.layers()])?,
        };
        let Some(performer) = normed.last() else { bail!("the performer gave no state") };
        Ok(States { performer: performer.clone(), observers, probed: after(probed) })
    }

    /// Logits at some positions: the performer's, and each observer's.
    fn logits(&self, states: &States, positions: &Tensor) -> Result<(Tensor, Vec<Tensor>)> {
        let chosen = |state: &Tensor| state.index_select(positions, 0);
        let performer = chosen(&states.performer)?;
        let mut observers = states.observers.iter().map(chosen).collect::<Result<Vec<_>>>()?;
        let n = positions.dim(0)?;
        match &self.observer {
            // One matrix product for all: the head's weights are read once.
            Observer::Layers(layers) => {
                observers.push(performer);
                let logits = self.performer.head(&Tensor::cat(&observers, 0)?)?;
                let observers = (0..layers.len()).map(|i| logits.narrow(0, i * n, n)).collect::<Result<_>>()?;
                Ok((logits.narrow(0, layers.len() * n, n)?, observers))
            }
            Observer::Model(model) => {
                let observers = observers.iter().map(|state| model.head(state)).collect::<Result<_>>()?;
                Ok((self.performer.head(&performer)?, observers))
            }
        }
    }
}

/// States after some layers, each through the model's final norm.
fn normed_states(model: &dyn CausalLm, batch: &Packed, layers: &[usize]) -> Result<Vec<Tensor>> {
    model.states(batch, layers)?.iter().map(|state| model.norm(state)).collect()
}
