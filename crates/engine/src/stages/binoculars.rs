//! The `binoculars` stage: a causal language model's surprise, token by token.

use super::language_models::causal_lm;
use crate::features::features;
use crate::files::PackFiles;
use crate::models::Packed;
use crate::probe;
use crate::scheduler::{Model, Worker};
use crate::scoring::{Observer, Scorer, TokenScores};
use crate::windows::{Tokens, windows};
use crate::{EngineError, budget, dtype};
use candle_core::Device;
use scan::pack::{Input, ModelSpec};
use scan::{Features, Reading, Stage, Window, pack};
use std::ops::Range;
use std::sync::Arc;
use tokenizers::Tokenizer;

/// The stage, loaded.
pub struct Binoculars {
    tokenizer: Arc<Tokenizer>,
    worker: Worker<Scorer>,
    /// How features name each observer.
    suffixes: Vec<String>,
    /// Judges what the performer's states were projected to, as feature `probe`.
    probe: Option<probe::Head>,
    window: usize,
    max_windows: usize,
}

impl Model for Scorer {
    type Input = Vec<u32>;
    type Output = TokenScores;

    fn weight(sequence: &Vec<u32>) -> usize {
        sequence.len()
    }

    fn run(&self, batch: &[&Vec<u32>]) -> Result<Vec<TokenScores>, EngineError> {
        Ok(self.score(&Packed::new(batch.iter().map(|sequence| sequence.as_slice())))?)
    }
}

impl Binoculars {
    /// Verifies and loads performer, observer and tokenizer from the pack's files.
    pub fn load(spec: &ModelSpec, pack: &PackFiles, device: &Device) -> Result<Self, EngineError> {
        let unsupported = |reason: &str| EngineError::unsupported(Stage::Binoculars, reason);
        let (performer, tokenizer) = causal_lm(spec, &spec.directory, pack, device)?;
        let (observer, suffixes) = match &spec.observer {
            Some(pack::Observer::EarlyExit { layers }) => {
                let suffixes = layers.iter().map(|layer| format!("_{layer}")).collect();
                (Observer::Layers(layers.clone()), suffixes)
            }
            Some(pack::Observer::Model { directory }) => {
                (Observer::Model(causal_lm(spec, directory, pack, device)?.0), vec![String::new()])
            }
            None => return Err(unsupported("it names no observer")),
        };
        let Input::Text { window: window @ 2.., max_windows } = spec.input else {
            return Err(unsupported("it needs windows of two tokens or more"));
        };
        let width = performer.hidden_size();
        let mut scorer = Scorer::new(performer, observer).map_err(|e| unsupported(&e.to_string()))?;
        let mut probe = None;
        if let Some(pack::Probe { directory, layers }) = &spec.probe {
            let files = pack.model(&spec.files, directory)?;
            let (projection, head) = probe::load(&files, layers, width, dtype(device), device)?;
            scorer = scorer.with_probe(projection).map_err(|e| unsupported(&e.to_string()))?;
            probe = Some(head);
        }
        Ok(Self {
            tokenizer: Arc::new(tokenizer),
            worker: Worker::start(Stage::Binoculars.name(), budget(device), scorer)?,
            suffixes,
            probe,
            window,
            max_windows,
        })
    }

    /// Measures a text; no windows when it has fewer than two tokens.
    pub async fn read(&self, text: &str) -> Result<Reading, EngineError> {
        let tokens = Tokens::of(&self.tokenizer, text).await?;
        let mut windows = windows(tokens.ids.len(), self.window, self.max_windows);
        windows.retain(|window| window.len() >= 2);
        let sequences = windows.iter().map(|window| tokens.ids[window.clone()].to_vec()).collect();
        let scores = self.worker.run(sequences).await?;
        let mut reading = Reading::default();
        for (window, scores) in windows.iter().zip(&scores) {
            // Token `i` of the window is scored by entry `i − 1`; the first has no score.
            let measure = |part: &Range<usize>| {
                let scored = part.start.max(window.start + 1) - 1 - window.start..part.end - 1 - window.start;
                Window { chars: tokens.span(part), tokens: part.len(), features: self.features(&scores.slice(scored)) }
            };
            reading.windows.push(measure(window));
            reading.segments.extend(tokens.segments(window).iter().map(measure));
        }
        Ok(reading)
    }

    fn features(&self, scores: &TokenScores) -> Features {
        let mut features = features(scores, &self.suffixes);
        if let Some(probe) = &self.probe {
            features.insert("probe".into(), probe.logit(&scores.projected));
        }
        features
    }
}
