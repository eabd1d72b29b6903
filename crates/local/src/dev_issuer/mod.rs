//! The development issuer: an OpenID Connect provider that is part of `truthlens serve`, so that the dashboard's sign-in
//! is the real one, in a place where nobody has to be kept out. It takes anyone's word for who they are, answers only
//! requests that are addressed to this machine, and says so on its page. In AWS, Amazon Cognito has its place.
//!
//! Authorization code with PKCE (RFC 6749, section 4.1; RFC 7636), discovery and JWKS (OpenID Connect Discovery 1.0).

mod codes;
mod key;

pub use key::SigningKey;

use axum::extract::{Form, Query, Request, State};
use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use codes::{Codes, Grant};
use reqwest::Url;
use scan::AccountId;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Where it lies under the API's own address.
const PATH: &str = "/dev-issuer";
/// What the dashboard is known as.
pub const CLIENT_ID: &str = "dashboard";
/// What a billing system would be known as; its tokens come from `truthlens token --operator`.
pub const OPERATOR_CLIENT_ID: &str = "billing";

/// The provider.
#[derive(Clone)]
pub struct DevIssuer(Arc<Inner>);

struct Inner {
    url: String,
    key: SigningKey,
    codes: Codes,
}

impl DevIssuer {
    /// The issuer of an API that listens at `api`, such as `http://127.0.0.1:8080`.
    pub fn new(api: &str, key: SigningKey) -> Self {
        Self(Arc::new(Inner { url: issuer_url(api), key, codes: Codes::default() }))
    }

    /// Its issuer URL.
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// Its endpoints, beside the API's.
    pub fn router(self) -> Router {
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/jwks.json", get(jwks))
            .route("/authorize", get(page).post(authorize))
            .route("/token", post(token))
            .layer(middleware::from_fn(only_this_machine))
            .with_state(self);
        Router::new().nest(PATH, routes)
    }
}

/// The issuer URL that belongs to an API's address.
pub fn issuer_url(api: &str) -> String {
    format!("{api}{PATH}")
}

/// A page of somebody else's whose name was made to point here (DNS rebinding) gets nothing.
async fn only_this_machine(request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if matches!(name, "127.0.0.1" | "localhost" | "[::1]") {
        next.run(request).await
    } else {
        (StatusCode::MISDIRECTED_REQUEST, "The development issuer answers on this machine only.\n").into_response()
    }
}

async fn discovery(State(DevIssuer(inner)): State<DevIssuer>) -> Json<Value> {
    let url = &inner.url;
    Json(json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "jwks_uri": format!("{url}/jwks.json"),
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code"],
        "code_challenge_methods_supported": ["S256"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": ["none"],
    }))
}

async fn jwks(State(DevIssuer(inner)): State<DevIssuer>) -> Json<Value> {
    Json(inner.key.jwks())
}

/// An authorization request (RFC 6749, section 4.1.1).
#[derive(Deserialize)]
struct Wanted {
    response_type: String,
    client_id: String,
    redirect_uri: String,
    code_challenge: String,
    code_challenge_method: String,
    #[serde(default)]
    state: String,
    nonce: Option<String>,
}

impl Wanted {
    /// What is wrong with it. Never told to the redirect URI, which may be what is wrong.
    fn fault(&self) -> Option<&'static str> {
        let home = ["http://127.0.0.1:", "http://localhost:", "http://[::1]:"];
        let port = home.iter().find_map(|home| self.redirect_uri.strip_prefix(home)?.strip_suffix("/dashboard"));
        if self.client_id != CLIENT_ID {
            Some("client_id must be dashboard")
        } else if port.is_none_or(|port| port.parse::<u16>().is_err()) {
            Some("redirect_uri must be the dashboard on this machine")
        } else if self.response_type != "code" {
            Some("response_type must be code")
        } else if self.code_challenge_method != "S256" || self.code_challenge.len() != 43 {
            Some("PKCE with S256 is required")
        } else if self.state.len() > 512 || self.nonce.as_ref().is_some_and(|nonce| nonce.len() > 512) {
            Some("state and nonce are at most 512 characters")
        } else {
            None
        }
    }
}

async fn page(wanted: Query<Wanted>) -> Response {
    const PAGE: &str = include_str!("../../../../web/dev-sign-in.html");
    if let Some(fault) = wanted.fault() {
        return (StatusCode::BAD_REQUEST, format!("{fault}\n")).into_response();
    }
    // The form is answered with a redirect, which browsers hold against `form-action` too.
    let policy = format!(
        "default-src 'none'; style-src 'self'; form-action 'self' {}; base-uri 'none'; frame-ancestors 'none'",
        wanted.redirect_uri
    );
    let mut response = Html(PAGE).into_response();
    if let Ok(policy) = HeaderValue::try_from(policy) {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

#[derive(Deserialize)]
struct Chosen {
    account: String,
}

/// The page's form: sent to the address of the page, whose query is the authorization request.
async fn authorize(
    State(DevIssuer(inner)): State<DevIssuer>,
    Query(wanted): Query<Wanted>,
    Form(chosen): Form<Chosen>,
) -> Response {
    if let Some(fault) = wanted.fault() {
        return (StatusCode::BAD_REQUEST, format!("{fault}\n")).into_response();
    }
    let Ok(account) = chosen.account.trim().parse::<AccountId>() else {
        let rule = "An account's name is 1 to 64 letters, digits, dots, dashes or underscores.\n";
        return (StatusCode::BAD_REQUEST, rule).into_response();
    };
    let Wanted { redirect_uri, code_challenge, state, nonce, .. } = wanted;
    let code = inner.codes.give(Grant { account, redirect_uri: redirect_uri.clone(), code_challenge, nonce });
    match Url::parse_with_params(&redirect_uri, [("code", code), ("state", state)]) {
        Ok(back) => (StatusCode::SEE_OTHER, [(LOCATION, String::from(back))]).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// A token request (RFC 6749, section 4.1.3).
#[derive(Deserialize)]
struct Exchange {
    grant_type: String,
    code: String,
    redirect_uri: String,
    client_id: String,
    code_verifier: String,
}

async fn token(State(DevIssuer(inner)): State<DevIssuer>, Form(exchange): Form<Exchange>) -> Response {
    let mut response = match redeem(&inner, exchange) {
        Ok(tokens) => Json(tokens).into_response(),
        // RFC 6749, section 5.2.
        Err(error) => (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response(),
    };
    // Whoever opened the dashboard as `localhost` asks from another origin. What guards the tokens is PKCE.
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn redeem(inner: &Inner, exchange: Exchange) -> Result<Value, &'static str> {
    if exchange.grant_type != "authorization_code" {
        return Err("unsupported_grant_type");
    }
    if exchange.client_id != CLIENT_ID {
        return Err("invalid_client");
    }
    let grant = inner.codes.take(&exchange.code).ok_or("invalid_grant")?;
    if grant.redirect_uri != exchange.redirect_uri || !grant.is_proven_by(&exchange.code_verifier) {
        return Err("invalid_grant");
    }
    let tokens = inner.key.sign_in(&inner.url, &grant.account, grant.nonce.as_deref());
    tokens.map_err(|_| "server_error")
}
