//! How a text is cut: tokens with their characters, windows for the model, segments for the reader.

use crate::EngineError;
use std::ops::Range;
use std::sync::Arc;
use tokenizers::Tokenizer;
use unicode_segmentation::UnicodeSegmentation;

/// A segment has at least this many tokens, unless its window has fewer.
const SEGMENT: usize = 64;

/// A text in tokens.
#[derive(Debug, Clone, Default)]
pub struct Tokens {
    /// Token ids.
    pub ids: Vec<u32>,
    /// The characters (not bytes) of the text that each token stands for.
    pub chars: Vec<Range<usize>>,
    /// The characters at which sentences begin (UAX #29), ascending, the first 0.
    pub sentences: Vec<usize>,
}

impl Tokens {
    /// Tokenises a text, without special tokens, on a thread where it may take its time.
    pub async fn of(tokenizer: &Arc<Tokenizer>, text: &str) -> Result<Self, EngineError> {
        let (tokenizer, text) = (Arc::clone(tokenizer), text.to_owned());
        let tokens = tokio::task::spawn_blocking(move || Self::new(&tokenizer, &text));
        tokens.await.map_err(|e| EngineError::Tokenizer(e.to_string()))?
    }

    /// Tokenises a text, without special tokens.
    pub fn new(tokenizer: &Tokenizer, text: &str) -> Result<Self, EngineError> {
        let encoding = tokenizer.encode_char_offsets(text, false).map_err(|e| EngineError::Tokenizer(e.to_string()))?;
        let mut sentences = Vec::new();
        let mut at = 0;
        for sentence in text.split_sentence_bounds() {
            sentences.push(at);
            at += sentence.chars().count();
        }
        let chars = encoding.get_offsets().iter().map(|&(start, end)| start..end).collect();
        Ok(Self { ids: encoding.get_ids().to_vec(), chars, sentences })
    }

    /// The characters of a range of tokens, from the first's start to the last's end. A character that is
    /// split over two tokens belongs to the earlier.
    pub fn span(&self, tokens: &Range<usize>) -> Range<usize> {
        let before = tokens.start.checked_sub(1).map_or(0, |i| self.chars[i].end);
        let start = self.chars[tokens.start].start.max(before);
        start..self.chars[tokens.end - 1].end.max(start)
    }

    /// The sentence in which a token ends.
    fn sentence(&self, token: usize) -> usize {
        let last = self.chars[token].end.saturating_sub(1);
        self.sentences.partition_point(|&start| start <= last)
    }

    /// Cuts a window into groups of whole sentences of at least [`SEGMENT`] tokens; a shorter remainder joins
    /// the group before it. The groups cover the window.
    pub fn segments(&self, window: &Range<usize>) -> Vec<Range<usize>> {
        let mut cuts = vec![window.start];
        let mut start = window.start;
        for token in window.start + 1..window.end {
            let new_sentence = self.sentence(token) != self.sentence(token - 1);
            if new_sentence && token - start >= SEGMENT && window.end - token >= SEGMENT {
                cuts.push(token);
                start = token;
            }
        }
        cuts.push(window.end);
        cuts.windows(2).map(|cut| cut[0]..cut[1]).collect()
    }
}

/// Cuts `tokens` tokens into the fewest windows of at most `size`, whose sizes differ by at most one, and keeps
/// at most `limit` of them: of a longer text the first, the last, and others evenly between.
pub fn windows(tokens: usize, size: usize, limit: usize) -> Vec<Range<usize>> {
    let count = tokens.div_ceil(size.max(1));
    let kept = count.min(limit);
    let edge = |i: usize| i * tokens / count;
    let chosen = (0..kept).map(|i| if kept > 1 { i * (count - 1) / (kept - 1) } else { 0 });
    chosen.map(|i| edge(i)..edge(i + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn windows_are_balanced_and_in_order(tokens in 0usize..100_000, size in 1usize..513, limit in 1usize..40) {
            let windows = windows(tokens, size, limit);
            prop_assert_eq!(windows.len(), tokens.div_ceil(size).min(limit));
            prop_assert!(windows.iter().all(|w| w.len() <= size && !w.is_empty() && w.end <= tokens));
            prop_assert!(windows.is_sorted_by(|a, b| a.end <= b.start));
            let sizes = windows.iter().map(|w| w.len());
            prop_assert!(sizes.clone().max().unwrap_or(0) - sizes.min().unwrap_or(0) <= 1);
            if tokens.div_ceil(size) <= limit {
                prop_assert_eq!(windows.iter().map(|w| w.len()).sum::<usize>(), tokens);
            }
            if limit > 1 && tokens > 0 {
                prop_assert_eq!((windows[0].start, windows[windows.len() - 1].end), (0, tokens));
            }
        }

        #[test]
        fn segments_cover_their_window(
            lengths in prop::collection::vec(1usize..8, 1..400),
            sentence in 1usize..200,
            size in 1usize..513,
        ) {
            let mut at = 0;
            let chars: Vec<_> = lengths.iter().map(|n| { at += n; at - n..at }).collect();
            let sentences = (0..at).step_by(sentence).collect();
            let tokens = Tokens { ids: vec![0; chars.len()], chars, sentences };
            for window in windows(tokens.ids.len(), size, 1000) {
                let segments = tokens.segments(&window);
                prop_assert_eq!((segments[0].start, segments[segments.len() - 1].end), (window.start, window.end));
                prop_assert!(segments.is_sorted_by(|a, b| a.end == b.start));
                prop_assert!(segments.iter().all(|s| s.len() >= SEGMENT.min(window.len())));
                let spans: Vec<_> = segments.iter().map(|s| tokens.span(s)).collect();
                prop_assert!(spans.is_sorted_by(|a, b| a.end <= b.start));
                prop_assert!(spans.iter().all(|s| s.start <= s.end && s.end <= at));
            }
        }
    }
}
