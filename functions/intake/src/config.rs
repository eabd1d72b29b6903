//! The intake function's configuration, read from the environment once.

use cloud::Names;
use fetch::AddressPolicy;
use scan::Pack;
use service::{ConfigError, DetectSettings, Environment};
use telemetry::Meter;

/// Everything that differs between deployments.
#[derive(Debug, Clone)]
pub struct Config {
    /// Tables, queues and buckets; `QUEUE_DEADLINES` among them.
    pub names: Names,
    /// `BUCKET_UPLOADS`: what users put content into.
    pub uploads: String,
    /// `PACK_MANIFEST`: path of the `pack.toml` that scans are judged by.
    pub pack: Pack,
    /// `SCAN_DEADLINE_SECONDS` and `MAX_IMAGE_PIXELS`; see [`Environment::detect_settings`].
    pub detect: DetectSettings,
    /// `FETCH_ALLOW` (none): addresses that URLs may lead to although they are not public.
    pub fetch: AddressPolicy,
    /// See [`Environment::meter`].
    pub meter: Meter,
}

impl Config {
    /// Reads the environment and the manifest.
    pub fn read(environment: &Environment) -> Result<Self, ConfigError> {
        environment.required("QUEUE_DEADLINES")?;
        Ok(Self {
            names: environment.names()?,
            uploads: environment.required("BUCKET_UPLOADS")?.to_owned(),
            pack: environment.pack()?,
            detect: environment.detect_settings()?,
            fetch: environment.fetch_policy()?,
            meter: environment.meter()?,
        })
    }
}
