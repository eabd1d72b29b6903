//! Labelled texts, one JSON object a line, and labelled images, one row of a CSV index each.

use scan::Modality;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

/// Who made the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// A person, with whatever camera.
    #[serde(alias = "real")]
    Human,
    /// A model.
    Ai,
}

/// One labelled text or image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Its name, unique in the data set.
    pub id: String,
    /// The collection that it comes from.
    pub source: String,
    /// The truth.
    pub label: Label,
    /// What to judge.
    pub content: SampleContent,
    /// The model or camera that made it.
    pub generator: Option<String>,
    /// How a text was written.
    pub style: Option<String>,
    /// What kind of text it is.
    pub genre: Option<String>,
}

impl Sample {
    /// What kind of content it is.
    pub fn modality(&self) -> Modality {
        match self.content {
            SampleContent::Text(_) => Modality::Text,
            SampleContent::Image(_) => Modality::Image,
        }
    }
}

/// What to judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SampleContent {
    /// A text.
    Text(String),
    /// The path of an image file.
    Image(PathBuf),
}

/// A line of a text data set. Members that are not named here are ignored.
#[derive(Deserialize)]
struct TextLine {
    id: String,
    source: String,
    label: Label,
    text: String,
    #[serde(default)]
    generator: Option<String>,
    #[serde(default)]
    style: Option<String>,
    #[serde(default)]
    genre: Option<String>,
}

/// A row of an image index. Columns that are not named here are ignored.
#[derive(Deserialize)]
struct ImageRow {
    file: PathBuf,
    label: Label,
    source: String,
    #[serde(default)]
    generator_or_camera: Option<String>,
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
    /// A line of measured rows is none.
    #[error("{} line {line}: {source}; rows are what `truthlens eval --rows` writes", path.display())]
    Measured {
        /// The rows.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
    /// A row is no sample.
    #[error(
        "{}: {source}; an image index has the columns `file`, `label` (\"real\" or \"ai\") and `source`",
        path.display()
    )]
    Row {
        /// The data set.
        path: PathBuf,
        /// Why, and in which line.
        source: csv::Error,
    },
}

/// Reads a data set: a CSV index of images, whose paths start at the index's own folder, or a JSONL file of texts.
pub fn read(path: &Path) -> Result<Vec<Sample>, DatasetError> {
    if path.extension().is_some_and(|extension| extension == "csv") { images(path) } else { texts(path) }
}

fn images(path: &Path) -> Result<Vec<Sample>, DatasetError> {
    let unreadable = |source| DatasetError::Row { path: path.to_owned(), source };
    let folder = path.parent().unwrap_or(Path::new(""));
    let sample = |row: ImageRow| Sample {
        id: row.file.display().to_string(),
        source: row.source,
        label: row.label,
        content: SampleContent::Image(folder.join(row.file)),
        generator: not_empty(row.generator_or_camera),
        style: None,
        genre: None,
    };
    let mut index = csv::Reader::from_path(path).map_err(unreadable)?;
    index.deserialize().map(|row| row.map(sample).map_err(unreadable)).collect()
}

/// Blank lines are skipped.
fn texts(path: &Path) -> Result<Vec<Sample>, DatasetError> {
    let unreadable = |source| DatasetError::File { path: path.to_owned(), source };
    let file = BufReader::new(File::open(path).map_err(unreadable)?);
    let mut samples = Vec::new();
    for (index, line) in file.lines().enumerate() {
        let line = line.map_err(unreadable)?;
        if line.trim().is_empty() {
            continue;
        }
        let parsed = serde_json::from_str(&line);
        let line: TextLine =
            parsed.map_err(|source| DatasetError::Line { path: path.to_owned(), line: index + 1, source })?;
        samples.push(Sample {
            id: line.id,
            source: line.source,
            label: line.label,
            content: SampleContent::Text(line.text),
            generator: not_empty(line.generator),
            style: not_empty(line.style),
            genre: not_empty(line.genre),
        });
    }
    Ok(samples)
}

fn not_empty(field: Option<String>) -> Option<String> {
    field.filter(|value| !value.is_empty())
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
pub(super) fn lot(id: &str, seed: u64) -> [u8; 32] {
    Sha256::new().chain_update(seed.to_le_bytes()).chain_update(id).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(id: usize, source: &str, label: Label) -> Sample {
        let content = SampleContent::Text("…".to_owned());
        Sample {
            id: id.to_string(),
            source: source.to_owned(),
            label,
            content,
            generator: None,
            style: None,
            genre: None,
        }
    }

    #[test]
    fn texts_are_read_line_by_line_and_errors_name_theirs() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let good = r#"{"id": "a", "source": "s", "generator": "", "label": "ai", "text": "t", "style": "", "x": 1}"#;
        std::fs::write(&file, format!("{good}\n\n{good}\n")).unwrap();
        let samples = read(file.path()).unwrap();
        assert_eq!(samples.len(), 2);
        assert_eq!((samples[0].id.as_str(), samples[0].label, &samples[0].style), ("a", Label::Ai, &None));
        std::fs::write(&file, format!("{good}\n\n{}\n", good.replace("ai", "robot"))).unwrap();
        let error = read(file.path()).unwrap_err().to_string();
        assert!(error.contains("line 3") && error.contains("robot"), "{error}");
    }

    #[test]
    fn images_are_found_beside_their_index() {
        let folder = tempfile::tempdir().unwrap();
        let index = folder.path().join("index.csv");
        std::fs::write(&index, "file,label,source,licence\ndev/a.jpg,real,s,CC0\ndev/b.jpg,ai,t,\"x, y\"\n").unwrap();
        let samples = read(&index).unwrap();
        assert_eq!(samples.iter().map(|s| s.label).collect::<Vec<_>>(), [Label::Human, Label::Ai]);
        assert_eq!(samples[1].content, SampleContent::Image(folder.path().join("dev/b.jpg")));
        std::fs::write(&index, "file,kind\na.jpg,camera\n").unwrap();
        assert!(read(&index).unwrap_err().to_string().contains("`label`"));
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
