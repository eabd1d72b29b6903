//! The pages: the API's description at `/docs`, and the dashboard at `/dashboard`. They are part of the binary, load
//! nothing from elsewhere, and run no script but their own.

use crate::App;
use crate::error::ApiError;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
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
const DASHBOARD: &str = include_str!("../../../web/dashboard/index.html");
const DASHBOARD_FILES: [(&str, &str); 22] = files!("dashboard/": "account.js", "api.js", "app.js", "chart.js", "confirm.js", "detect.js", "element.js", "evidence.js", "features.js", "format.js", "heatmap.js", "history.js", "keys.js", "playground.js", "samples.js", "scan.css", "scan.js", "segments.js", "session.js", "stages.js", "style.css", "usage.js");

/// `GET /docs`
pub async fn docs() -> Response {
    page(DOCS[0].1, "'self'")
}

/// `GET /docs.js` and `/docs.css`
pub async fn docs_file(uri: axum::http::Uri) -> Result<Response, ApiError> {
    file(&DOCS, uri.path().trim_start_matches('/'))
}

/// `GET /dashboard`. Its script may also ask the sign-in service for tokens, and send big files where uploads go.
pub async fn dashboard(State(app): State<App>) -> Response {
    let mut connect = "'self'".to_owned();
    // Without them the page still opens, and says what it cannot do.
    if let Ok(Some(provider)) = app.authenticate.provider().await
        && let Some(origin) = origin(&provider.token_endpoint)
    {
        connect += &format!(" {origin}");
    }
    if let Ok(uploads) = app.upload.origin().await {
        connect += &format!(" {uploads}");
    }
    page(DASHBOARD, &connect)
}

/// `GET /dashboard/{file}`
pub async fn dashboard_file(name: Result<Path<String>, PathRejection>) -> Result<Response, ApiError> {
    let Path(name) = name.map_err(|_| ServiceError::NotFound)?;
    file(&DASHBOARD_FILES, &name)
}

/// Scheme and host of a URL, if nothing in it could end a content security policy's directive.
fn origin(url: &str) -> Option<String> {
    let origin = url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:/[]".contains(c);
    (origin.starts_with("http") && origin.chars().all(plain)).then_some(origin)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_dashboard_is_served() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/dashboard");
        let names = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name != "index.html").collect();
        names.sort();
        assert_eq!(DASHBOARD_FILES.map(|(name, _)| name.to_owned()).to_vec(), names);
    }

    #[test]
    fn an_origin_cannot_end_the_policy() {
        assert_eq!(origin("https://a.example/oauth2/token").as_deref(), Some("https://a.example"));
        assert_eq!(origin("http://127.0.0.1:8080/x").as_deref(), Some("http://127.0.0.1:8080"));
        for wrong in ["", "javascript:alert(1)", "https://a.example; script-src *", "https://a.example '*'/"] {
            assert_eq!(origin(wrong), None, "{wrong}");
        }
    }
}
