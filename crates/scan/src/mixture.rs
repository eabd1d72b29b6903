//! Texts that are human as a whole and generated in part.

use crate::{Probability, Segment};
use serde::{Deserialize, Serialize};

/// When the segments of a text contradict the verdict `human`.
///
/// The mean over a text that is half human and half generated may well lie on the human side. Its segments tell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mixture {
    /// From this score on a segment counts as generated.
    segment: Probability,
    /// The share of the text, in characters, that such segments must make up.
    share: Probability,
}

impl Mixture {
    /// Whether enough of the text looks generated. A text of one segment has no parts.
    pub fn shows<'a>(&self, segments: impl Iterator<Item = &'a Segment>) -> bool {
        let (mut count, mut all, mut generated) = (0, 0, 0);
        for segment in segments {
            count += 1;
            all += segment.chars.len();
            generated += if segment.score >= self.segment { segment.chars.len() } else { 0 };
        }
        count > 1 && generated > 0 && generated as f64 >= self.share.value() * all as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shows(segments: &[(usize, f64)]) -> bool {
        let p = |x| Probability::new(x).unwrap();
        let mut at = 0;
        let segment = |&(length, score): &(usize, f64)| {
            at += length;
            Segment { chars: at - length..at, score: p(score) }
        };
        let segments: Vec<_> = segments.iter().map(segment).collect();
        Mixture { segment: p(0.9), share: p(0.25) }.shows(segments.iter())
    }

    #[test]
    fn a_quarter_of_a_text_that_looks_generated_is_enough() {
        assert!(shows(&[(300, 0.1), (100, 0.9)]));
        assert!(!shows(&[(301, 0.1), (99, 0.99)]));
        assert!(!shows(&[(200, 0.8), (200, 0.89)]));
    }

    #[test]
    fn a_text_of_one_segment_has_no_parts() {
        assert!(!shows(&[(400, 0.99)]));
        assert!(!shows(&[]));
    }
}
