//! Labelled texts, one JSON object a line.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};

/// Who wrote a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// A person.
    Human,
    /// A language model.
    Ai,
}

/// One labelled text. Members that are not named here are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Sample {
    /// Its name, unique in the data set.
    pub id: String,
    /// The collection that it comes from.
    pub source: String,
    /// The model that wrote it; empty or absent for humans.
    #[serde(default)]
    pub generator: Option<String>,
    /// The truth.
    pub label: Label,
    /// The text.
    pub text: String,
    /// How it was written. An empty string reads as `None`.
    #[serde(default, deserialize_with = "not_empty")]
    pub style: Option<String>,
    /// What it is. An empty string reads as `None`.
    #[serde(default, deserialize_with = "not_empty")]
    pub genre: Option<String>,
}

/// The data set cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// The file is missing or unreadable.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The data set.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is no sample.
    #[error(
        "{} line {line}: {source}; each line is an object with `id`, `source`, `label` (\"human\" or \"ai\") and `text`",
        path.display()
    )]
    Line {
        /// The data set.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
}

/// A data set being read: an iterator over its samples. Blank lines are skipped.
#[derive(Debug)]
pub struct Dataset {
    path: PathBuf,
    lines: Lines<BufReader<File>>,
    line: usize,
}

impl Dataset {
    /// Opens a JSONL file.
    pub fn open(path: &Path) -> Result<Self, DatasetError> {
        let file = File::open(path).map_err(|source| DatasetError::File { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), lines: BufReader::new(file).lines(), line: 0 })
    }
}

impl Iterator for Dataset {
    type Item = Result<Sample, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.line += 1;
            let path = self.path.clone();
            match self.lines.next()? {
                Err(source) => return Some(Err(DatasetError::File { path, source })),
                Ok(text) if text.trim().is_empty() => {}
                Ok(text) => {
                    let parsed = serde_json::from_str(&text);
                    return Some(parsed.map_err(|source| DatasetError::Line { path, line: self.line, source }));
                }
            }
        }
    }
}

/// Picks `n` samples so that every (source, label) keeps its share, in the order of the data set. Which ones of a
/// source depends on `seed` and their ids alone, so that the choice is the same on every machine.
pub fn stratified(samples: Vec<Sample>, n: usize, seed: u64) -> Vec<Sample> {
    if n >= samples.len() {
        return samples;
    }
    let mut strata: BTreeMap<(&str, Label), Vec<usize>> = BTreeMap::new();
    for (index, sample) in samples.iter().enumerate() {
        strata.entry((&sample.source, sample.label)).or_default().push(index);
    }
    let sizes: Vec<usize> = strata.values().map(Vec::len).collect();
    let mut is_chosen = vec![false; samples.len()];
    for (mut indices, share) in strata.into_values().zip(shares(&sizes, n)) {
        indices.sort_by_cached_key(|index| lot(&samples[*index].id, seed));
        for index in &indices[..share] {
            is_chosen[*index] = true;
        }
    }
    samples.into_iter().zip(is_chosen).filter_map(|(sample, is_chosen)| is_chosen.then_some(sample)).collect()
}

/// Splits `n` in proportion to `sizes`, by largest remainder. `n` is at most their sum.
fn shares(sizes: &[usize], n: usize) -> Vec<usize> {
    let total: usize = sizes.iter().sum();
    let mut shares: Vec<usize> = sizes.iter().map(|size| size * n / total).collect();
    let mut by_remainder: Vec<usize> = (0..sizes.len()).collect();
    by_remainder.sort_by_key(|i| std::cmp::Reverse(sizes[*i] * n % total));
    let missing = n - shares.iter().sum::<usize>();
    for i in by_remainder.into_iter().take(missing) {
        shares[i] += 1;
    }
    shares
}

/// The lot that a sample draws.
fn lot(id: &str, seed: u64) -> [u8; 32] {
    Sha256::new().chain_update(seed.to_le_bytes()).chain_update(id).finalize().into()
}

fn not_empty<'de, D: serde::Deserializer<'de>>(input: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(input)?.filter(|value| !value.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(id: usize, source: &str, label: Label) -> Sample {
        let (id, source, text) = (id.to_string(), source.to_owned(), "…".to_owned());
        Sample { id, source, generator: None, label, text, style: None, genre: None }
    }

    #[test]
    fn lines_are_read_one_by_one_and_errors_name_theirs() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let good = r#"{"id": "a", "source": "s", "generator": "", "label": "ai", "text": "t", "style": "", "x": 1}"#;
        std::fs::write(&file, format!("{good}\n\n{}\n", good.replace("ai", "robot"))).unwrap();
        let mut dataset = Dataset::open(file.path()).unwrap();
        let first = dataset.next().unwrap().unwrap();
        assert_eq!((first.id.as_str(), first.label, first.style), ("a", Label::Ai, None));
        let error = dataset.next().unwrap().unwrap_err().to_string();
        assert!(error.contains("line 3") && error.contains("robot"), "{error}");
        assert!(dataset.next().is_none());
    }

    #[test]
    fn a_sample_keeps_the_shares_and_depends_on_the_seed() {
        let all: Vec<_> = (0..300)
            .map(|i| match i % 6 {
                0 => sample(i, "small", Label::Human),
                1 | 2 => sample(i, "large", Label::Human),
                _ => sample(i, "large", Label::Ai),
            })
            .collect();
        let chosen = stratified(all.clone(), 31, 7);
        let count = |source: &str, label| chosen.iter().filter(|s| s.source == source && s.label == label).count();
        assert_eq!(chosen.len(), 31);
        assert_eq!(
            [count("small", Label::Human), count("large", Label::Human), count("large", Label::Ai)],
            [5, 10, 16]
        );
        assert_eq!(chosen, stratified(all.clone(), 31, 7));
        assert_ne!(chosen, stratified(all.clone(), 31, 8));
        assert_eq!(stratified(all.clone(), 1000, 7), all);
    }
}
