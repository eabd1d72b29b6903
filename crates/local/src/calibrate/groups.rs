//! What is left out together, and how much each row counts.

use super::CalibrateError;
use crate::eval::{Label, Row, Sample};
use std::collections::{BTreeMap, BTreeSet};

/// Fewer rows of a label than this say too little of it.
pub const ENOUGH: usize = 50;

/// Where a row comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin<'a> {
    /// Who made it.
    pub label: Label,
    /// Its collection.
    pub source: &'a str,
    /// What kind of text it is.
    pub genre: Option<&'a str>,
}

impl<'a> From<&'a Row> for Origin<'a> {
    fn from(row: &'a Row) -> Self {
        Self { label: row.label, source: &row.source, genre: row.genre.as_deref() }
    }
}

impl<'a> From<&'a Sample> for Origin<'a> {
    fn from(sample: &'a Sample) -> Self {
        Self { label: sample.label, source: &sample.source, genre: sample.genre.as_deref() }
    }
}

/// The group of each row: what is fitted without a group is measured on it, so that a figure is of content unlike that
/// which was fitted on. A group is a source; where a label has one source alone, the genres of that source.
pub fn groups(origins: &[Origin]) -> Vec<usize> {
    let mut sources: BTreeMap<Label, BTreeSet<&str>> = BTreeMap::new();
    for origin in origins {
        sources.entry(origin.label).or_default().insert(origin.source);
    }
    let by_genre: BTreeSet<&str> = sources.values().filter(|sources| sources.len() == 1).flatten().copied().collect();
    let mut numbers = BTreeMap::new();
    let group = |origin: &Origin<'_>| {
        let genre = origin.genre.filter(|_| by_genre.contains(origin.source));
        (origin.source.to_owned(), genre.map(str::to_owned))
    };
    let keys: Vec<_> = origins.iter().map(group).collect();
    keys.into_iter()
        .map(|key| {
            let next = numbers.len();
            *numbers.entry(key).or_insert(next)
        })
        .collect()
}

/// Refuses rows of which too little could be learned: each label needs [`ENOUGH`] rows and two groups.
pub fn check(origins: &[Origin], groups: &[usize]) -> Result<(), CalibrateError> {
    for label in [Label::Human, Label::Ai] {
        let of_label = || origins.iter().zip(groups).filter(|(origin, _)| origin.label == label);
        if of_label().count() < ENOUGH {
            return Err(CalibrateError::TooFew { label, found: of_label().count() });
        }
        if of_label().map(|(_, group)| group).collect::<BTreeSet<_>>().len() < 2 {
            return Err(CalibrateError::OneSource { label });
        }
    }
    Ok(())
}

/// Sample weights with a mean of 1: labels count alike, and within a label a source counts the root of its size, so
/// that no large collection drowns the others.
pub fn weights(origins: &[Origin]) -> Vec<f64> {
    let mut sizes: BTreeMap<(Label, &str), f64> = BTreeMap::new();
    for origin in origins {
        *sizes.entry((origin.label, origin.source)).or_default() += 1.0;
    }
    let mut totals: BTreeMap<Label, f64> = BTreeMap::new();
    for ((label, _), size) in &sizes {
        *totals.entry(*label).or_default() += size.sqrt();
    }
    let share = origins.len() as f64 / totals.len().max(1) as f64;
    let weight = |origin: &Origin<'_>| {
        let size = sizes.get(&(origin.label, origin.source)).copied().unwrap_or(1.0);
        share / (size.sqrt() * totals.get(&origin.label).copied().unwrap_or(1.0))
    };
    origins.iter().map(weight).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(of: &[(Label, &'static str, Option<&'static str>, usize)]) -> Vec<Origin<'static>> {
        let repeat = |(label, source, genre, n): &(Label, &'static str, Option<&'static str>, usize)| {
            vec![Origin { label: *label, source, genre: *genre }; *n]
        };
        of.iter().flat_map(repeat).collect()
    }

    #[test]
    fn a_source_is_left_out_whole_and_a_labels_only_one_by_genre() {
        let rows = origins(&[
            (Label::Human, "diaries", Some("war"), 1),
            (Label::Human, "diaries", Some("travel"), 1),
            (Label::Ai, "bots", Some("war"), 1),
            (Label::Ai, "bots", Some("travel"), 1),
            (Label::Ai, "essays", None, 1),
        ]);
        assert_eq!(groups(&rows), [0, 1, 2, 2, 3]);
    }

    #[test]
    fn too_few_rows_and_a_single_source_are_refused() {
        let refused = |of: &[_]| {
            let rows = origins(of);
            check(&rows, &groups(&rows)).map_err(|error| error.to_string())
        };
        let (human, ai) = ((Label::Human, "a", None, 50), (Label::Ai, "b", None, 50));
        assert!(refused(&[human, ai]).unwrap_err().contains("human"));
        assert!(refused(&[human, (Label::Human, "c", None, 1), ai]).unwrap_err().contains("two sources"));
        assert!(refused(&[(Label::Human, "a", None, 49), ai]).unwrap_err().contains("49 human"));
        assert!(refused(&[human, (Label::Human, "c", None, 1), ai, (Label::Ai, "a", None, 1)]).is_ok());
        assert!(refused(&[]).unwrap_err().contains("0 human"));
    }

    #[test]
    fn labels_count_alike_and_sources_by_the_root_of_their_size() {
        let rows = origins(&[(Label::Human, "a", None, 4), (Label::Human, "b", None, 1), (Label::Ai, "a", None, 5)]);
        let weights = weights(&rows);
        let sum = |range: std::ops::Range<usize>| weights[range].iter().sum::<f64>();
        assert!((sum(0..10) - 10.0).abs() < 1e-12 && (sum(0..5) - 5.0).abs() < 1e-12);
        assert!((sum(0..4) / sum(4..5) - 2.0).abs() < 1e-12);
    }
}
