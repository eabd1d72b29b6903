//! The models, one file each, behind three small traits.
//!
//! A text model never sees a padded batch. It is given a [`Packed`] batch: the token ids of several sequences one
//! after another. Linear layers and norms run on the packed `[tokens, hidden]` matrix; attention and positions
//! stop at the seams.

mod attention;
pub mod bert;
pub mod clip;
pub mod decoder;
mod dense;
mod encoder;
pub mod falcon;
pub mod gemma3;
mod labels;
pub mod llama;
pub mod roberta;
mod rotary;
mod vision;
pub mod vit;

pub use dense::Arithmetic;
pub use labels::Labels;

use candle_core::{Device, Result, Tensor, bail};
use std::ops::Range;

/// A network whose hidden states can be read after any of its layers.
pub trait Backbone: Send + Sync {
    /// Width of the hidden states.
    fn hidden_size(&self) -> usize;

    /// Transformer layers that are loaded; states can be read after `1..=layers` of them.
    fn layers(&self) -> usize;

    /// Where the weights are.
    fn device(&self) -> &Device;

    /// The residual stream after each of `layers`, which ascend, `[batch.tokens(), hidden]` each: `k` is the state after
    /// `k` layers as the next layer is given it, HF's `hidden_states[k]`. No final norm is applied (HF normalises the
    /// state after the very last layer), and no layer is run beyond the last one named.
    fn states(&self, batch: &Packed, layers: &[usize]) -> Result<Vec<Tensor>>;
}

/// A causal language model, with its final norm and head apart from its hidden states, so that a caller decides which
/// states are read through them and how many `[positions, vocabulary]` logits exist at a time.
pub trait CausalLm: Backbone {
    /// Entries in the vocabulary, the width of [`head`](Self::head)'s output.
    fn vocab_size(&self) -> usize;

    /// States `[rows, hidden]` through the final norm.
    fn norm(&self, states: &Tensor) -> Result<Tensor>;

    /// Logits `[rows, vocab_size]` for normalised states `[rows, hidden]`.
    fn head(&self, normed: &Tensor) -> Result<Tensor>;
}

/// Layers are named from 1, ascending, and exist.
pub(crate) fn check_layers(layers: &[usize], depth: usize) -> Result<()> {
    if layers.iter().any(|l| !(1..=depth).contains(l)) || !layers.is_sorted_by(|a, b| a < b) {
        bail!("layers {layers:?} must ascend and lie in 1–{depth}")
    }
    Ok(())
}

/// A model that gives each sequence one score per label.
pub trait SequenceClassifier: Send + Sync {
    /// The longest sequence that it takes, special tokens included.
    fn max_tokens(&self) -> usize;

    /// Logits `[batch.len(), labels]`.
    fn logits(&self, batch: &Packed) -> Result<Tensor>;
}

/// A model that gives each image one score per label, or one that is the log-odds of AI.
pub trait ImageClassifier: Send + Sync {
    /// Side of the square images that it takes, in pixels.
    fn size(&self) -> usize;

    /// Logits `[images, labels]` of normalised RGB images `[images, size, size, 3]`.
    fn logits(&self, images: &Tensor) -> Result<Tensor>;
}

/// A vision transformer that is read at several depths.
pub trait ImageTower: Send + Sync {
    /// Side of the square images that it takes, in pixels.
    fn size(&self) -> usize;

    /// Width of the residual stream.
    fn hidden_size(&self) -> usize;

    /// The residual stream after each tapped layer (1-based, ascending), `[images, 1 + patches, hidden]`, class token
    /// first, of normalised RGB images `[images, size, size, 3]`. Nothing runs after the last tap.
    fn states(&self, images: &Tensor, taps: &[usize]) -> Result<Vec<Tensor>>;
}

/// The token ids of several non-empty sequences, concatenated without padding.
#[derive(Debug, Clone, Default)]
pub struct Packed {
    ids: Vec<u32>,
    /// `spans[i]` is where sequence `i` lies in `ids`.
    spans: Vec<Range<usize>>,
}

impl Packed {
    /// Packs the sequences in order. Empty ones are left out.
    pub fn new<'a>(sequences: impl IntoIterator<Item = &'a [u32]>) -> Self {
        let mut packed = Self::default();
        for sequence in sequences.into_iter().filter(|s| !s.is_empty()) {
            let start = packed.ids.len();
            packed.ids.extend_from_slice(sequence);
            packed.spans.push(start..packed.ids.len());
        }
        packed
    }

    /// All token ids, in order.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Where each sequence lies in [`ids`](Self::ids).
    pub fn spans(&self) -> &[Range<usize>] {
        &self.spans
    }

    /// Tokens in all.
    pub fn tokens(&self) -> usize {
        self.ids.len()
    }

    /// Sequences.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is no sequence.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Each token's position in its own sequence, from 0.
    pub fn positions(&self) -> impl Iterator<Item = u32> + '_ {
        self.spans.iter().flat_map(|span| 0..span.len() as u32)
    }

    /// The ids as a tensor `[tokens]`.
    fn ids_tensor(&self, device: &Device) -> Result<Tensor> {
        Tensor::from_slice(&self.ids, self.ids.len(), device)
    }
}

/// `[a; b; …]` of weights with the same inner dimension: one matrix product instead of several.
fn stack(weights: &[Tensor]) -> Result<Tensor> {
    Tensor::cat(weights, 0)
}
