//! The finalize function's configuration, read from the environment once.

use cloud::{Names, NamesError};
use scan::Pack;
use scan::pack::PackError;
use std::path::PathBuf;

/// Everything that differs between deployments.
#[derive(Debug, Clone)]
pub struct Config {
    /// Tables, queues and buckets.
    pub names: Names,
    /// `PACK_MANIFEST`: path of the `pack.toml` that scans are judged by.
    pub pack: Pack,
}

/// The function cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A variable is missing.
    #[error(transparent)]
    Names(#[from] NamesError),
    /// The manifest cannot be read.
    #[error("{path}: {source}")]
    Manifest {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The manifest makes no sense.
    #[error(transparent)]
    Pack(#[from] PackError),
}

impl Config {
    /// Reads the environment and the manifest.
    pub fn from_env() -> Result<Self, ConfigError> {
        let variable = |name: &str| std::env::var(name).ok();
        let path = variable("PACK_MANIFEST").ok_or_else(|| NamesError("PACK_MANIFEST".to_owned()))?;
        let path = PathBuf::from(path);
        let manifest = std::fs::read_to_string(&path).map_err(|source| ConfigError::Manifest { path, source })?;
        Ok(Self { names: Names::from_env(variable)?, pack: Pack::parse(&manifest)? })
    }
}
