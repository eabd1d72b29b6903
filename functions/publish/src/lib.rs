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
use std::time::{Duration, Instant};
use telemetry::{Measurement, Meter};
use time::OffsetDateTime;
use tracing::Instrument;

/// Everything that the function does.
#[derive(Debug, Clone)]
pub struct Publisher {
    /// Telling of scans.
    pub publish: Publish,
    /// Sending to webhooks.
    pub delivery: WebhookDelivery,
    /// Where events wait to be sent to webhooks.
    pub queue: WebhookQueue,
    /// What is told of the function itself.
    pub meter: Meter,
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
    let trace = scan.trace.child();
    let work = async {
        let told = publisher.publish.tell(&scan, trace).await;
        match &told {
            Ok(Some(event)) => tracing::info!(account = %scan.account, event = event.id, "told of a scan"),
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "telling of a scan failed and will be tried again"),
        }
        told
    };
    let told = work.instrument(telemetry::operation(trace, Some(scan.id))).await;
    let measured =
        Measurement::of("Function", "publish").property("scan_id", scan.id).property("trace_id", trace.trace_id());
    match &told {
        Ok(Some(event)) => {
            // From the change of the scan until the world knew. Clocks of different machines may differ a little.
            let lag = Duration::try_from(OffsetDateTime::now_utc() - event.time).unwrap_or_default();
            publisher.meter.tell(measured.count("Events", 1).duration("Lag", lag).property("event", &event.id));
        }
        Ok(None) => {}
        Err(_) => publisher.meter.tell(measured.count("Failures", 1)),
    }
    told.is_ok()
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
    let trace = webhook.trace.child();
    let work = async {
        let sent =
            publisher.delivery.send(&webhook, delivery::deliveries(message), trace, OffsetDateTime::now_utc()).await;
        match &sent {
            Ok(Delivered::Taken | Delivered::Dropped) => {}
            Ok(Delivered::Later(pause)) => {
                let receipt = message.receipt_handle.as_deref().unwrap_or_default();
                if let Err(error) = publisher.queue.put_off(receipt, *pause).await {
                    // Then it comes again after the queue's own visibility timeout.
                    tracing::warn!(event = webhook.id, %error, "a webhook could not be put off");
                }
            }
            Err(error) => {
                tracing::warn!(event = webhook.id, %error, "sending to a webhook failed and will be tried again");
            }
        }
        sent
    };
    let started = Instant::now();
    let sent = work.instrument(telemetry::operation(trace, webhook.scan)).await;
    let (metric, handled) = match sent {
        Ok(Delivered::Taken) => ("WebhooksTaken", Handled::Done),
        Ok(Delivered::Dropped) => ("WebhooksDropped", Handled::Done),
        Ok(Delivered::Later(_)) => ("WebhooksPutOff", Handled::Again),
        Err(_) => ("Failures", Handled::Again),
    };
    let measured = Measurement::of("Function", "publish")
        .count(metric, 1)
        .duration("WebhookLatency", started.elapsed())
        .property("event", &webhook.id) // begins with the scan's id
        .property("trace_id", trace.trace_id());
    publisher.meter.tell(measured);
    handled
}
