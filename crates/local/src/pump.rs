//! The event source between a queue and a handler: what Lambda's SQS event source mapping does in AWS.
//!
//! Receives batches, hands them to the handler as an SQS event, deletes what the handler did not report as failed,
//! and leaves the rest to the visibility timeout.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage, SqsMessageAttribute};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageAttributeValue, MessageSystemAttributeName};
use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};

/// Batches of one queue that are handled at a time.
const CONCURRENT_BATCHES: usize = 8;
/// Seconds that a receive waits for a message.
const LONG_POLL: i32 = 2;

/// Pumps `queue` into `handler` until `stop` is set, then lets the batches under way finish.
pub async fn pump<H, F>(client: Client, queue: String, handler: H, mut stop: watch::Receiver<bool>)
where
    H: Fn(SqsEvent) -> F + Send + Sync + 'static,
    F: Future<Output = SqsBatchResponse> + Send,
{
    let (handler, places) = (Arc::new(handler), Arc::new(Semaphore::new(CONCURRENT_BATCHES)));
    while !*stop.borrow() {
        let Ok(place) = places.clone().acquire_owned().await else { break };
        let messages = tokio::select! {
            messages = receive(&client, &queue) => messages,
            _ = stop.changed() => break,
        };
        if messages.is_empty() {
            continue;
        }
        let (client, queue, handler) = (client.clone(), queue.clone(), handler.clone());
        tokio::spawn(async move {
            let response = handler(event(&messages)).await;
            delete(&client, &queue, &messages, &response).await;
            drop(place);
        });
    }
    // Every place free again: nothing is under way.
    let _ = places.acquire_many(CONCURRENT_BATCHES as u32).await;
}

async fn receive(client: &Client, queue: &str) -> Vec<Message> {
    let receive = client
        .receive_message()
        .queue_url(queue)
        .max_number_of_messages(10)
        .wait_time_seconds(LONG_POLL)
        .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
        .message_attribute_names("traceparent");
    match receive.send().await {
        Ok(output) => output.messages.unwrap_or_default(),
        Err(error) => {
            tracing::warn!(error = %aws_sdk_sqs::error::DisplayErrorContext(error), "receiving failed");
            tokio::time::sleep(Duration::from_millis(500)).await;
            Vec::new()
        }
    }
}

fn event(messages: &[Message]) -> SqsEvent {
    let records = messages.iter().map(|message| {
        let mut record = SqsMessage::default();
        record.message_id = message.message_id.clone();
        record.receipt_handle = message.receipt_handle.clone();
        record.body = message.body.clone();
        let attributes = message.attributes.iter().flatten();
        record.attributes = attributes.map(|(name, value)| (name.as_str().to_owned(), value.clone())).collect();
        let told = message.message_attributes.iter().flatten();
        record.message_attributes = told.map(|(name, value)| (name.clone(), attribute(value))).collect();
        record
    });
    let mut event = SqsEvent::default();
    event.records = records.collect();
    event
}

fn attribute(value: &MessageAttributeValue) -> SqsMessageAttribute {
    let mut attribute = SqsMessageAttribute::default();
    attribute.data_type = Some(value.data_type.clone());
    attribute.string_value = value.string_value.clone();
    attribute
}

async fn delete(client: &Client, queue: &str, messages: &[Message], response: &SqsBatchResponse) {
    let failed: HashSet<&str> = response.batch_item_failures.iter().map(|f| f.item_identifier.as_str()).collect();
    let done = messages.iter().filter(|m| !failed.contains(m.message_id().unwrap_or_default()));
    let entries: Vec<_> = done
        .enumerate()
        .filter_map(|(i, message)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(i.to_string());
            entry.set_receipt_handle(message.receipt_handle.clone()).build().ok()
        })
        .collect();
    if entries.is_empty() {
        return;
    }
    let delete = client.delete_message_batch().queue_url(queue).set_entries(Some(entries));
    if let Err(error) = delete.send().await {
        // They will be delivered again, which costs one read each.
        tracing::warn!(error = %aws_sdk_sqs::error::DisplayErrorContext(error), "deleting handled messages failed");
    }
}
