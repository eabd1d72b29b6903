//! The pages: the API's description at `/docs`, and the dashboard at `/dashboard`. They are part of the binary, load
//! nothing from elsewhere, and run no script but their own.

use crate::error::ApiError;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use service::ServiceError;

macro_rules! files {
    ($folder:literal: $($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../../../web/", $folder, $name)))),+]
    };
}

const DOCS: [(&str, &str); 3] = files!("": "docs.html", "docs.js", "docs.css");

/// `GET /docs`
pub async fn docs() -> Response {
    page(DOCS[0].1, "'self'")
}

/// `GET /docs.js` and `/docs.css`
pub async fn docs_file(uri: axum::http::Uri) -> Result<Response, ApiError> {
    file(&DOCS, uri.path().trim_start_matches('/'))
}

/// The page `html`, whose script may ask only `connect`.
fn page(html: &'static str, connect: &str) -> Response {
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src {connect}; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let mut response = typed("text/html; charset=utf-8", html);
    if let Ok(policy) = HeaderValue::try_from(policy) {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

fn file(files: &'static [(&str, &str)], name: &str) -> Result<Response, ApiError> {
    let (name, content) = files.iter().find(|(known, _)| *known == name).ok_or(ServiceError::NotFound)?;
    let media_type = match name.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/html; charset=utf-8",
    };
    Ok(typed(media_type, content))
}

fn typed(media_type: &'static str, content: &'static str) -> Response {
    const FIXED: [(HeaderName, &str); 3] =
        [(X_CONTENT_TYPE_OPTIONS, "nosniff"), (REFERRER_POLICY, "no-referrer"), (CACHE_CONTROL, "no-cache")];
    let mut response = content.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().extend(FIXED.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response
}
