//! The intake function's configuration, read from the environment once.

use cloud::{Names, NamesError};
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
    /// Tables, queues and buckets; `BUCKET_UPLOADS` and `QUEUE_DEADLINES` among them.
    pub names: Names,
    /// `BUCKET_UPLOADS`: what users put content into.
    pub uploads: String,
    /// `PACK_MANIFEST`: path of the `pack.toml` that scans are judged by.
    pub pack: Pack,
    /// `SCAN_DEADLINE_SECONDS` (300, at most 890) and `MAX_IMAGE_PIXELS` (100,000,000), as in the api function.
    pub detect: DetectSettings,
    /// `FETCH_ALLOW` (none): addresses that URLs may lead to although they are not public.
    pub fetch: AddressPolicy,
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
        let required = |name: &str| variable(name).ok_or_else(|| NamesError(name.to_owned()));
        let number = |name: &'static str, default: u64, most: u64| match variable(name).map(|v| v.parse::<u64>()) {
            None => Ok(default),
            Some(Ok(n)) if n <= most => Ok(n),
            Some(_) => Err(ConfigError::Variable { name, reason: format!("must be a whole number of at most {most}") }),
        };
        let path = PathBuf::from(required("PACK_MANIFEST")?);
        let manifest = std::fs::read_to_string(&path).map_err(|source| ConfigError::Manifest { path, source })?;
        let longest = cloud::deadlines::LONGEST_DEADLINE.as_secs();
        let deadline = Duration::from_secs(number("SCAN_DEADLINE_SECONDS", 300, longest)?);
        let images = Limits { max_pixels: number("MAX_IMAGE_PIXELS", MAX_PIXELS, u64::MAX)?, ..Limits::default() };
        let fetch = variable("FETCH_ALLOW").unwrap_or_default().parse::<AddressPolicy>();
        let names = Names::from_env(variable)?;
        names.require(&["QUEUE_DEADLINES"])?;
        Ok(Self {
            uploads: names.uploads.clone().ok_or_else(|| NamesError("BUCKET_UPLOADS".to_owned()))?,
            names,
            pack: Pack::parse(&manifest)?,
            detect: DetectSettings { deadline, images, ..DetectSettings::default() },
            fetch: fetch.map_err(|e| ConfigError::Variable { name: "FETCH_ALLOW", reason: e.to_string() })?,
        })
    }
}
