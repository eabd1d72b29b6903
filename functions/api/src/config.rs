//! The api function's configuration, read from the environment once.

use cloud::{Names, Pepper};
use fetch::AddressPolicy;
use identity::verifier::Refresh;
use identity::{Issuer, Verifier};
use scan::Pack;
use service::{ConfigError, DetectSettings, Environment, SignIn};
use std::time::Duration;
use telemetry::Meter;

/// Everything that differs between deployments.
#[derive(Debug, Clone)]
pub struct Config {
    /// Tables, queues and buckets; `QUEUE_DEADLINES` among them.
    pub names: Names,
    /// `KEY_PEPPER`: what API keys are hashed with.
    pub pepper: Pepper,
    /// `PACK_MANIFEST`: path of the `pack.toml` that scans are judged by.
    pub pack: Pack,
    /// How the API behaves.
    pub settings: Settings,
}

/// How the API behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `SCAN_DEADLINE_SECONDS` and `MAX_IMAGE_PIXELS`; see [`Environment::detect_settings`].
    pub detect: DetectSettings,
    /// `FETCH_ALLOW` (none): addresses that URLs may lead to although they are not public, for tests and development.
    pub fetch: AddressPolicy,
    /// `WAIT_BUDGET_MS` (25000): how long a request waits for its scan before it answers 202. API Gateway gives up
    /// after 30 s.
    pub wait_budget: Duration,
    /// See [`Environment::meter`].
    pub meter: Meter,
    /// How people sign in. Without it, an operator makes the keys.
    pub sign_in: Option<SignInSettings>,
}

/// The OpenID Connect provider, and what it knows us as.
#[derive(Debug, Clone)]
pub struct SignInSettings {
    /// `OIDC_ISSUER`: its issuer URL. Unset: nobody signs in.
    pub issuer: Issuer,
    /// `OIDC_CLIENT_ID`: the dashboard, a public client.
    pub client_id: String,
    /// `OIDC_OPERATOR_CLIENT_ID` (none): the billing system.
    pub operator_client_id: Option<String>,
    /// `OIDC_OPERATOR_SCOPE` (`truthlens/operator`): what makes a token an operator's.
    pub operator_scope: String,
    /// Whether it is the embedded development issuer.
    pub development: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            detect: DetectSettings::default(),
            fetch: AddressPolicy::public_only(),
            wait_budget: Duration::from_secs(25),
            meter: Meter::Off,
            sign_in: None,
        }
    }
}

impl SignInSettings {
    /// The scope of operators, unless told otherwise.
    pub const OPERATOR_SCOPE: &str = "truthlens/operator";

    fn read(environment: &Environment) -> Result<Option<Self>, ConfigError> {
        let Some(issuer) = environment.parsed("OIDC_ISSUER")? else { return Ok(None) };
        let optional = |name| environment.optional(name).map(str::to_owned);
        Ok(Some(Self {
            issuer,
            client_id: environment.required("OIDC_CLIENT_ID")?.to_owned(),
            operator_client_id: optional("OIDC_OPERATOR_CLIENT_ID"),
            operator_scope: optional("OIDC_OPERATOR_SCOPE").unwrap_or_else(|| Self::OPERATOR_SCOPE.to_owned()),
            development: false,
        }))
    }
}

impl From<SignInSettings> for SignIn {
    fn from(settings: SignInSettings) -> Self {
        let audiences = [settings.client_id].into_iter().chain(settings.operator_client_id).collect();
        let verifier = Verifier::new(settings.issuer, audiences, Refresh::default());
        Self { verifier, operator_scope: settings.operator_scope }
    }
}

impl Config {
    /// Reads the environment and the manifest.
    pub fn read(environment: &Environment) -> Result<Self, ConfigError> {
        environment.required("QUEUE_DEADLINES")?;
        let pepper = Pepper::new(environment.required("KEY_PEPPER")?);
        Ok(Self {
            names: environment.names()?,
            pepper: pepper.map_err(ConfigError::invalid("KEY_PEPPER"))?,
            pack: environment.pack()?,
            settings: Settings {
                detect: environment.detect_settings()?,
                fetch: environment.fetch_policy()?,
                wait_budget: Duration::from_millis(environment.number("WAIT_BUDGET_MS", 25_000, u64::MAX)?),
                meter: environment.meter()?,
                sign_in: SignInSettings::read(environment)?,
            },
        })
    }
}
