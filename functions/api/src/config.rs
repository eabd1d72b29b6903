//! The api function's configuration, read from the environment once.

use cloud::deadlines::LONGEST_DEADLINE;
use cloud::{Names, NamesError, Pepper};
use detectors::image::Limits;
use fetch::AddressPolicy;
use identity::verifier::Refresh;
use identity::{InvalidIssuer, Issuer, Verifier};
use scan::Pack;
use scan::image::MAX_PIXELS;
use scan::pack::PackError;
use service::{DetectSettings, SignIn};
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
    /// How the API behaves.
    pub settings: Settings,
}

/// How the API behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `SCAN_DEADLINE_SECONDS` (300, at most 890): how long a scan may run. `MAX_IMAGE_PIXELS` (100,000,000): the largest image that
    /// is decoded.
    pub detect: DetectSettings,
    /// `FETCH_ALLOW` (none): addresses that URLs may lead to although they are not public, for tests and development.
    pub fetch: AddressPolicy,
    /// `WAIT_BUDGET_MS` (25000): how long a request waits for its scan before it answers 202. API Gateway gives up
    /// after 30 s.
    pub wait_budget: Duration,
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
            sign_in: None,
        }
    }
}

impl SignInSettings {
    /// The scope of operators, unless told otherwise.
    pub const OPERATOR_SCOPE: &str = "truthlens/operator";

    fn from_env(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, ConfigError> {
        let Some(issuer) = variable("OIDC_ISSUER") else { return Ok(None) };
        let issuer = issuer
            .parse()
            .map_err(|e: InvalidIssuer| ConfigError::Variable { name: "OIDC_ISSUER", reason: e.to_string() })?;
        Ok(Some(Self {
            issuer,
            client_id: variable("OIDC_CLIENT_ID").ok_or_else(|| NamesError("OIDC_CLIENT_ID".to_owned()))?,
            operator_client_id: variable("OIDC_OPERATOR_CLIENT_ID"),
            operator_scope: variable("OIDC_OPERATOR_SCOPE").unwrap_or_else(|| Self::OPERATOR_SCOPE.to_owned()),
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
        if deadline > LONGEST_DEADLINE {
            let reason = format!("must be at most {}", LONGEST_DEADLINE.as_secs());
            return Err(ConfigError::Variable { name: "SCAN_DEADLINE_SECONDS", reason });
        }
        let names = Names::from_env(variable)?;
        names.require(&["QUEUE_DEADLINES"])?;
        let images = Limits { max_pixels: number("MAX_IMAGE_PIXELS", MAX_PIXELS)?, ..Limits::default() };
        let fetch = variable("FETCH_ALLOW").unwrap_or_default().parse::<AddressPolicy>();
        Ok(Self {
            names,
            pepper,
            pack: Pack::parse(&manifest)?,
            settings: Settings {
                detect: DetectSettings { deadline, images, ..DetectSettings::default() },
                fetch: fetch.map_err(|e| ConfigError::Variable { name: "FETCH_ALLOW", reason: e.to_string() })?,
                wait_budget: Duration::from_millis(number("WAIT_BUDGET_MS", 25_000)?),
                sign_in: SignInSettings::from_env(variable)?,
            },
        })
    }
}
