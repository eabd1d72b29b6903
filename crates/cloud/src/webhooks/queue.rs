//! The queue of events on their way to webhooks.

use crate::CloudError;
use aws_sdk_sqs::Client;
use scan::{AccountId, ScanId, TraceContext, WebhookId};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use time::OffsetDateTime;

/// Messages to webhooks.
#[derive(Debug, Clone)]
pub struct WebhookQueue {
    client: Client,
    queue: String,
}

/// One event for one webhook. It holds no content, as the event does not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WebhookMessage {
    /// Whose webhook.
    pub account: AccountId,
    /// Which.
    pub webhook: WebhookId,
    /// The scan that it tells of; `None` in messages of a version that did not say.
    #[serde(default)]
    pub scan: Option<ScanId>,
    /// The operation that sends it.
    #[serde(default)]
    pub trace: TraceContext,
    /// The event's id.
    pub id: String,
    /// The event as JSON: the body to be sent.
    pub event: String,
    /// When it was to be sent first.
    #[serde(with = "time::serde::rfc3339")]
    pub since: OffsetDateTime,
}

impl WebhookQueue {
    /// The queue of that URL.
    pub fn new(client: Client, queue: String) -> Self {
        Self { client, queue }
    }

    /// Queues an event for a webhook.
    pub async fn send(&self, message: &WebhookMessage) -> Result<(), CloudError> {
        let body = serde_json::to_string(message).map_err(|e| CloudError::Data(e.to_string()))?;
        let send = self.client.send_message().queue_url(&self.queue).message_body(body);
        send.send().await.map(drop).map_err(CloudError::of("queue webhook"))
    }

    /// Has a received message delivered again after `pause`, at most twelve hours.
    pub async fn put_off(&self, receipt: &str, pause: Duration) -> Result<(), CloudError> {
        const LONGEST: u64 = 12 * 60 * 60;
        let change = self
            .client
            .change_message_visibility()
            .queue_url(&self.queue)
            .receipt_handle(receipt)
            .visibility_timeout(pause.as_secs().min(LONGEST) as i32);
        change.send().await.map(drop).map_err(CloudError::of("put a webhook off"))
    }
}
