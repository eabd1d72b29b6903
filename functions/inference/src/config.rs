//! The inference function's configuration, read from the environment once.

use cloud::{Names, NamesError};
use std::path::PathBuf;

/// Everything that differs between deployments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Tables, queues and buckets.
    pub names: Names,
    /// `PACK_DIR`: the folder that holds `pack.toml` and the model files.
    pub pack: PathBuf,
}

impl Config {
    /// Reads the environment.
    pub fn from_env() -> Result<Self, NamesError> {
        let variable = |name: &str| std::env::var(name).ok();
        let pack = variable("PACK_DIR").ok_or_else(|| NamesError("PACK_DIR".to_owned()))?;
        Ok(Self { names: Names::from_env(variable)?, pack: PathBuf::from(pack) })
    }
}
