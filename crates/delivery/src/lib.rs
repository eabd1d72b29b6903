//! What queues deliver, message by message: the messages of a batch are handled side by side, and only those that were
//! not done with come again (SQS partial batch responses).

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures::future::join_all;
use scan::TraceContext;
use std::time::Duration;
use time::OffsetDateTime;

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handled {
    /// It is not needed any more.
    Done,
    /// It is to be delivered again.
    Again,
}

/// Handles each message of a batch.
pub async fn each<'a, F>(event: &'a SqsEvent, handle: impl Fn(&'a SqsMessage) -> F) -> SqsBatchResponse
where
    F: Future<Output = Handled>,
{
    let outcomes = join_all(event.records.iter().map(handle)).await;
    let again = event.records.iter().zip(outcomes).filter(|(_, handled)| *handled == Handled::Again);
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = again
        .map(|(message, _)| {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = id(message).to_owned();
            failure
        })
        .collect();
    response
}

/// The message's id, the same however often it is delivered.
pub fn id(message: &SqsMessage) -> &str {
    message.message_id.as_deref().unwrap_or_default()
}

/// What was sent.
pub fn body(message: &SqsMessage) -> &str {
    message.body.as_deref().unwrap_or_default()
}

/// How often it has been delivered, this time included.
pub fn deliveries(message: &SqsMessage) -> u32 {
    message.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1)
}

/// How long ago it was sent, where the queue tells.
pub fn age(message: &SqsMessage, now: OffsetDateTime) -> Option<Duration> {
    let sent: i128 = message.attributes.get("SentTimestamp")?.parse().ok()?;
    let milliseconds = now.unix_timestamp_nanos() / 1_000_000 - sent;
    Some(Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0)))
}

/// The operation that sent it, where its sender tells: in the message attribute `traceparent`, or as X-Ray's header. A
/// new trace otherwise.
pub fn trace(message: &SqsMessage) -> TraceContext {
    let attribute = message.message_attributes.get("traceparent");
    let told = attribute.and_then(|attribute| attribute.string_value.as_deref()?.parse().ok());
    let xray = || TraceContext::of_xray(message.attributes.get("AWSTraceHeader")?);
    told.or_else(xray).unwrap_or_default()
}
