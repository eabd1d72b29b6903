//! The publish function's configuration, read from the environment once.

use cloud::{Names, NamesError};
use fetch::{AddressPolicy, InvalidAddress};

/// Everything that differs between deployments.
#[derive(Debug, Clone)]
pub struct Config {
    /// Tables, queues and buckets.
    pub names: Names,
    /// `EVENT_BUS`: what events are put on.
    pub event_bus: String,
    /// `QUEUE_WEBHOOKS`: events on their way to webhooks.
    pub webhooks: String,
    /// `BUCKET_UPLOADS`: whose objects are tagged.
    pub uploads: String,
    /// `FETCH_ALLOW` (none): addresses that webhooks may lead to although they are not public.
    pub fetch: AddressPolicy,
}

/// The function cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A variable is missing.
    #[error(transparent)]
    Names(#[from] NamesError),
    /// `FETCH_ALLOW` is not what it should be.
    #[error("environment variable FETCH_ALLOW: {0}")]
    FetchAllow(#[from] InvalidAddress),
}

impl Config {
    /// Reads the environment.
    pub fn from_env() -> Result<Self, ConfigError> {
        let variable = |name: &str| std::env::var(name).ok();
        let names = Names::from_env(variable)?;
        let required = |value: &Option<String>, name: &str| value.clone().ok_or_else(|| NamesError(name.to_owned()));
        Ok(Self {
            event_bus: required(&names.event_bus, "EVENT_BUS")?,
            webhooks: required(&names.webhooks, "QUEUE_WEBHOOKS")?,
            uploads: required(&names.uploads, "BUCKET_UPLOADS")?,
            names,
            fetch: variable("FETCH_ALLOW").unwrap_or_default().parse()?,
        })
    }
}
