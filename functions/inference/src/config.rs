//! The inference function's configuration, read from the environment once.

use cloud::{Names, NamesError};
use scan::Stage;
use service::{ConfigError, Environment};
use std::collections::BTreeSet;
use std::path::PathBuf;
use telemetry::Meter;

/// Everything that differs between deployments.
#[derive(Debug, Clone)]
pub struct Config {
    /// Tables, queues and buckets.
    pub names: Names,
    /// Where `pack.toml` and the model files are.
    pub pack: PackPlace,
    /// `STAGES` (all of the pack's): the stages that this function loads, separated by commas.
    pub stages: Option<BTreeSet<Stage>>,
    /// See [`Environment::meter`].
    pub meter: Meter,
}

/// Where a pack is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PackPlace {
    /// `PACK_DIR`: a folder.
    Folder(PathBuf),
    /// `PACK_SOURCE`: `s3://bucket/prefix`. Nothing of it touches the disk.
    Bucket {
        /// The bucket.
        bucket: String,
        /// What the keys of its files begin with, without the slash.
        prefix: String,
    },
}

impl Config {
    /// Reads the environment.
    pub fn read(environment: &Environment) -> Result<Self, ConfigError> {
        let pack = match (environment.optional("PACK_SOURCE"), environment.optional("PACK_DIR")) {
            (Some(source), _) => {
                bucket(source).ok_or("must be s3://bucket/prefix").map_err(ConfigError::invalid("PACK_SOURCE"))?
            }
            (None, Some(folder)) => PackPlace::Folder(folder.into()),
            (None, None) => return Err(NamesError("PACK_DIR or PACK_SOURCE".to_owned()).into()),
        };
        Ok(Self {
            names: environment.names()?,
            pack,
            stages: environment.optional("STAGES").map(stages).transpose()?,
            meter: environment.meter()?,
        })
    }
}

fn bucket(source: &str) -> Option<PackPlace> {
    let (bucket, prefix) = source.strip_prefix("s3://")?.split_once('/')?;
    let prefix = prefix.trim_end_matches('/');
    (!bucket.is_empty()).then(|| PackPlace::Bucket { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
}

fn stages(names: &str) -> Result<BTreeSet<Stage>, ConfigError> {
    let stage = |name: &str| {
        let known = Stage::ALL.into_iter().find(|stage| stage.is_neural() && stage.name() == name.trim());
        known.ok_or_else(|| format!("{name:?} is no neural stage")).map_err(ConfigError::invalid("STAGES"))
    };
    names.split(',').map(stage).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_is_in_a_folder_or_in_a_bucket() {
        let place = PackPlace::Bucket { bucket: "packs".into(), prefix: "reference/2026.11.1".into() };
        assert_eq!(bucket("s3://packs/reference/2026.11.1/"), Some(place));
        for wrong in ["", "packs/reference", "s3://", "s3:///reference", "https://packs/reference"] {
            assert_eq!(bucket(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn stages_are_neural_ones_by_name() {
        assert_eq!(stages("roberta, classifier").unwrap(), [Stage::Roberta, Stage::Classifier].into());
        for wrong in ["", "heuristics", "roberta,", "all"] {
            assert!(matches!(stages(wrong), Err(ConfigError::Invalid { name: "STAGES", .. })), "{wrong}");
        }
    }
}
