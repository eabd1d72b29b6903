//! The publish function's configuration, read from the environment once.

use cloud::Names;
use fetch::AddressPolicy;
use service::{ConfigError, Environment};
use telemetry::Meter;

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
    /// See [`Environment::meter`].
    pub meter: Meter,
}

impl Config {
    /// Reads the environment.
    pub fn read(environment: &Environment) -> Result<Self, ConfigError> {
        Ok(Self {
            names: environment.names()?,
            event_bus: environment.required("EVENT_BUS")?.to_owned(),
            webhooks: environment.required("QUEUE_WEBHOOKS")?.to_owned(),
            uploads: environment.required("BUCKET_UPLOADS")?.to_owned(),
            fetch: environment.fetch_policy()?,
            meter: environment.meter()?,
        })
    }
}
