//! The codes that users program against.

use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// The `code` of an error envelope. Documented in the API reference; names never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorCode {
    /// The API key or sign-in is missing, malformed, unknown, revoked or expired.
    InvalidToken,
    /// Who asks is known and may not do this: an API key cannot manage keys, and only an operator changes plans.
    Forbidden,
    /// The monthly scan limit is reached.
    QuotaExceeded,
    /// The body is not the JSON that the endpoint takes.
    InvalidRequest,
    /// `content` is empty or has fewer than five words.
    EmptyContent,
    /// `content` has more than 100,000 characters, or the body is over its limit.
    ContentTooLarge,
    /// The body is compressed.
    ContentEncodingNotSupported,
    /// `content` is not standard base64.
    InvalidBase64,
    /// The image has more bytes or pixels than are taken.
    ImageTooLarge,
    /// Not an image in one of the formats that are read, or a broken one.
    UnsupportedImage,
    /// A file that is neither an image in one of the formats that are read nor a text in UTF-8.
    UnsupportedContent,
    /// Only a scan with a verdict can be reviewed.
    NotReviewable,
    /// The account has as many webhooks as it may.
    TooManyWebhooks,
    /// The URL is not one that is fetched: not http or https, or not a public address.
    UrlNotAllowed,
    /// The URL could not be fetched.
    FetchFailed,
    /// The requested modality is not available.
    ModalityNotSupported,
    /// The input type does not exist for this modality.
    InputTypeNotSupported,
    /// The first request with this idempotency key is still under way.
    IdempotencyInFlight,
    /// This idempotency key belongs to another request.
    IdempotencyMismatch,
    /// The account has as many active keys as it may.
    TooManyKeys,
    /// Too many requests in this minute.
    RateLimited,
    /// No such scan, key or upload in this account, or no such path.
    NotFound,
    /// The path exists, but not with this method.
    MethodNotAllowed,
    /// The service that people sign in with cannot be reached.
    SignInUnavailable,
    /// Our fault. Nothing was charged.
    DetectionError,
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}
