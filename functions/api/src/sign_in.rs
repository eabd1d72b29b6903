//! `GET /v1/sign-in`.

use crate::App;
use crate::error::ApiError;
use crate::openapi::NoSignIn;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use service::ServiceError;
use utoipa::ToSchema;

/// How a browser signs in: OpenID Connect, authorization code with PKCE (RFC 7636), as a public client.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignInAnswer {
    client_id: String,
    authorization_endpoint: String,
    token_endpoint: String,
    end_session_endpoint: Option<String>,
    /// The scope to ask for.
    scope: &'static str,
    /// Whether this is the embedded development issuer, which takes anyone's word.
    development: bool,
}

/// Learn how people sign in. Needs no key.
#[utoipa::path(
    get,
    path = "/v1/sign-in",
    tag = "account",
    security(()),
    responses((status = 200, description = "What a browser needs to know.", body = SignInAnswer), NoSignIn)
)]
pub async fn get(State(app): State<App>) -> Result<Json<SignInAnswer>, ApiError> {
    let provider = app.authenticate.provider().await?;
    let (settings, provider) = app.sign_in.zip(provider).ok_or(ServiceError::NoSignIn)?;
    Ok(Json(SignInAnswer {
        client_id: settings.client_id,
        authorization_endpoint: provider.authorization_endpoint.clone(),
        token_endpoint: provider.token_endpoint.clone(),
        end_session_endpoint: provider.end_session_endpoint.clone(),
        scope: "openid",
        development: settings.development,
    }))
}
