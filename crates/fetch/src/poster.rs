//! Sending to where users want to be told.

use crate::{AddressPolicy, FetchError, Guard, SystemResolver, Target};
use reqwest::Method;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use url::Host;

/// Sends to URLs of users' choosing, through the same gates as a [`Fetcher`](crate::Fetcher). Cheap to clone.
#[derive(Debug, Clone)]
pub struct Poster {
    guard: Guard,
    policy: AddressPolicy,
    limit: Duration,
}

impl Poster {
    /// Sends to what `policy` permits. A response that takes longer than `limit` is none.
    pub fn new(policy: AddressPolicy, limit: Duration) -> Self {
        Self { guard: Guard::new(policy.clone(), Arc::new(SystemResolver)), policy, limit }
    }

    /// Whether a URL may be sent to, as far as its text tells: https, except to an address that the policy makes an
    /// exception of. What its name resolves to is judged whenever something is sent.
    ///
    /// # Errors
    /// A refusal (see [`FetchError::is_refusal`]).
    pub fn admit(&self, url: &str) -> Result<Target, FetchError> {
        let target = Target::parse(url)?;
        let address = match target.host() {
            Host::Ipv4(ip) => Some(IpAddr::from(*ip)),
            Host::Ipv6(ip) => Some(IpAddr::from(*ip)),
            Host::Domain(_) => None,
        };
        let address = address.map(|ip| SocketAddr::new(ip, target.port()));
        if let Some(address) = address.filter(|address| !self.policy.permits(*address)) {
            tracing::info!(%address, "a webhook to an address that is not public was refused");
            return Err(FetchError::NotPublic { host: target.host().to_string() });
        }
        let excepted = address.is_some_and(|address| self.policy.excepts(address));
        if target.url().scheme() == "https" || excepted { Ok(target) } else { Err(FetchError::NotHttps) }
    }

    /// Posts `body` with `headers`, and returns the status of the response. It is not followed anywhere, and its body is
    /// not read.
    ///
    /// # Errors
    /// A refusal as by [`Poster::admit`] and [`Guard::request`], or a failure if no response came.
    pub async fn post(&self, url: &str, headers: &[(&str, String)], body: String) -> Result<u16, FetchError> {
        let send = async {
            let target = self.admit(url)?;
            let mut request = self.guard.request(Method::POST, &target).await?;
            for (name, value) in headers {
                request = request.header(*name, value);
            }
            let host = || target.host().to_string();
            match request.body(body).send().await {
                Ok(response) => Ok(response.status().as_u16()),
                Err(error) if error.is_connect() => Err(FetchError::Connect { host: host() }),
                Err(_) => Err(FetchError::Interrupted { host: host() }),
            }
        };
        let limit = self.limit;
        tokio::time::timeout(limit, send).await.unwrap_or(Err(FetchError::TimedOut { limit }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_is_sent_to_but_for_named_exceptions() {
        let policy: AddressPolicy = "127.0.0.1:8000".parse().unwrap();
        let poster = Poster::new(policy, Duration::from_secs(1));
        assert!(poster.admit("https://example.com/hook").is_ok());
        assert!(poster.admit("http://127.0.0.1:8000/hook").is_ok());
        assert_eq!(poster.admit("http://example.com/hook"), Err(FetchError::NotHttps));
        for inside in
            ["http://127.0.0.1:8001/", "https://127.0.0.1:8001/", "https://169.254.169.254/", "https://[::1]/"]
        {
            assert!(matches!(poster.admit(inside), Err(FetchError::NotPublic { .. })), "{inside}");
        }
        assert!(poster.admit("https://localhost/").is_err());
    }
}
