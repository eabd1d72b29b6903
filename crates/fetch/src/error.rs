//! Why nothing was fetched.

use std::time::Duration;

/// A refusal or a failure. The messages are for users: they say what to do, name only what the user (or the server
/// that the user pointed at) named, and never an address that a name resolved to. Causes are logged, not carried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// Not an absolute URL by the WHATWG URL standard.
    #[error(
        "The URL, or one that it redirects to, is not valid. Send an absolute URL such as https://example.com/a.jpg."
    )]
    InvalidUrl,
    /// The URL is over the limit.
    #[error("The URL, or one that it redirects to, is longer than {limit} bytes. Use a shorter one.")]
    UrlTooLong {
        /// The limit.
        limit: usize,
    },
    /// A scheme other than `http` and `https`.
    #[error("The URL, or one that it redirects to, is not an http or https one. Only these two can be fetched.")]
    NotHttp,
    /// http where what is sent must be encrypted.
    #[error("The URL is not an https one. Use one that begins with https://.")]
    NotHttps,
    /// A user name or password in the URL.
    #[error("The URL, or one that it redirects to, holds a user name or password. Use one that opens without.")]
    Credentials,
    /// A port that is not for web servers.
    #[error("Port {0} cannot be fetched from. Use 80, 443, or one from 1024 that browsers do not block.")]
    Port(u16),
    /// The host is, or resolves to, an address that is not public. The message is the same whatever the address, so
    /// that it tells nothing of a private network.
    #[error("The host {host} is not on the public internet. Use a URL that anyone can open.")]
    NotPublic {
        /// The host as the URL names it.
        host: String,
    },
    /// A redirect from https to http.
    #[error("The URL redirects from https to http. Use the address that it leads to, or one that stays on https.")]
    Downgrade,
    /// The name has no address, or the resolver failed.
    #[error("The host {host} could not be resolved. Check its spelling, or try again later.")]
    Resolve {
        /// The host as the URL names it.
        host: String,
    },
    /// No connection, or no TLS session with a valid certificate.
    #[error("Could not connect to {host}. Check that it is up and, for https, that its certificate is valid.")]
    Connect {
        /// The host as the URL names it.
        host: String,
    },
    /// The connection broke, or what came was not HTTP.
    #[error("{host} broke off its response or did not send a valid one. Try again later.")]
    Interrupted {
        /// The host as the URL names it.
        host: String,
    },
    /// A status other than success.
    #[error("The URL answers with status {0}. Use one that answers with the file itself, without a login.")]
    Status(u16),
    /// The chain of redirects is over the limit.
    #[error("The URL redirects more than {limit} times. Use the address that it leads to.")]
    TooManyRedirects {
        /// The limit.
        limit: usize,
    },
    /// The response is compressed although we asked for it as it is.
    #[error("The URL answers with a compressed response (Content-Encoding). Use one that serves the file as it is.")]
    Encoding,
    /// The response is over the limit.
    #[error("The file is larger than {limit} bytes. Use a smaller one.")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// The response has no content.
    #[error("The URL answers with an empty response. Use one that answers with the file itself.")]
    Empty,
    /// Not done in time, whatever it was that took so long.
    #[error("The URL could not be fetched within {limit:?}. Use a faster host, or send the file itself.")]
    TimedOut {
        /// The limit.
        limit: Duration,
    },
}

impl FetchError {
    /// Whether we would not ask (`url_not_allowed`: trying again is of no use), as opposed to having asked in vain
    /// (`fetch_failed`).
    pub fn is_refusal(&self) -> bool {
        match self {
            FetchError::InvalidUrl
            | FetchError::UrlTooLong { .. }
            | FetchError::NotHttp
            | FetchError::NotHttps
            | FetchError::Credentials
            | FetchError::Port(_)
            | FetchError::NotPublic { .. }
            | FetchError::Downgrade => true,
            FetchError::Resolve { .. }
            | FetchError::Connect { .. }
            | FetchError::Interrupted { .. }
            | FetchError::Status(_)
            | FetchError::TooManyRedirects { .. }
            | FetchError::Encoding
            | FetchError::TooLarge { .. }
            | FetchError::Empty
            | FetchError::TimedOut { .. } => false,
        }
    }
}
