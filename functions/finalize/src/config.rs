//! The finalize function's configuration, read from the environment once.

use cloud::Names;
use scan::Pack;
use service::{ConfigError, Environment};
use telemetry::Meter;

/// Everything that differs between deployments.
#[derive(Debug, Clone)]
pub struct Config {
    /// Tables, queues and buckets.
    pub names: Names,
    /// `PACK_MANIFEST`: path of the `pack.toml` that scans are judged by.
    pub pack: Pack,
    /// See [`Environment::meter`].
    pub meter: Meter,
}

impl Config {
    /// Reads the environment and the manifest.
    pub fn read(environment: &Environment) -> Result<Self, ConfigError> {
        Ok(Self { names: environment.names()?, pack: environment.pack()?, meter: environment.meter()? })
    }
}
