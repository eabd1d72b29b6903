//! Response headers beyond the content type.

use axum::http::header::{ACCEPT_ENCODING, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use cloud::{QuotaUse, RateUse};
use scan::{ScanId, TraceContext};

fn put(response: &mut Response, name: HeaderName, value: impl ToString) {
    if let Ok(value) = HeaderValue::from_str(&value.to_string()) {
        response.headers_mut().insert(name, value);
    }
}

/// `RateLimit-Limit`, `RateLimit-Remaining`, `RateLimit-Reset` (seconds), as drafts 3 to 7 of
/// draft-ietf-httpapi-ratelimit-headers have them and most clients read them.
pub fn rate(response: &mut Response, rate: &RateUse) {
    put(response, HeaderName::from_static("ratelimit-limit"), rate.limit);
    put(response, HeaderName::from_static("ratelimit-remaining"), rate.remaining);
    put(response, HeaderName::from_static("ratelimit-reset"), rate.reset_seconds);
}

/// What an answer cost: the quota since, or for a repeated answer, which costs nothing, that it is one.
pub fn cost(response: &mut Response, charged: Option<&QuotaUse>) {
    match charged {
        Some(quota) => self::quota(response, quota),
        None => replayed(response),
    }
}

/// `X-Quota-Limit` and `X-Quota-Remaining` (`unlimited` where there is none), `X-Quota-Used`, and `X-Quota-Reset`
/// (Unix seconds).
pub fn quota(response: &mut Response, quota: &QuotaUse) {
    let unlimited = || "unlimited".to_owned();
    let remaining = quota.limit.map(|limit| limit.saturating_sub(quota.used).to_string());
    put(response, HeaderName::from_static("x-quota-limit"), quota.limit.map_or_else(unlimited, |n| n.to_string()));
    put(response, HeaderName::from_static("x-quota-used"), quota.used);
    put(response, HeaderName::from_static("x-quota-remaining"), remaining.unwrap_or_else(unlimited));
    put(response, HeaderName::from_static("x-quota-reset"), quota.resets_at.unix_timestamp());
}

/// `Retry-After`, in seconds (RFC 9110, section 10.2.3).
pub fn retry_after(response: &mut Response, seconds: u64) {
    put(response, RETRY_AFTER, seconds);
}

/// `Location` of a scan that is still running.
pub fn location(response: &mut Response, id: ScanId) {
    put(response, LOCATION, format!("/v1/scans/{id}"));
}

/// `WWW-Authenticate`, which a 401 must carry (RFC 9110, section 11.6.1).
pub fn challenge(response: &mut Response) {
    put(response, WWW_AUTHENTICATE, "Bearer");
}

/// `Accept-Encoding: identity`: how a body that was refused as compressed is to be sent (RFC 9110, section 15.5.16).
pub fn accept_plain(response: &mut Response) {
    put(response, ACCEPT_ENCODING, "identity");
}

/// `Preference-Applied` (RFC 7240, section 3).
pub fn responded_async(response: &mut Response) {
    put(response, HeaderName::from_static("preference-applied"), "respond-async");
}

/// `traceresponse` (Trace Context Level 3, draft): the operation that the request was, for whoever asks us about it.
pub fn trace(response: &mut Response, trace: TraceContext) {
    put(response, HeaderName::from_static("traceresponse"), trace);
}

/// Marks the repeated answer to a repeated request.
pub fn replayed(response: &mut Response) {
    put(response, HeaderName::from_static("idempotent-replayed"), "true");
}
