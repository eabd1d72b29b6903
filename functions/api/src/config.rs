//! The api function's configuration, read from the environment once.

use cloud::{Names, NamesError, Pepper};
use detectors::image::Limits;
use fetch::AddressPolicy;
use scan::Pack;
use scan::image::MAX_PIXELS;
use scan::pack::PackError;
use service::DetectSettings;
use std::path::PathBuf;
use std::time::Duration;

/// Everything that differs between deployments.
#[derive(Debug, Clone)]
pub struct Config {
    /// Tables, queues and buckets.
    pub names: Names,
    /// `KEY_PEPPER`: what API keys are hashed with.
    pub pepper: Pepper,
    /// `PACK_MANIFEST`: path of the `pack.toml` that scans are judged by.
    pub pack: Pack,
    /// `SCAN_DEADLINE_SECONDS` (300): how long a scan may run. `MAX_IMAGE_PIXELS` (100,000,000): the largest image that
    /// is decoded.
    pub settings: DetectSettings,
    /// `FETCH_ALLOW` (none): addresses that URLs may lead to although they are not public, for tests and development.
    pub fetch: AddressPolicy,
    /// `WAIT_BUDGET_MS` (25000): how long a request waits for its scan before it answers 202. API Gateway gives up
    /// after 30 s.
    pub wait_budget: Duration,
}

/// The function cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A variable is missing.
    #[error(transparent)]
    Names(#[from] NamesError),
    /// A variable is not what it should be.
    #[error("environment variable {name}: {reason}")]
    Variable {
        /// Which.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
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
        let required = |name: &'static str| variable(name).ok_or_else(|| NamesError(name.to_owned()));
        let number = |name: &'static str, default: u64| match variable(name).map(|v| v.parse::<u64>()) {
            None => Ok(default),
            Some(Ok(n)) => Ok(n),
            Some(Err(_)) => Err(ConfigError::Variable { name, reason: "must be a whole number".to_owned() }),
        };
        let pepper = Pepper::new(required("KEY_PEPPER")?)
            .map_err(|e| ConfigError::Variable { name: "KEY_PEPPER", reason: e.to_string() })?;
        let path = PathBuf::from(required("PACK_MANIFEST")?);
        let manifest = std::fs::read_to_string(&path).map_err(|source| ConfigError::Manifest { path, source })?;
        let deadline = Duration::from_secs(number("SCAN_DEADLINE_SECONDS", 300)?);
        let images = Limits { max_pixels: number("MAX_IMAGE_PIXELS", MAX_PIXELS)?, ..Limits::default() };
        let fetch = variable("FETCH_ALLOW").unwrap_or_default().parse::<AddressPolicy>();
        Ok(Self {
            names: Names::from_env(variable)?,
            pepper,
            pack: Pack::parse(&manifest)?,
            settings: DetectSettings { deadline, images, ..DetectSettings::default() },
            fetch: fetch.map_err(|e| ConfigError::Variable { name: "FETCH_ALLOW", reason: e.to_string() })?,
            wait_budget: Duration::from_millis(number("WAIT_BUDGET_MS", 25_000)?),
        })
    }
}
