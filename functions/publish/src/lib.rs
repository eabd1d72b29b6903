//! The publish function: changes of the scans table, from its stream, and events on their way to webhooks, from a queue.

pub mod config;

pub use config::Config;

use aws_lambda_events::event::dynamodb::{Event as StreamEvent, EventRecord};
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use aws_lambda_events::event::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use cloud::{WebhookMessage, WebhookQueue};
use delivery::Handled;
use serde_json::Value;
use service::{Delivered, Publish, WebhookDelivery};
use time::OffsetDateTime;

/// Everything that the function does.
#[derive(Debug, Clone)]
pub struct Publisher {
    /// Telling of scans.
    pub publish: Publish,
    /// Sending to webhooks.
    pub delivery: WebhookDelivery,
    /// Where events wait to be sent to webhooks.
    pub queue: WebhookQueue,
}

/// The event comes from neither source.
#[derive(Debug, thiserror::Error)]
#[error("neither a DynamoDB stream event nor an SQS event: {0}")]
pub struct UnknownEvent(#[from] serde_json::Error);

/// Handles an event from either source, and answers in its terms.
pub async fn handle(publisher: &Publisher, event: Value) -> Result<Value, UnknownEvent> {
    if event["Records"][0]["eventSource"] == "aws:dynamodb" {
        let response = tell(publisher, serde_json::from_value(event)?).await;
        return Ok(serde_json::to_value(response)?);
    }
    Ok(serde_json::to_value(deliver(publisher, serde_json::from_value(event)?).await)?)
}

/// Tells of the scans in a batch of stream records, in their order. At the first that fails it stops: the stream is read
/// again from there.
pub async fn tell(publisher: &Publisher, event: StreamEvent) -> DynamoDbEventResponse {
    let mut response = DynamoDbEventResponse::default();
    for record in event.records {
        let sequence_number = record.change.sequence_number.clone();
        if !tell_of(publisher, record).await {
            let mut failure = DynamoDbBatchItemFailure::default();
            failure.item_identifier = sequence_number;
            response.batch_item_failures = vec![failure];
            break;
        }
    }
    response
}

async fn tell_of(publisher: &Publisher, record: EventRecord) -> bool {
    if record.event_name == "REMOVE" {
        return true;
    }
    let scan = match cloud::scans::from_image(record.change.new_image) {
        Ok(scan) => scan,
        Err(error) => {
            // Trying again would hold up every scan after it.
            tracing::error!(event = record.event_id, %error, "a stream record is no scan and was passed over");
            return true;
        }
    };
    match publisher.publish.tell(&scan).await {
        Ok(Some(event)) => {
            tracing::info!(scan = %scan.id, account = %scan.account, event = event.id, "told of a scan");
            true
        }
        Ok(None) => true,
        Err(error) => {
            tracing::warn!(scan = %scan.id, %error, "telling of a scan failed and will be tried again");
            false
        }
    }
}

/// Sends the events of a batch to their webhooks. What was not taken stays in the queue, for longer each time.
pub async fn deliver(publisher: &Publisher, event: SqsEvent) -> SqsBatchResponse {
    delivery::each(&event, |message| send(publisher, message)).await
}

async fn send(publisher: &Publisher, message: &SqsMessage) -> Handled {
    let Ok(webhook) = serde_json::from_str::<WebhookMessage>(delivery::body(message)) else {
        tracing::error!(message = delivery::id(message), "a message is for no webhook and was dropped");
        return Handled::Done;
    };
    let attempt = delivery::deliveries(message);
    let sent = publisher.delivery.send(&webhook, attempt, OffsetDateTime::now_utc()).await;
    match sent {
        Ok(Delivered::Taken | Delivered::Dropped) => Handled::Done,
        Ok(Delivered::Later(pause)) => {
            let receipt = message.receipt_handle.as_deref().unwrap_or_default();
            if let Err(error) = publisher.queue.put_off(receipt, pause).await {
                // Then it comes again after the queue's own visibility timeout.
                tracing::warn!(event = webhook.id, %error, "a webhook could not be put off");
            }
            Handled::Again
        }
        Err(error) => {
            tracing::warn!(event = webhook.id, %error, "sending to a webhook failed and will be tried again");
            Handled::Again
        }
    }
}
