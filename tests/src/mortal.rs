//! A compiled function whose process is killed at random moments, between the event sources that feed it.

use crate::Stack;
use crate::faults::Dice;
use crate::stack::Function;
use aws_lambda_events::event::dynamodb::Event;
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use aws_lambda_events::event::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// A function of which one process runs at a time, and another when that was killed.
pub struct Mortal {
    stack: Arc<Stack>,
    name: &'static str,
    variables: Vec<(&'static str, String)>,
    dice: Arc<Dice>,
    life: Duration,
    process: Mutex<Option<Function>>,
    deaths: AtomicUsize,
}

impl Mortal {
    /// The function `name` with these further variables. In one invocation of seven its process is killed within `life` of
    /// being handed the event; in one of ten the answer is lost.
    pub fn new(
        stack: &Arc<Stack>,
        name: &'static str,
        variables: &[(&'static str, String)],
        dice: &Arc<Dice>,
        life: Duration,
    ) -> Arc<Self> {
        Arc::new(Self {
            stack: stack.clone(),
            name,
            variables: variables.to_vec(),
            dice: dice.clone(),
            life,
            process: Mutex::new(None),
            deaths: AtomicUsize::new(0),
        })
    }

    /// How often its process was killed.
    pub fn deaths(&self) -> usize {
        self.deaths.load(Ordering::Relaxed)
    }

    /// Hands it an event. No answer: the process was killed, its answer was lost, or it is an error.
    pub async fn invoke(&self, event: Value) -> Option<Value> {
        let mut process = self.process.lock().await;
        let function = match process.take() {
            Some(function) => function,
            None => self.stack.function_with(self.name, &self.variables).await,
        };
        let life = if self.dice.fall(14) { self.dice.duration(self.life) } else { Duration::MAX };
        let Ok(answer) = tokio::time::timeout(life, function.attempt(event)).await else {
            function.kill().await;
            self.deaths.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        *process = Some(function);
        answer.filter(|_| !self.dice.fall(10))
    }

    /// As the event source mapping of a queue does: without an answer, the whole batch comes again.
    pub async fn batch(&self, event: SqsEvent) -> SqsBatchResponse {
        let ids: Vec<_> = event.records.iter().filter_map(|record| record.message_id.clone()).collect();
        match self.invoke(serde_json::to_value(event).unwrap()).await {
            Some(answer) => serde_json::from_value(answer).unwrap(),
            None => {
                let mut response = SqsBatchResponse::default();
                ids.into_iter().for_each(|id| response.add_failure(id));
                response
            }
        }
    }

    /// As the event source mapping of a table's stream does: without an answer, the batch is read again from its first
    /// record on.
    pub async fn changes(&self, event: Event) -> DynamoDbEventResponse {
        let first = event.records[0].change.sequence_number.clone();
        match self.invoke(serde_json::to_value(event).unwrap()).await {
            Some(answer) => serde_json::from_value(answer).unwrap(),
            None => failed_at(first),
        }
    }
}

/// The batch is to be read again from this record on.
pub fn failed_at(first: Option<String>) -> DynamoDbEventResponse {
    let mut failure = DynamoDbBatchItemFailure::default();
    failure.item_identifier = first;
    let mut response = DynamoDbEventResponse::default();
    response.batch_item_failures = vec![failure];
    response
}
