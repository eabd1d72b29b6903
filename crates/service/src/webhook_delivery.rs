//! Sending an event to a webhook, signed as Standard Webhooks has it, until it is taken.

use cloud::{CloudError, WebhookMessage, Webhooks};
use fetch::Poster;
use scan::TraceContext;
use std::time::Duration;
use time::OffsetDateTime;

/// How long an event is tried, and how long a webhook may fail before it is given up.
const GIVEN_UP_AFTER: time::Duration = time::Duration::DAY;
/// The pause after the first try; each later one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);

/// Sending events to webhooks.
#[derive(Debug, Clone)]
pub struct WebhookDelivery {
    webhooks: Webhooks,
    poster: Poster,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivered {
    /// It was taken.
    Taken,
    /// It will not be sent: the webhook is gone or disabled, or has not taken it for a day.
    Dropped,
    /// It is to be tried again after a pause.
    Later(Duration),
}

impl WebhookDelivery {
    /// How long a webhook may take to answer.
    pub const PATIENCE: Duration = Duration::from_secs(10);

    /// Sends to `webhooks` through `poster`.
    pub fn new(webhooks: Webhooks, poster: Poster) -> Self {
        Self { webhooks, poster }
    }

    /// Sends an event for the `attempt`th time (from 1), as the operation `trace`.
    pub async fn send(
        &self,
        message: &WebhookMessage,
        attempt: u32,
        trace: TraceContext,
        now: OffsetDateTime,
    ) -> Result<Delivered, CloudError> {
        let WebhookMessage { account, webhook: id, id: event, event: body, since, .. } = message;
        let Some(webhook) = self.webhooks.get(account, id).await?.filter(|w| w.disabled_at.is_none()) else {
            return Ok(Delivered::Dropped);
        };
        let timestamp = now.unix_timestamp();
        let signatures: Vec<_> = webhook.signing(now).map(|secret| secret.sign(event, timestamp, body)).collect();
        let headers = [
            ("content-type", "application/json".to_owned()),
            ("traceparent", trace.to_string()),
            ("webhook-id", event.clone()),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", signatures.join(" ")),
        ];
        let sent = self.poster.post(&webhook.url, &headers, body.clone()).await;
        match sent {
            Ok(200..=299) => {
                if webhook.failing_since.is_some() {
                    self.webhooks.note_success(account, id).await?;
                }
                return Ok(Delivered::Taken);
            }
            // "Gone": the receiver wants no more (Standard Webhooks, "Delivery success and failure").
            Ok(410) => {
                tracing::info!(%account, webhook = %id, "a webhook is gone and was disabled");
                self.webhooks.disable(account, id, now).await?;
                return Ok(Delivered::Dropped);
            }
            Ok(status) => tracing::info!(%account, webhook = %id, event, status, attempt, "a webhook refused an event"),
            Err(error) => tracing::info!(%account, webhook = %id, event, %error, attempt, "a webhook did not answer"),
        }
        let failing = self.webhooks.note_failure(account, id, now).await?;
        if failing.and_then(|webhook| webhook.failing_since).is_some_and(|since| now - since >= GIVEN_UP_AFTER) {
            tracing::warn!(%account, webhook = %id, "a webhook failed for a day and was disabled");
            self.webhooks.disable(account, id, now).await?;
            return Ok(Delivered::Dropped);
        }
        if now - *since >= GIVEN_UP_AFTER {
            return Ok(Delivered::Dropped);
        }
        Ok(Delivered::Later(pause(attempt)))
    }
}

/// The pause after the `attempt`th try.
fn pause(attempt: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(2u32.saturating_pow(attempt.saturating_sub(1).min(16))).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_from_five_seconds_to_an_hour() {
        let seconds: Vec<u64> = (1..=12).map(|attempt| pause(attempt).as_secs()).collect();
        assert_eq!(seconds, [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]);
        assert_eq!(pause(u32::MAX), LONGEST_PAUSE);
    }
}
