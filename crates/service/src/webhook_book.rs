//! Where an account wants its events sent.

use crate::{ServiceError, json};
use cloud::{Webhook, Webhooks};
use fetch::Poster;
use scan::{AccountId, WebhookId};
use serde::Deserialize;
use time::OffsetDateTime;

/// A URL that may be sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookUrl(String);

#[derive(Deserialize)]
struct Body {
    url: Option<String>,
}

/// Making, listing and removing webhooks.
#[derive(Debug, Clone)]
pub struct WebhookBook {
    webhooks: Webhooks,
    poster: Poster,
}

impl WebhookBook {
    /// The most webhooks of an account. Requests at the same moment may exceed it by one or two.
    pub const MAX: usize = 5;

    /// Webhooks are kept in `webhooks`, and must lead where `poster` sends to.
    pub fn new(webhooks: Webhooks, poster: Poster) -> Self {
        Self { webhooks, poster }
    }

    /// Parses JSON: `{"url": "https://example.com/hook"}`.
    pub fn parse(&self, json: &[u8]) -> Result<WebhookUrl, ServiceError> {
        let body: Body = json::body(json)?;
        let url = body.url.ok_or_else(|| ServiceError::InvalidRequest("`url` is missing.".to_owned()))?;
        Ok(WebhookUrl(self.poster.admit(&url)?.url().to_string()))
    }

    /// Makes a webhook. Its secret is to be shown this once.
    pub async fn create(&self, account: &AccountId, WebhookUrl(url): WebhookUrl) -> Result<Webhook, ServiceError> {
        if self.webhooks.list(account).await?.len() >= Self::MAX {
            return Err(ServiceError::TooManyWebhooks);
        }
        let webhook = Webhook::new(url, OffsetDateTime::now_utc())?;
        self.webhooks.add(account, &webhook).await?;
        Ok(webhook)
    }

    /// The account's webhooks, oldest first.
    pub async fn list(&self, account: &AccountId) -> Result<Vec<Webhook>, ServiceError> {
        Ok(self.webhooks.list(account).await?)
    }

    /// Removes a webhook. What is on its way there is not sent any more.
    pub async fn remove(&self, account: &AccountId, id: &WebhookId) -> Result<(), ServiceError> {
        if self.webhooks.remove(account, id).await? { Ok(()) } else { Err(ServiceError::NoSuchWebhook) }
    }

    /// Gives a webhook a new secret, to be shown this once. The one before signs beside it for a day.
    pub async fn rotate(&self, account: &AccountId, id: &WebhookId) -> Result<Webhook, ServiceError> {
        self.webhooks.rotate(account, id, OffsetDateTime::now_utc()).await?.ok_or(ServiceError::NoSuchWebhook)
    }
}
