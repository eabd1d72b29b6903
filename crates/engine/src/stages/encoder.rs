//! The `roberta` stage: an encoder fine-tuned to tell human from AI text.

use super::log_odds;
use crate::files::PackFiles;
use crate::models::bert::Bert;
use crate::models::roberta::{Config, Roberta};
use crate::models::{Packed, SequenceClassifier};
use crate::scheduler::{Model, Worker};
use crate::windows::{Tokens, windows};
use crate::{EngineError, budget, dtype};
use candle_core::Device;
use scan::pack::{Architecture, Format, Input, ModelSpec};
use scan::{Features, Reading, Stage, Window};
use std::sync::Arc;
use tokenizers::Tokenizer;

/// The stage, loaded.
pub struct Encoder {
    tokenizer: Arc<Tokenizer>,
    /// Special tokens before and after each window: `[CLS]` … `[SEP]`, `<s>` … `</s>`.
    frame: (Vec<u32>, Vec<u32>),
    worker: Worker<Detector>,
    window: usize,
    max_windows: usize,
}

/// A two-label classifier, and which of its labels is AI.
struct Detector {
    classifier: Box<dyn SequenceClassifier>,
    ai: usize,
}

impl Model for Detector {
    type Input = Vec<u32>;
    /// Log-odds of AI, in nats.
    type Output = f64;

    fn weight(sequence: &Vec<u32>) -> usize {
        sequence.len()
    }

    fn run(&self, batch: &[&Vec<u32>]) -> Result<Vec<f64>, EngineError> {
        let batch = Packed::new(batch.iter().map(|sequence| sequence.as_slice()));
        Ok(log_odds(&self.classifier.logits(&batch)?, self.ai)?)
    }
}

impl Encoder {
    /// Verifies and loads the classifier and its tokenizer from the pack's files.
    pub fn load(spec: &ModelSpec, pack: &PackFiles, device: &Device) -> Result<Self, EngineError> {
        let unsupported = |reason: String| EngineError::unsupported(Stage::Roberta, reason);
        let files = pack.model(&spec.files, &spec.directory)?;
        let config: Config = files.config()?;
        let ai = config.id2label.ai().map_err(unsupported)?;
        let Input::Text { window, max_windows } = spec.input else {
            return Err(unsupported("it reads texts, not images".into()));
        };
        let dtype = dtype(device);
        let classifier: Box<dyn SequenceClassifier> = match (spec.architecture, spec.format) {
            (Architecture::Bert, Format::Safetensors) => {
                Box::new(files.load(dtype, device, |vb| Bert::load(vb, &config))?)
            }
            (Architecture::Roberta, Format::Safetensors) => {
                Box::new(files.load(dtype, device, |vb| Roberta::load(vb, &config))?)
            }
            (architecture, format) => {
                return Err(unsupported(format!("{architecture:?} from {format:?} is not a classifier it can load")));
            }
        };
        let tokenizer = files.tokenizer()?;
        let frame = frame(&tokenizer)?;
        let longest = classifier.max_tokens();
        if window + frame.0.len() + frame.1.len() > longest {
            return Err(unsupported(format!("a window of {window} exceeds its {longest} positions")));
        }
        Ok(Self {
            tokenizer: Arc::new(tokenizer),
            frame,
            worker: Worker::start(Stage::Roberta.name(), budget(device), Detector { classifier, ai })?,
            window,
            max_windows,
        })
    }

    /// Classifies each window of a text; no windows when it has no token.
    pub async fn read(&self, text: &str) -> Result<Reading, EngineError> {
        let tokens = Tokens::of(&self.tokenizer, text).await?;
        let windows = windows(tokens.ids.len(), self.window, self.max_windows);
        let (before, after) = &self.frame;
        let sequences = windows.iter().map(|window| [before, &tokens.ids[window.clone()], after].concat());
        let logits = self.worker.run(sequences.collect()).await?;
        let windows = windows.iter().zip(logits).map(|(window, logit)| Window {
            chars: tokens.span(window),
            tokens: window.len(),
            features: Features::from([("logit".into(), logit), ("log_tokens".into(), (window.len() as f64).ln())]),
        });
        Ok(Reading { windows: windows.collect(), ..Reading::default() })
    }
}

/// The special tokens that the tokenizer's template puts before and after a text.
fn frame(tokenizer: &Tokenizer) -> Result<(Vec<u32>, Vec<u32>), EngineError> {
    let probe = tokenizer.encode("a", true).map_err(|e| EngineError::Tokenizer(e.to_string()))?;
    let (ids, special) = (probe.get_ids(), probe.get_special_tokens_mask());
    let before = special.iter().take_while(|&&s| s == 1).count();
    let after = special[before..].iter().rev().take_while(|&&s| s == 1).count();
    Ok((ids[..before].to_vec(), ids[ids.len() - after..].to_vec()))
}
