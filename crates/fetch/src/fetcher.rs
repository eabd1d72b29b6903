//! Downloading within limits.

use crate::{AddressPolicy, FetchError, Guard, Resolve, SystemResolver, Target};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap, LOCATION};
use reqwest::{Method, Response, StatusCode};
use std::sync::Arc;
use std::time::Duration;

/// How much is downloaded, and how long it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchLimits {
    /// The largest body, in bytes. 20 MiB by default, as for images sent to us.
    pub max_bytes: usize,
    /// The longest time for everything together: look-ups, connections, redirects and the body. 10 s by default.
    pub total: Duration,
    /// The most redirects. 3 by default.
    pub redirects: usize,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self { max_bytes: 20 * 1024 * 1024, total: Duration::from_secs(10), redirects: 3 }
    }
}

/// Downloads what users point at. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Fetcher {
    guard: Guard,
    limits: FetchLimits,
}

impl Fetcher {
    /// Downloads from what `policy` permits.
    pub fn new(policy: AddressPolicy, limits: FetchLimits) -> Self {
        Self::with_resolver(Arc::new(SystemResolver), policy, limits)
    }

    /// Downloads from what `policy` permits of the answers of `resolver`.
    pub fn with_resolver(resolver: Arc<dyn Resolve>, policy: AddressPolicy, limits: FetchLimits) -> Self {
        Self { guard: Guard::new(policy, resolver), limits }
    }

    /// The body of the response to a GET for `url`, redirects followed. Each redirect is judged like a URL from a
    /// user; nothing is carried over from one request to the next.
    ///
    /// # Errors
    /// A refusal if the URL, or one that it redirects to, must not be asked for (see [`FetchError::is_refusal`]). A
    /// failure if what came is not a success with a body, uncompressed and within the [`FetchLimits`].
    pub async fn get(&self, url: &str) -> Result<Vec<u8>, FetchError> {
        let download = async {
            let (response, target) = self.follow(Target::parse(url)?).await?;
            self.read(response, &target).await
        };
        let limit = self.limits.total;
        tokio::time::timeout(limit, download).await.unwrap_or(Err(FetchError::TimedOut { limit }))
    }

    /// The first response that is not a redirect, and where it came from.
    async fn follow(&self, mut target: Target) -> Result<(Response, Target), FetchError> {
        for _ in 0..=self.limits.redirects {
            let request = self.guard.request(Method::GET, &target).await?.header(ACCEPT_ENCODING, "identity");
            let response = request.send().await.map_err(|error| failure(error, &target))?;
            target = match location(&response) {
                None => return Ok((response, target)),
                Some(location) => target.redirect(location.map_err(|_| FetchError::InvalidUrl)?)?,
            };
        }
        Err(FetchError::TooManyRedirects { limit: self.limits.redirects })
    }

    async fn read(&self, mut response: Response, from: &Target) -> Result<Vec<u8>, FetchError> {
        if !response.status().is_success() {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        // Asked for the file as it is, a server that compresses may as well send a decompression bomb.
        if is_compressed(response.headers()) {
            return Err(FetchError::Encoding);
        }
        let limit = self.limits.max_bytes;
        if response.content_length().is_some_and(|length| length > limit as u64) {
            return Err(FetchError::TooLarge { limit });
        }
        // Grown as bytes come, not as Content-Length promises: a promise costs the sender nothing.
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failure(error, from))? {
            if chunk.len() > limit - body.len() {
                return Err(FetchError::TooLarge { limit });
            }
            body.extend_from_slice(&chunk);
        }
        if body.is_empty() { Err(FetchError::Empty) } else { Ok(body) }
    }
}

/// Whether a message's body is compressed, by its `Content-Encoding` (the content codings of IANA's registry that change
/// bytes). Stores keep other values beside plain bytes: S3 an empty one, or `aws-chunked`, of how an object was sent to it.
pub fn is_compressed(headers: &HeaderMap) -> bool {
    const CODINGS: [&str; 12] = [
        "gzip",
        "x-gzip",
        "deflate",
        "br",
        "zstd",
        "compress",
        "x-compress",
        "dcb",
        "dcz",
        "exi",
        "pack200-gzip",
        "aes128gcm",
    ];
    let values = headers.get_all(CONTENT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    let mut named = values.flat_map(|value| value.split(',')).map(str::trim);
    named.any(|name| CODINGS.iter().any(|coding| coding.eq_ignore_ascii_case(name)))
}

/// The `Location` of a redirect (RFC 9110, section 15.4), if the response is one. As UTF-8, which servers do send.
fn location(response: &Response) -> Option<Result<&str, std::str::Utf8Error>> {
    let redirects = matches!(
        response.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    let location = response.headers().get(LOCATION).filter(|_| redirects)?;
    Some(std::str::from_utf8(location.as_bytes()))
}

fn failure(error: reqwest::Error, target: &Target) -> FetchError {
    let host = target.host().to_string();
    // Without its URL, whose query may be a secret.
    let error = error.without_url();
    tracing::debug!(host, ?error, "a request failed");
    if error.is_builder() {
        FetchError::InvalidUrl
    } else if error.is_connect() {
        FetchError::Connect { host }
    } else {
        FetchError::Interrupted { host }
    }
}
