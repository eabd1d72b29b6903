//! `/v1/keys`: what the dashboard does with keys. A key cannot do it: one that leaked could make others.

use crate::App;
use crate::error::ApiError;
use crate::extract::{LimitedBody, Owner};
use crate::openapi::{AccountErrors, NewKeyBody, NoSuchKey};
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use cloud::KeyInfo;
use scan::KeyId;
use serde::Serialize;
use service::{KeyName, ServiceError};
use time::OffsetDateTime;
use utoipa::ToSchema;

/// What may be known of a key.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyAnswer {
    id: String,
    name: String,
    /// The key's first characters, to recognise it by.
    prefix: String,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = "date-time")]
    created_at: OffsetDateTime,
    /// To within ten minutes.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = "date-time")]
    last_used_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = "date-time")]
    revoked_at: Option<OffsetDateTime>,
}

/// A new key.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewKeyAnswer {
    #[serde(flatten)]
    known: KeyAnswer,
    /// The key itself: shown this once.
    key: String,
}

/// An account's keys.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeysAnswer {
    /// Oldest first. Revoked keys are shown for thirty days.
    keys: Vec<KeyAnswer>,
}

/// List the account's keys.
#[utoipa::path(
    get,
    path = "/v1/keys",
    tag = "account",
    security(("sign_in" = [])),
    responses((status = 200, description = "The keys.", body = KeysAnswer), AccountErrors)
)]
pub async fn list(State(app): State<App>, Owner(account): Owner) -> Result<Json<KeysAnswer>, ApiError> {
    let keys = app.key_ring.list(&account.id).await?;
    Ok(Json(KeysAnswer { keys: keys.into_iter().map(KeyAnswer::from).collect() }))
}

/// Make a key.
///
/// An account has at most 20 active ones.
#[utoipa::path(
    post,
    path = "/v1/keys",
    tag = "account",
    request_body = NewKeyBody,
    security(("sign_in" = [])),
    responses((status = 201, description = "The key, shown this once.", body = NewKeyAnswer), AccountErrors)
)]
pub async fn create(
    State(app): State<App>,
    Owner(account): Owner,
    LimitedBody(body): LimitedBody,
) -> Result<(StatusCode, Json<NewKeyAnswer>), ApiError> {
    let (key, known) = app.key_ring.create(&account.id, &KeyName::parse(&body)?).await?;
    let answer = NewKeyAnswer { known: KeyAnswer::from(known), key: key.reveal().to_owned() };
    Ok((StatusCode::CREATED, Json(answer)))
}

/// Revoke a key.
///
/// The next request with it is refused.
#[utoipa::path(
    delete,
    path = "/v1/keys/{id}",
    tag = "account",
    params(("id" = String, Path, description = "The key's id: not the key.")),
    security(("sign_in" = [])),
    responses((status = 204, description = "It opens nothing any more."), AccountErrors, NoSuchKey)
)]
pub async fn revoke(
    State(app): State<App>,
    Owner(account): Owner,
    path: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, ApiError> {
    let Path(id) = path.map_err(|_| ServiceError::NoSuchKey)?;
    let id = KeyId::try_from(id).map_err(|_| ServiceError::NoSuchKey)?;
    app.key_ring.revoke(&account.id, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<KeyInfo> for KeyAnswer {
    fn from(key: KeyInfo) -> Self {
        let KeyInfo { id, name, hint, created_at, last_used_at, revoked_at, .. } = key;
        Self { id: id.to_string(), name, prefix: hint, created_at, last_used_at, revoked_at }
    }
}
