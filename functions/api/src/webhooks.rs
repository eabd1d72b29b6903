//! `/v1/webhooks`: where an account wants its events sent. As with keys, a key cannot say so.

use crate::App;
use crate::error::ApiError;
use crate::extract::{LimitedBody, Owner};
use crate::openapi::{AccountErrors, NewWebhookBody, NoSuchWebhook};
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use cloud::Webhook;
use scan::WebhookId;
use serde::Serialize;
use service::ServiceError;
use time::OffsetDateTime;
use utoipa::ToSchema;

/// What may be known of a webhook.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookAnswer {
    id: String,
    /// Where events are sent, by POST.
    url: String,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = "date-time")]
    created_at: OffsetDateTime,
    /// Since when every delivery has failed.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = "date-time")]
    failing_since: Option<OffsetDateTime>,
    /// When it was given up: it failed for a day, or answered 410. To use the URL again, make a new webhook.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = "date-time")]
    disabled_at: Option<OffsetDateTime>,
}

/// A webhook with its newest secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewWebhookAnswer {
    #[serde(flatten)]
    known: WebhookAnswer,
    /// What events are signed with, by Standard Webhooks: shown this once.
    secret: String,
}

/// An account's webhooks.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhooksAnswer {
    /// Oldest first.
    webhooks: Vec<WebhookAnswer>,
}

/// List the account's webhooks.
#[utoipa::path(
    get,
    path = "/v1/webhooks",
    tag = "account",
    security(("sign_in" = [])),
    responses((status = 200, description = "The webhooks.", body = WebhooksAnswer), AccountErrors)
)]
pub async fn list(State(app): State<App>, Owner(account): Owner) -> Result<Json<WebhooksAnswer>, ApiError> {
    let webhooks = app.webhook_book.list(&account.id).await?;
    Ok(Json(WebhooksAnswer { webhooks: webhooks.into_iter().map(WebhookAnswer::from).collect() }))
}

/// Have events sent somewhere.
///
/// From the next event on: a CloudEvent as JSON, signed by Standard Webhooks. What is not answered with a status from 200
/// to 299 within ten seconds is sent again, for a day. An account has at most 5 webhooks.
#[utoipa::path(
    post,
    path = "/v1/webhooks",
    tag = "account",
    request_body = NewWebhookBody,
    security(("sign_in" = [])),
    responses((status = 201, description = "The webhook, its secret shown this once.", body = NewWebhookAnswer), AccountErrors)
)]
pub async fn create(
    State(app): State<App>,
    Owner(account): Owner,
    LimitedBody(body): LimitedBody,
) -> Result<(StatusCode, Json<NewWebhookAnswer>), ApiError> {
    let webhook = app.webhook_book.create(&account.id, app.webhook_book.parse(&body)?).await?;
    Ok((StatusCode::CREATED, Json(NewWebhookAnswer::from(webhook))))
}

/// Have no more events sent there.
#[utoipa::path(
    delete,
    path = "/v1/webhooks/{id}",
    tag = "account",
    params(("id" = String, Path, description = "The webhook's id.")),
    security(("sign_in" = [])),
    responses((status = 204, description = "It is gone."), AccountErrors, NoSuchWebhook)
)]
pub async fn remove(
    State(app): State<App>,
    Owner(account): Owner,
    path: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, ApiError> {
    app.webhook_book.remove(&account.id, &webhook_id(path)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give a webhook a new secret.
///
/// For 24 hours events are signed with both, the new one first.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/rotate",
    tag = "account",
    params(("id" = String, Path, description = "The webhook's id.")),
    security(("sign_in" = [])),
    responses(
        (status = 200, description = "The webhook, its new secret shown this once.", body = NewWebhookAnswer),
        AccountErrors, NoSuchWebhook
    )
)]
pub async fn rotate(
    State(app): State<App>,
    Owner(account): Owner,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<NewWebhookAnswer>, ApiError> {
    let webhook = app.webhook_book.rotate(&account.id, &webhook_id(path)?).await?;
    Ok(Json(NewWebhookAnswer::from(webhook)))
}

fn webhook_id(path: Result<Path<String>, PathRejection>) -> Result<WebhookId, ServiceError> {
    let Path(id) = path.map_err(|_| ServiceError::NoSuchWebhook)?;
    WebhookId::try_from(id).map_err(|_| ServiceError::NoSuchWebhook)
}

impl From<Webhook> for WebhookAnswer {
    fn from(webhook: Webhook) -> Self {
        let Webhook { id, url, created_at, failing_since, disabled_at, .. } = webhook;
        Self { id: id.to_string(), url, created_at, failing_since, disabled_at }
    }
}

impl From<Webhook> for NewWebhookAnswer {
    fn from(webhook: Webhook) -> Self {
        let secret = webhook.newest_secret().map(|secret| secret.reveal()).unwrap_or_default();
        Self { known: WebhookAnswer::from(webhook), secret }
    }
}
