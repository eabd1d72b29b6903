//! How endpoints fail, described for the reader of the API's description. `crate::error` does the answering.

use scan::ErrorCode;
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

/// Every error.
#[derive(ToSchema, Serialize)]
pub struct ErrorBody {
    /// What went wrong.
    pub detail: ErrorDetail,
}

/// What went wrong.
#[derive(ToSchema, Serialize)]
pub struct ErrorDetail {
    /// For programs.
    pub code: ErrorCode,
    /// For people.
    pub message: String,
    /// Of a limit that was reached: how many are allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Of a quota that was reached: how many are used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used: Option<u64>,
    /// Of a rate limit that was reached: seconds to wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

/// How requests that read fail.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "describes crate::error")]
pub enum ReadErrors {
    /// `invalid_token`
    #[response(status = 401)]
    Unauthorized(ErrorBody),
    /// `forbidden`: an operator's token has no account
    #[response(status = 403)]
    Forbidden(ErrorBody),
    /// `invalid_request`
    #[response(status = 422)]
    Invalid(ErrorBody),
    /// `detection_error`
    #[response(status = 500)]
    Internal(ErrorBody),
    /// `sign_in_unavailable`
    #[response(status = 503)]
    SignInUnavailable(ErrorBody),
}

/// How requests that scan or upload fail.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "describes crate::error")]
pub enum WriteErrors {
    /// `invalid_token`
    #[response(status = 401)]
    Unauthorized(ErrorBody),
    /// `forbidden`: an operator's token has no account
    #[response(status = 403)]
    Forbidden(ErrorBody),
    /// `quota_exceeded`
    #[response(status = 402)]
    QuotaExceeded(ErrorBody),
    /// `not_found`: no such upload, or the scan of a repeated request was erased
    #[response(status = 404)]
    NotFound(ErrorBody),
    /// `idempotency_in_flight`
    #[response(status = 409)]
    InFlight(ErrorBody),
    /// `content_encoding_not_supported`: the body is compressed
    #[response(status = 415)]
    Compressed(ErrorBody),
    /// `invalid_request`, `modality_not_supported`, `input_type_not_supported`, `empty_content`, `content_too_large`,
    /// `invalid_base64`, `image_too_large`, `unsupported_image`, `url_not_allowed`, `fetch_failed`,
    /// `idempotency_mismatch`
    #[response(status = 422)]
    Refused(ErrorBody),
    /// `rate_limited`
    #[response(status = 429)]
    RateLimited(ErrorBody),
    /// `detection_error`
    #[response(status = 500)]
    Internal(ErrorBody),
    /// `sign_in_unavailable`
    #[response(status = 503)]
    SignInUnavailable(ErrorBody),
}

/// The account has no such scan.
#[derive(IntoResponses)]
#[response(status = 404)]
#[allow(dead_code, reason = "describes crate::error")]
pub struct NoSuchScan(ErrorBody);

/// How the management of an account fails.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "describes crate::error")]
pub enum AccountErrors {
    /// `invalid_token`
    #[response(status = 401)]
    Unauthorized(ErrorBody),
    /// `forbidden`: an API key is not enough
    #[response(status = 403)]
    Forbidden(ErrorBody),
    /// `content_encoding_not_supported`: the body is compressed
    #[response(status = 415)]
    Compressed(ErrorBody),
    /// `invalid_request`, `too_many_keys`, `too_many_webhooks`, `url_not_allowed`, `content_too_large`
    #[response(status = 422)]
    Refused(ErrorBody),
    /// `detection_error`
    #[response(status = 500)]
    Internal(ErrorBody),
    /// `sign_in_unavailable`
    #[response(status = 503)]
    SignInUnavailable(ErrorBody),
}

/// How operators' requests fail.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "describes crate::error")]
pub enum OperatorErrors {
    /// `invalid_token`
    #[response(status = 401)]
    Unauthorized(ErrorBody),
    /// `forbidden`: the token has not the operator scope
    #[response(status = 403)]
    Forbidden(ErrorBody),
    /// `content_encoding_not_supported`: the body is compressed
    #[response(status = 415)]
    Compressed(ErrorBody),
    /// `invalid_request`, `content_too_large`
    #[response(status = 422)]
    Refused(ErrorBody),
    /// `detection_error`
    #[response(status = 500)]
    Internal(ErrorBody),
    /// `sign_in_unavailable`
    #[response(status = 503)]
    SignInUnavailable(ErrorBody),
}

/// The account has no such key.
#[derive(IntoResponses)]
#[response(status = 404)]
#[allow(dead_code, reason = "describes crate::error")]
pub struct NoSuchKey(ErrorBody);

/// The account has no such webhook.
#[derive(IntoResponses)]
#[response(status = 404)]
#[allow(dead_code, reason = "describes crate::error")]
pub struct NoSuchWebhook(ErrorBody);

/// `not_reviewable`: the scan has no verdict
#[derive(IntoResponses)]
#[response(status = 409)]
#[allow(dead_code, reason = "describes crate::error")]
pub struct NotReviewable(ErrorBody);

/// There is no such account.
#[derive(IntoResponses)]
#[response(status = 404)]
#[allow(dead_code, reason = "describes crate::error")]
pub struct NoSuchAccount(ErrorBody);

/// How asking for the way to sign in fails.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "describes crate::error")]
pub enum NoSignIn {
    /// `not_found`: nobody signs in here; an operator makes the keys
    #[response(status = 404)]
    NotConfigured(ErrorBody),
    /// `sign_in_unavailable`
    #[response(status = 503)]
    SignInUnavailable(ErrorBody),
}
