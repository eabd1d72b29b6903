//! A linear probe of a vision tower (Alain and Bengio, 2016, arXiv:1610.01644; of CLIP against generated images, Ojha et
//! al., 2023, arXiv:2302.10174), and a map of where in the picture the evidence lies.
//!
//! `outputs = W · x + b`, where `x` are the class tokens after some layers, one after another. The first output is the
//! log-odds of AI, the others say which family of generators. A cell of the map is linear in its patch's token after one
//! layer.

use crate::EngineError;
use crate::files::ModelFiles;
use crate::models::ImageTower;
use candle_core::{D, DType, Device, Module, Result, Tensor, bail};
use candle_nn::{Linear, VarBuilder, linear};
use scan::{Generator, Probability};
use serde::Deserialize;

/// A tower and the probe that reads it.
pub struct Sight {
    tower: Box<dyn ImageTower>,
    /// Layers (1-based, ascending) whose class tokens the probe reads.
    layers: Vec<usize>,
    output: Linear,
    families: Families,
    map: Map,
}

/// The layer whose patches make the map, and how.
struct Map {
    layer: usize,
    weights: Linear,
}

/// What the probe says of one view.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Log-odds of AI, in nats.
    pub log_odds: f64,
    /// What the odds of each family of generators would be, were the view generated: logits, in the order of
    /// [`Families`].
    pub families: Vec<f64>,
    /// Log-odds of AI of each patch, row by row.
    pub map: Vec<f32>,
}

/// The families of generators that a probe tells apart.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Families {
    /// What the outputs after the first stand for. An empty name stands for all others, and is never given.
    names: Vec<String>,
    /// The least probability with which one is named.
    sure: f64,
}

/// `config.json` beside a probe's weights.
#[derive(Debug, Deserialize)]
struct Config {
    families: Families,
    /// The layer (1-based) whose patches make the map; not after the last that is read.
    map_layer: usize,
}

impl Sight {
    /// Loads `output` `[1 + families, layers × hidden]` and `map` `[1, hidden]`, weights and biases, and `config.json`.
    /// `layers` (1-based, ascending) are those whose class tokens were put together in training.
    pub fn load(
        tower: Box<dyn ImageTower>,
        files: &ModelFiles,
        layers: &[usize],
        dtype: DType,
        device: &Device,
    ) -> std::result::Result<Self, EngineError> {
        let Config { families, map_layer } = files.config()?;
        let hidden = tower.hidden_size();
        files.load(dtype, device, |vb: VarBuilder| {
            if layers.last().is_none_or(|&last| map_layer == 0 || map_layer > last) {
                bail!("there is no map of layer {map_layer}: the tower is read after {layers:?}")
            }
            Ok(Self {
                output: linear(layers.len() * hidden, 1 + families.names.len(), vb.pp("output"))?,
                map: Map { layer: map_layer, weights: linear(hidden, 1, vb.pp("map"))? },
                layers: layers.to_vec(),
                families,
                tower,
            })
        })
    }

    /// Side of the views that it takes, in pixels.
    pub fn size(&self) -> usize {
        self.tower.size()
    }

    /// What [`Seen::families`] stand for.
    pub fn families(&self) -> &Families {
        &self.families
    }

    /// Looks at normalised RGB views `[views, size, size, 3]`.
    pub fn look(&self, views: &Tensor) -> Result<Vec<Seen>> {
        let mut taps = self.layers.clone();
        if let Err(place) = taps.binary_search(&self.map.layer) {
            taps.insert(place, self.map.layer);
        }
        let states = self.tower.states(views, &taps)?;
        let state = |layer: usize| -> Result<&Tensor> {
            match taps.binary_search(&layer).ok().and_then(|at| states.get(at)) {
                Some(state) => Ok(state),
                None => bail!("the tower has no layer {layer}"),
            }
        };
        let class = self.layers.iter().map(|&layer| state(layer)?.narrow(1, 0, 1)?.squeeze(1));
        let class = Tensor::cat(&class.collect::<Result<Vec<_>>>()?, D::Minus1)?;
        let outputs = self.output.forward(&class)?.to_dtype(DType::F32)?.to_vec2::<f32>()?;
        let state = state(self.map.layer)?;
        let patches = state.narrow(1, 1, state.dim(1)? - 1)?.contiguous()?;
        let map = self.map.weights.forward(&patches)?.squeeze(D::Minus1)?.to_dtype(DType::F32)?.to_vec2::<f32>()?;
        let seen = outputs.into_iter().zip(map).map(|(outputs, map)| {
            let mut outputs = outputs.into_iter().map(f64::from);
            Seen { log_odds: outputs.next().unwrap_or(f64::NAN), families: outputs.collect(), map }
        });
        Ok(seen.collect())
    }
}

impl Families {
    /// The likeliest family by the mean logits of several views, if it is clearly so.
    pub fn clearest(&self, views: &[&[f64]]) -> Option<Generator> {
        let mean = |i: usize| views.iter().filter_map(|view| view.get(i)).sum::<f64>() / views.len() as f64;
        let logits: Vec<f64> = (0..self.names.len()).map(mean).collect();
        let (best, largest) = logits.iter().copied().enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b))?;
        let probability = 1.0 / logits.iter().map(|logit| (logit - largest).exp()).sum::<f64>();
        let family = &self.names[best];
        let clear = probability >= self.sure && !family.is_empty();
        let probability = Probability::new(probability).ok().filter(|_| clear)?;
        Some(Generator { family: family.clone(), probability })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_named_when_it_is_clear() {
        let families = Families { names: vec!["GPT image".into(), "Midjourney".into(), String::new()], sure: 0.8 };
        let named = |views: &[&[f64]]| families.clearest(views).map(|g| (g.family, g.probability.rounded()));
        assert_eq!(named(&[&[4.0, 0.0, 0.0]]), Some(("GPT image".into(), 0.96)));
        assert_eq!(named(&[&[1.0, 0.5, 0.0]]), None);
        assert_eq!(named(&[&[0.0, 0.0, 9.0]]), None);
        // Views that disagree cancel out.
        assert_eq!(named(&[&[4.0, 0.0, 0.0], &[0.0, 4.0, 0.0]]), None);
        assert_eq!(named(&[]), None);
        assert_eq!(Families::default().clearest(&[&[]]), None);
    }
}
