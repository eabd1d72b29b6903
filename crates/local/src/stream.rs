//! The event source between a table's stream and a handler: what Lambda's DynamoDB event source mapping does in AWS.
//!
//! Reads records in their order, hands them to the handler, and writes down how far it has come: what was not handled
//! when the process died is handled by the next.

use aws_lambda_events::event::dynamodb::{Event, EventRecord, StreamRecord};
use aws_lambda_events::event::streams::DynamoDbEventResponse;
use aws_sdk_dynamodbstreams::Client;
use aws_sdk_dynamodbstreams::error::DisplayErrorContext;
use aws_sdk_dynamodbstreams::types::{Record, ShardIteratorType};
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::watch;

/// Records of a batch.
const BATCH: i32 = 100;
/// The pause after everything was read, and after a failure.
const PAUSE: Duration = Duration::from_millis(200);

/// A stream, and how far it was read.
#[derive(Debug)]
pub struct Stream {
    client: Client,
    table: String,
    /// Holds the sequence number of the last record that was handled.
    position: PathBuf,
}

impl Stream {
    /// The stream of `table`. How far it was read is kept in the file `position`.
    pub fn new(client: Client, table: String, position: PathBuf) -> Self {
        Self { client, table, position }
    }

    /// Pumps records into `handler` until `stop` is set and everything is read.
    pub async fn pump<H, F>(self, handler: H, stop: watch::Receiver<bool>)
    where
        H: Fn(Event) -> F + Send,
        F: Future<Output = DynamoDbEventResponse> + Send,
    {
        let mut iterator = None;
        loop {
            // Looked at before reading, so that what was written before the stop is read after it.
            let stopping = *stop.borrow();
            match self.step(&mut iterator, &handler).await {
                Ok(0) if stopping => return,
                Ok(0) => tokio::time::sleep(PAUSE).await,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(error, "reading a stream failed");
                    iterator = None;
                    if stopping {
                        return;
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Handles a batch; how many records it had. The embedded stream has one shard.
    async fn step<H, F>(&self, iterator: &mut Option<String>, handler: &H) -> Result<usize, String>
    where
        H: Fn(Event) -> F,
        F: Future<Output = DynamoDbEventResponse>,
    {
        let at = match iterator.take() {
            Some(at) => at,
            None => self.iterator().await?,
        };
        let read = self.client.get_records().shard_iterator(at).limit(BATCH).send().await.map_err(told)?;
        let records = read.records.unwrap_or_default();
        let sequence: Vec<_> = records.iter().map(|r| sequence_number(r).unwrap_or_default().to_owned()).collect();
        if records.is_empty() {
            *iterator = read.next_shard_iterator;
            return Ok(0);
        }
        let mut event = Event::default();
        event.records = records.into_iter().map(record).collect();
        let response = handler(event).await;
        let failed = response.batch_item_failures.first().and_then(|failure| failure.item_identifier.clone());
        let handled =
            failed.as_ref().map_or(sequence.len(), |failed| sequence.iter().take_while(|s| *s != failed).count());
        if let Some(last) = sequence[..handled].last() {
            tokio::fs::write(&self.position, last).await.map_err(|error| error.to_string())?;
        }
        match failed {
            None => *iterator = read.next_shard_iterator,
            // Read again from there, after a pause.
            Some(_) => tokio::time::sleep(PAUSE).await,
        }
        Ok(sequence.len())
    }

    async fn iterator(&self) -> Result<String, String> {
        let streams = self.client.list_streams().table_name(&self.table).send().await.map_err(told)?;
        let arn = streams.streams().first().and_then(|stream| stream.stream_arn()).ok_or("the table has no stream")?;
        let described = self.client.describe_stream().stream_arn(arn).send().await.map_err(told)?;
        let shard = described.stream_description().and_then(|stream| stream.shards().first()?.shard_id());
        let get = self.client.get_shard_iterator().stream_arn(arn).shard_id(shard.ok_or("the stream has no shard")?);
        let get = match tokio::fs::read_to_string(&self.position).await {
            Ok(last) => get.shard_iterator_type(ShardIteratorType::AfterSequenceNumber).sequence_number(last.trim()),
            Err(_) => get.shard_iterator_type(ShardIteratorType::TrimHorizon),
        };
        let got = get.send().await.map_err(told)?;
        got.shard_iterator.ok_or_else(|| "the stream gave no iterator".to_owned())
    }
}

fn told<E: std::error::Error>(error: E) -> String {
    DisplayErrorContext(error).to_string()
}

fn sequence_number(record: &Record) -> Option<&str> {
    record.dynamodb()?.sequence_number()
}

/// A record as Lambda hands it over.
fn record(record: Record) -> EventRecord {
    let mut handed = EventRecord::default();
    let mut change = StreamRecord::default();
    if let Some(found) = record.dynamodb {
        change.keys = found.keys.unwrap_or_default().into();
        change.new_image = found.new_image.unwrap_or_default().into();
        change.sequence_number = found.sequence_number;
        change.size_bytes = found.size_bytes.unwrap_or_default();
    }
    handed.change = change;
    handed.event_id = record.event_id.unwrap_or_default();
    handed.event_name = record.event_name.map(|name| name.as_str().to_owned()).unwrap_or_default();
    handed.event_source = Some("aws:dynamodb".to_owned());
    handed
}
