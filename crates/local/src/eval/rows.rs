//! Rows on disk: one JSON object a line, as `truthlens eval --rows` writes them.

use super::{DatasetError, Row};
use scan::{Features, Stage};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// A row and what each stage measured, the mean over its windows by their tokens. A stage that had too little to go by
/// has no features.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// The row.
    #[serde(flatten)]
    pub row: Row,
    /// By stage.
    #[serde(flatten)]
    pub features: BTreeMap<Stage, Features>,
}

/// A line. Members that are not named here are ignored, so that rows of other programs can be read.
#[derive(Deserialize)]
struct Line {
    #[serde(flatten)]
    row: Row,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl TryFrom<Line> for Measured {
    type Error = serde_json::Error;

    fn try_from(line: Line) -> Result<Self, Self::Error> {
        let mut features = BTreeMap::new();
        for (name, value) in line.rest {
            if let Some(stage) = Stage::parse(&name) {
                let measured: Features = serde_json::from_value(value)?;
                if !measured.is_empty() {
                    features.insert(stage, measured);
                }
            }
        }
        Ok(Self { row: line.row, features })
    }
}

/// Reads rows. Blank lines are skipped.
pub fn read(path: &Path) -> Result<Vec<Measured>, DatasetError> {
    let unreadable = |source| DatasetError::File { path: path.to_owned(), source };
    let file = BufReader::new(File::open(path).map_err(unreadable)?);
    let mut rows = Vec::new();
    for (index, line) in file.lines().enumerate() {
        let line = line.map_err(unreadable)?;
        if !line.trim().is_empty() {
            let parsed = serde_json::from_str(&line).and_then(Line::try_into);
            rows.push(parsed.map_err(|source| DatasetError::Measured {
                path: path.to_owned(),
                line: index + 1,
                source,
            })?);
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::{Attack, Distortion, Label};

    #[test]
    fn rows_are_read_as_they_were_written_and_those_of_other_programs_too() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let foreign = r#"{"id":"a","source":"s","label":"ai","words":70,"split":"dev","roberta":{"logit":1.5}}"#;
        std::fs::write(&file, format!("{foreign}\n\n")).unwrap();
        let [row] = &read(file.path()).unwrap()[..] else { panic!("one row") };
        assert_eq!((row.row.label, row.row.words, row.row.score), (Label::Ai, Some(70), None));
        assert_eq!((row.row.distortion, row.row.attack), (Distortion::None, Attack::None));
        assert_eq!(row.features, BTreeMap::from([(Stage::Roberta, Features::from([("logit".to_owned(), 1.5)]))]));
        let own =
            Measured { row: Row { attack: Attack::ZeroWidth, score: Some(0.25), ..row.row.clone() }, ..row.clone() };
        std::fs::write(&file, serde_json::to_string(&own).unwrap()).unwrap();
        assert_eq!(read(file.path()).unwrap(), [own]);
        std::fs::write(&file, foreign.replace("1.5", "\"high\"")).unwrap();
        assert!(read(file.path()).unwrap_err().to_string().contains("line 1"));
    }
}
