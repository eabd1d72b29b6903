//! What a handler needs of a request, in the order in which it is looked at: key, rate, body.

use crate::App;
use crate::error::ApiError;
use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Multipart, Request};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use cloud::RateUse;
use http_body_util::BodyExt;
use scan::{Account, TraceContext};
use service::{IdempotencyKey, ImageSource, ServiceError};
use std::convert::Infallible;
use std::marker::PhantomData;
use std::time::Duration;
use utoipa::IntoParams;

/// The largest body that is read, in bytes: an image of 20 MiB in base64, its line breaks, and the JSON around it. A
/// text within its limit of characters always fits.
pub const MAX_BODY: usize = 28 * 1024 * 1024;

/// The account behind the request's API key or sign-in.
pub struct Caller(pub Account);

/// The account of who signed in.
pub struct Owner(pub Account);

/// Somebody who may do what operators do.
pub struct Operator;

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        Ok(Self(app.authenticate.account(authorization(parts)).await?))
    }
}

impl FromRequestParts<App> for Owner {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        Ok(Self(app.authenticate.owner(authorization(parts)).await?))
    }
}

impl FromRequestParts<App> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        app.authenticate.operator(authorization(parts)).await?;
        Ok(Self)
    }
}

fn authorization(parts: &Parts) -> Option<&str> {
    parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok())
}

/// A caller whose request has been counted against the rate limit of `C`.
pub struct AdmittedCaller<C> {
    /// Who.
    pub account: Account,
    /// What is left of the minute.
    pub rate: RateUse,
    counted: PhantomData<C>,
}

/// What an endpoint's requests are counted as.
pub trait Counted {
    /// In the terms of the service.
    const REQUEST: service::Request;
}

/// Scans.
pub struct Scanning;
/// Batches.
pub struct Batching;
/// Permissions to upload.
pub struct Uploading;

impl Counted for Scanning {
    const REQUEST: service::Request = service::Request::Detect;
}
impl Counted for Batching {
    const REQUEST: service::Request = service::Request::Batch;
}
impl Counted for Uploading {
    const REQUEST: service::Request = service::Request::Upload;
}

impl<C: Counted> FromRequestParts<App> for AdmittedCaller<C> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Caller(account) = Caller::from_request_parts(parts, app).await?;
        let rate = app.detect.admit(&account, C::REQUEST).await?;
        Ok(Self { account, rate, counted: PhantomData })
    }
}

/// The operation that the request is.
pub struct Traced(pub TraceContext);

impl FromRequestParts<App> for Traced {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get().copied().unwrap_or_default()))
    }
}

/// What a client wishes beyond the body.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub struct Wishes {
    /// 1 to 255 visible ASCII characters of your making: the request, sent again with the same, is done once.
    #[param(rename = "Idempotency-Key", value_type = Option<String>, min_length = 1, max_length = 255)]
    pub key: Option<IdempotencyKey>,
    /// `respond-async` (RFC 7240, section 4.1): not to wait for the end of scans.
    #[param(rename = "Prefer", value_type = Option<String>)]
    pub respond_async: bool,
}

impl Wishes {
    /// How long to wait for scans.
    pub fn wait_budget(&self, app: &App) -> Duration {
        if self.respond_async { Duration::ZERO } else { app.wait_budget }
    }
}

impl FromRequestParts<App> for Wishes {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        let key = parts.headers.get("idempotency-key").map(|key| IdempotencyKey::parse(key.to_str().unwrap_or("")));
        let preferences = parts.headers.get_all("prefer").into_iter().filter_map(|value| value.to_str().ok());
        let mut preferences = preferences.flat_map(|value| value.split(','));
        let respond_async = preferences.any(|preference| {
            preference.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("respond-async"))
        });
        Ok(Self { key: key.transpose()?, respond_async })
    }
}

/// Of a body over [`MAX_BODY`], this many bytes are read and thrown away before the refusal is sent. A client that is
/// cut off while it still sends sees a broken connection instead of the answer.
const MAX_DISCARDED: usize = 64 * 1024 * 1024;

/// A body of at most [`MAX_BODY`] bytes. Not read before the extractors above have passed.
pub struct LimitedBody(pub Vec<u8>);

impl FromRequest<App> for LimitedBody {
    type Rejection = ApiError;

    async fn from_request(request: Request<Body>, _: &App) -> Result<Self, ApiError> {
        let names_compression = fetch::is_compressed(request.headers());
        let (mut body, mut bytes, mut received) = (request.into_body(), Vec::new(), 0);
        // A body that breaks off ends the loop; what came of it is no JSON, and nobody reads the answer.
        while let Some(Ok(frame)) = body.frame().await {
            let Ok(data) = frame.into_data() else { continue };
            received += data.len();
            if received <= MAX_BODY {
                bytes.extend_from_slice(&data);
            } else if received > MAX_BODY + MAX_DISCARDED {
                break;
            }
        }
        if names_compression || bytes.starts_with(GZIP) {
            return Err(ServiceError::CompressedBody.into());
        }
        if received <= MAX_BODY { Ok(Self(bytes)) } else { Err(too_large(&bytes).into()) }
    }
}

/// What a gzip file begins with (RFC 1952, section 2.3.1), and neither JSON nor a form does.
const GZIP: &[u8] = b"\x1f\x8b";

/// The refusal that fits the kind of content, which the beginning of a documented request tells.
fn too_large(bytes: &[u8]) -> ServiceError {
    let head = &bytes[..bytes.len().min(1024)];
    let mentions = |needle: &[u8]| head.windows(needle.len()).any(|window| window == needle);
    if mentions(b"\"image\"") { ServiceError::ImageTooLarge } else { ServiceError::BodyTooLarge { limit: MAX_BODY } }
}

/// The field `image` of a `multipart/form-data` body (RFC 7578) of at most [`MAX_BODY`] bytes.
pub struct ImageForm(pub ImageSource);

impl FromRequest<App> for ImageForm {
    type Rejection = ApiError;

    async fn from_request(request: Request<Body>, app: &App) -> Result<Self, ApiError> {
        let invalid = |_| {
            let expected = "The body must be multipart/form-data with the file in the field `image`.";
            ServiceError::InvalidRequest(expected.to_owned())
        };
        let (parts, body) = request.into_parts();
        let mut whole = Request::new(body);
        whole.headers_mut().clone_from(&parts.headers);
        let LimitedBody(bytes) = LimitedBody::from_request(whole, app).await?;
        let request = Request::from_parts(parts, Body::from(bytes));
        let mut form = Multipart::from_request(request, app).await.map_err(|e| invalid(e.to_string()))?;
        while let Some(field) = form.next_field().await.map_err(|e| invalid(e.to_string()))? {
            if field.name() == Some("image") {
                let bytes = field.bytes().await.map_err(|e| invalid(e.to_string()))?;
                return Ok(Self(ImageSource::file(bytes.into())?));
            }
        }
        Err(invalid(String::new()).into())
    }
}
