//! From a token to who signed in.

use crate::IdentityError;
use crate::keys::{KeySet, VerifyingKey};
use crate::provider::{Issuer, Metadata, Provider};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Validation, decode, decode_header};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// The longest token that is looked at, in bytes.
const MAX_TOKEN: usize = 8 * 1024;
/// How far the clocks of issuer and ours may differ.
const LEEWAY: Duration = Duration::from_secs(60);

/// How long what the provider said is believed, and how often it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refresh {
    /// After this long it is asked again. One hour.
    pub fresh: Duration,
    /// If it does not answer then, its keys are believed for this long. One day.
    pub stale: Duration,
    /// It is asked no more often than this, whatever tokens claim. Thirty seconds.
    pub rest: Duration,
}

impl Default for Refresh {
    fn default() -> Self {
        let hour = Duration::from_secs(3600);
        Self { fresh: hour, stale: hour * 24, rest: Duration::from_secs(30) }
    }
}

/// Verifies tokens of one provider. Cheap to clone; clones share what the provider said.
#[derive(Debug, Clone)]
pub struct Verifier(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    provider: Provider,
    audiences: BTreeSet<String>,
    refresh: Refresh,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    answer: Option<(Arc<Metadata>, KeySet)>,
    answered: Option<Instant>,
    asked: Option<Instant>,
}

/// Who signed in, as the provider says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The `sub` claim: never given to anybody else by this issuer.
    pub subject: String,
    /// What the token may be used for (RFC 8693, section 4.2).
    pub scopes: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    /// One string (RFC 7519, section 4.1.1); the library would take several.
    #[serde(rename = "iss")]
    _issuer: String,
    #[serde(default)]
    aud: Option<OneOrMany>,
    /// Access tokens of Amazon Cognito have no `aud` and name the application here.
    #[serde(default)]
    client_id: Option<String>,
    #[serde(default)]
    scope: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl Verifier {
    /// Believes `issuer`'s tokens for one of `audiences`: the client ids of our applications.
    pub fn new(issuer: Issuer, audiences: BTreeSet<String>, refresh: Refresh) -> Self {
        let known = Mutex::new(Known::default());
        Self(Arc::new(Inner { provider: Provider::new(issuer), audiences, refresh, known }))
    }

    /// What the provider says of itself.
    pub async fn metadata(&self) -> Result<Arc<Metadata>, IdentityError> {
        let mut known = self.0.known.lock().await;
        let asked = if known.is_younger(self.0.refresh.fresh) { Ok(()) } else { self.ask(&mut known).await };
        match &known.answer {
            Some((metadata, _)) => Ok(metadata.clone()),
            None => Err(asked.err().unwrap_or(IdentityError::Resting)),
        }
    }

    /// Who the token (a JWS in compact form, RFC 7515) was issued to.
    pub async fn verify(&self, token: &str) -> Result<Identity, IdentityError> {
        if token.len() > MAX_TOKEN {
            return Err(IdentityError::Malformed);
        }
        let header = decode_header(token).map_err(|_| IdentityError::Malformed)?;
        let key = self.key(&header.kid.ok_or(IdentityError::Malformed)?).await?;
        let mut validation = Validation::new(key.algorithm);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        validation.set_issuer(&[self.0.provider.issuer()]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY.as_secs();
        // Below: the library knows no `client_id`.
        validation.validate_aud = false;
        let claims: Claims = decode(token, &key.key, &validation).map_err(refusal)?.claims;
        if !self.is_for_us(&claims) {
            return Err(IdentityError::Audience);
        }
        let scopes = claims.scope.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
        Ok(Identity { subject: claims.sub, scopes })
    }

    fn is_for_us(&self, claims: &Claims) -> bool {
        let ours = |name: &String| self.0.audiences.contains(name);
        match &claims.aud {
            Some(OneOrMany::One(audience)) => ours(audience),
            Some(OneOrMany::Many(audiences)) => audiences.iter().any(ours),
            None => claims.client_id.as_ref().is_some_and(ours),
        }
    }

    /// The key of that id. The lock is held while the provider is asked, so that many requests ask once.
    async fn key(&self, id: &str) -> Result<VerifyingKey, IdentityError> {
        let mut known = self.0.known.lock().await;
        if known.is_younger(self.0.refresh.fresh)
            && let Some(key) = known.key(id)
        {
            return Ok(key);
        }
        let asked = self.ask(&mut known).await;
        if known.is_younger(self.0.refresh.stale)
            && let Some(key) = known.key(id)
        {
            return Ok(key);
        }
        match asked {
            Ok(()) => Err(IdentityError::UnknownKey),
            // The keys are known, and this is none of them.
            Err(IdentityError::Resting) if known.is_younger(self.0.refresh.fresh) => Err(IdentityError::UnknownKey),
            Err(error) => Err(error),
        }
    }

    async fn ask(&self, known: &mut Known) -> Result<(), IdentityError> {
        if known.asked.is_some_and(|asked| asked.elapsed() < self.0.refresh.rest) {
            return Err(IdentityError::Resting);
        }
        known.asked = Some(Instant::now());
        let (metadata, keys) = self.0.provider.ask().await.inspect_err(|error| {
            tracing::warn!(issuer = %self.0.provider.issuer(), error = error as &dyn std::error::Error, "no keys");
        })?;
        known.answer = Some((Arc::new(metadata), keys));
        known.answered = Some(Instant::now());
        Ok(())
    }
}

impl Known {
    fn is_younger(&self, age: Duration) -> bool {
        self.answered.is_some_and(|answered| answered.elapsed() < age)
    }

    fn key(&self, id: &str) -> Option<VerifyingKey> {
        self.answer.as_ref()?.1.get(id)
    }
}

fn refusal(error: jsonwebtoken::errors::Error) -> IdentityError {
    match error.kind() {
        ErrorKind::ExpiredSignature => IdentityError::Expired,
        ErrorKind::InvalidToken | ErrorKind::Base64(_) | ErrorKind::Json(_) | ErrorKind::Utf8(_) => {
            IdentityError::Malformed
        }
        _ => IdentityError::Invalid(error),
    }
}
