//! What a handler needs of a request, in the order in which it is looked at: key, rate, body.

use crate::App;
use crate::error::ApiError;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH};
use axum::http::request::Parts;
use cloud::RateUse;
use scan::Account;
use service::ServiceError;

/// The largest body that is read, in bytes. JSON may write one character as 12 bytes, so that a text within its
/// limit of characters always fits.
pub const MAX_BODY: usize = 2 * 1024 * 1024;

/// The account behind the request's API key.
pub struct Caller(pub Account);

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let authorization = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        Ok(Self(app.authenticate.bearer(authorization).await?))
    }
}

/// A caller whose request has been counted against the detect rate limit.
pub struct AdmittedCaller {
    /// Who.
    pub account: Account,
    /// What is left of the minute.
    pub rate: RateUse,
}

impl FromRequestParts<App> for AdmittedCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Caller(account) = Caller::from_request_parts(parts, app).await?;
        let rate = app.detect.admit(&account).await?;
        Ok(Self { account, rate })
    }
}

/// A body of at most [`MAX_BODY`] bytes. Not read before the extractors above have passed.
pub struct LimitedBody(pub Bytes);

impl FromRequest<App> for LimitedBody {
    type Rejection = ApiError;

    async fn from_request(request: Request<Body>, _: &App) -> Result<Self, ApiError> {
        let announced = request.headers().get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
        if announced.is_some_and(|n| n > MAX_BODY) {
            return Err(ServiceError::BodyTooLarge { limit: MAX_BODY }.into());
        }
        // It fails on a body that grows past the limit, and on one that breaks off; then nobody reads the answer.
        let bytes = to_bytes(request.into_body(), MAX_BODY).await;
        bytes.map(Self).map_err(|_| ServiceError::BodyTooLarge { limit: MAX_BODY }.into())
    }
}
