//! The OpenID Connect provider: its issuer URL, and what its discovery document says.

use crate::IdentityError;
use crate::keys::KeySet;
use fetch::{AddressPolicy, FetchLimits, Fetcher};
use serde::Deserialize;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

/// The longest discovery document or key set that is read, in bytes.
const MAX_DOCUMENT: usize = 128 * 1024;
/// The longest time that one of them may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// An issuer: an https URL without query and fragment (OpenID Connect Discovery 1.0, section 3), or, for development, http
/// on 127.0.0.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    url: String,
    /// Where it is allowed to be although that is no public address.
    loopback: Option<SocketAddr>,
}

/// Not an issuer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an issuer is an https URL without query and fragment, or http://127.0.0.1:PORT/… for development")]
pub struct InvalidIssuer;

impl FromStr for Issuer {
    type Err = InvalidIssuer;

    fn from_str(url: &str) -> Result<Self, InvalidIssuer> {
        let loopback = match url.strip_prefix("http://127.0.0.1:") {
            None => None,
            Some(rest) => {
                let port = rest.split('/').next().and_then(|port| port.parse().ok()).ok_or(InvalidIssuer)?;
                Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))
            }
        };
        let host = url.strip_prefix("https://").is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
        if (!host && loopback.is_none()) || url.contains(['?', '#', '@']) || url.chars().any(char::is_whitespace) {
            return Err(InvalidIssuer);
        }
        Ok(Self { url: url.to_owned(), loopback })
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

/// What the discovery document says that we need (OpenID Connect Discovery 1.0, section 3).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Metadata {
    /// Must be the issuer that was asked.
    issuer: String,
    jwks_uri: String,
    /// Where a browser is sent to sign in.
    pub authorization_endpoint: String,
    /// Where it exchanges the code for tokens.
    pub token_endpoint: String,
    /// Where it is sent to sign out, if the provider has that.
    #[serde(default)]
    pub end_session_endpoint: Option<String>,
}

/// The way to a provider.
#[derive(Debug)]
pub struct Provider {
    issuer: Issuer,
    fetcher: Fetcher,
}

impl Provider {
    /// Asks `issuer`, within limits.
    pub fn new(issuer: Issuer) -> Self {
        let policy = AddressPolicy::public_only().with_allowed(issuer.loopback);
        let limits = FetchLimits { max_bytes: MAX_DOCUMENT, total: TIMEOUT, redirects: 0 };
        Self { issuer, fetcher: Fetcher::new(policy, limits) }
    }

    /// Whom it speaks for.
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// The discovery document and the keys that it points to.
    pub async fn ask(&self) -> Result<(Metadata, KeySet), IdentityError> {
        let discovery = format!("{}/.well-known/openid-configuration", self.issuer.url.trim_end_matches('/'));
        let metadata = self.fetcher.get(&discovery).await?;
        let metadata: Metadata = serde_json::from_slice(&metadata)
            .map_err(|_| IdentityError::Provider("its discovery document is not one"))?;
        if metadata.issuer != self.issuer.url {
            return Err(IdentityError::Provider("its discovery document names another issuer"));
        }
        let keys = self.fetcher.get(&metadata.jwks_uri).await?;
        Ok((metadata, KeySet::parse(&keys)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_https_or_on_this_machine() {
        for good in ["https://cognito-idp.us-east-1.amazonaws.com/us-east-1_abc", "http://127.0.0.1:8080/dev-issuer"] {
            assert_eq!(good.parse::<Issuer>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "https://",
            "http://example.com",
            "http://127.0.0.1",
            "http://127.0.0.1:x/",
            "http://127.0.0.1:80@example.com/",
            "https://a@b",
            "https://a?b",
            "https://a b",
            "ftp://a",
        ] {
            assert_eq!(bad.parse::<Issuer>(), Err(InvalidIssuer), "{bad}");
        }
    }
}
