//! The API described in OpenAPI 3.1, generated from the handlers and their types. `functions/api/openapi.json` is the
//! description as committed; a test keeps it and the code together.

use crate::{batch, detect, scans, uploads, usage};
use axum::Json;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use scan::ErrorCode;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{IntoResponses, Modify, OpenApi, ToSchema};

/// TruthLens tells whether a text or an image was made by AI.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "TruthLens",
        description = "Tells whether a text or an image was made by AI.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    paths(
        detect::detect,
        batch::batch,
        detect::legacy,
        uploads::create,
        scans::list,
        scans::get,
        scans::erase,
        usage::get,
        scans::health,
    ),
    components(schemas(ErrorBody, ErrorDetail, ErrorCode)),
    modifiers(&Bearer),
    security(("api_key" = [])),
)]
pub struct Description;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let key = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("An API key: `tl_live_…`"));
        let scheme = SecurityScheme::Http(key.build());
        api.components.get_or_insert_default().add_security_scheme("api_key", scheme);
    }
}

/// What `POST /v1/detect` takes. Members that are not named here are ignored.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "describes what service::DetectRequest parses")]
pub enum DetectBody {
    /// A text.
    Text(TextBody),
    /// An image file in the request.
    ImageFile(ImageFileBody),
    /// An image behind a URL.
    ImageUrl(ImageUrlBody),
    /// An image that was uploaded before.
    UploadedImage(UploadedImageBody),
}

/// A text.
#[derive(Deserialize, ToSchema)]
#[allow(dead_code, reason = "describes what service::DetectRequest parses")]
pub struct TextBody {
    #[schema(pattern = "^text$")]
    modality: String,
    #[schema(pattern = "^raw_text$")]
    input_type: String,
    /// 5 words or more; 50 or more give a reliable answer.
    #[schema(max_length = 100000)]
    content: String,
}

/// An image file in the request.
#[derive(Deserialize, ToSchema)]
#[allow(dead_code, reason = "describes what service::DetectRequest parses")]
pub struct ImageFileBody {
    #[schema(pattern = "^image$")]
    modality: String,
    #[schema(pattern = "^upload$")]
    input_type: String,
    /// The file in standard base64: JPEG, PNG, WEBP, GIF or BMP, at most 20 MB.
    #[schema(content_encoding = "base64")]
    content: String,
}

/// An image behind a URL.
#[derive(Deserialize, ToSchema)]
#[allow(dead_code, reason = "describes what service::DetectRequest parses")]
pub struct ImageUrlBody {
    #[schema(pattern = "^image$")]
    modality: String,
    #[schema(pattern = "^url$")]
    input_type: String,
    /// http or https, on a public address.
    #[schema(format = "uri", max_length = 2048)]
    url: String,
}

/// An image that was uploaded before.
#[derive(Deserialize, ToSchema)]
#[allow(dead_code, reason = "describes what service::DetectRequest parses")]
pub struct UploadedImageBody {
    #[schema(pattern = "^image$")]
    modality: String,
    #[schema(pattern = "^upload$")]
    input_type: String,
    /// The `upload_id` that `POST /v1/uploads` gave.
    #[schema(format = "uuid")]
    upload_id: String,
}

/// What `POST /v1/detect/batch` takes.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes what service::BatchRequest parses")]
pub struct BatchBody {
    /// Each is what `POST /v1/detect` takes; one that is not is refused alone.
    #[schema(min_items = 1, max_items = 100)]
    items: Vec<serde_json::Value>,
}

/// What `POST /v1/uploads` takes.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes what service::UploadRequest parses")]
pub struct UploadBody {
    /// `image/jpeg`, `image/png`, `image/webp`, `image/gif` or `image/bmp`.
    #[schema(pattern = "^image/(jpeg|png|webp|gif|bmp)$")]
    content_type: String,
    /// The file's size in bytes.
    #[schema(minimum = 1, maximum = 20971520)]
    content_length: u64,
}

/// What `POST /api/detect` takes.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes what extract::ImageForm parses")]
pub struct ImageFormBody {
    /// The file.
    #[schema(content_media_type = "application/octet-stream")]
    image: Vec<u8>,
}

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
    /// `invalid_request`
    #[response(status = 422)]
    Invalid(ErrorBody),
    /// `detection_error`
    #[response(status = 500)]
    Internal(ErrorBody),
}

/// How requests that scan or upload fail.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "describes crate::error")]
pub enum WriteErrors {
    /// `invalid_token`
    #[response(status = 401)]
    Unauthorized(ErrorBody),
    /// `quota_exceeded`
    #[response(status = 402)]
    QuotaExceeded(ErrorBody),
    /// `not_found`: no such upload, or the scan of a repeated request was erased
    #[response(status = 404)]
    NotFound(ErrorBody),
    /// `idempotency_in_flight`
    #[response(status = 409)]
    InFlight(ErrorBody),
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
}

/// The account has no such scan.
#[derive(IntoResponses)]
#[response(status = 404)]
#[allow(dead_code, reason = "describes crate::error")]
pub struct NoSuchScan(ErrorBody);

static DESCRIPTION: LazyLock<utoipa::openapi::OpenApi> = LazyLock::new(Description::openapi);

/// `GET /openapi.json`
pub async fn json() -> Json<&'static utoipa::openapi::OpenApi> {
    Json(&DESCRIPTION)
}

/// `GET /docs`: the description as a page. It loads nothing from elsewhere.
pub async fn page() -> Response {
    const PAGE: &str = include_str!("../../../web/docs.html");
    const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
        base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let mut response = file("text/html; charset=utf-8", PAGE);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

/// `GET /docs.js`
pub async fn script() -> Response {
    file("text/javascript; charset=utf-8", include_str!("../../../web/docs.js"))
}

/// `GET /docs.css`
pub async fn style() -> Response {
    file("text/css; charset=utf-8", include_str!("../../../web/docs.css"))
}

fn file(media_type: &'static str, content: &'static str) -> Response {
    let mut response = content.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_description_is_that_of_the_code() {
        let committed = include_str!("../openapi.json");
        let code = Description::openapi().to_pretty_json().unwrap() + "\n";
        assert!(committed == code, "functions/api/openapi.json is out of date: run `make openapi` and commit it");
    }

    #[test]
    fn every_path_that_is_routed_is_described() {
        let paths: Vec<String> = Description::openapi().paths.paths.into_keys().collect();
        let routed = [
            "/api/detect",
            "/healthz",
            "/v1/detect",
            "/v1/detect/batch",
            "/v1/scans",
            "/v1/scans/{id}",
            "/v1/uploads",
            "/v1/usage",
        ];
        assert_eq!(paths, routed);
    }
}
