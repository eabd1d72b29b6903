//! The inference function: stage jobs from SQS, with partial batch responses, so that only the jobs that failed are
//! delivered again.

pub mod config;
pub mod load;
pub mod pack_bucket;

pub use config::Config;

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures::future::join_all;
use scan::StageJob;
use service::Inference;

/// How often a job is delivered before it goes to the dead-letter queue: `maxReceiveCount` of the queues.
pub const MAX_DELIVERIES: u32 = 3;

/// Runs the jobs of a batch side by side, so that the engine can batch them in turn, and names those that failed.
pub async fn handle(inference: &Inference, event: SqsEvent) -> SqsBatchResponse {
    let outcomes = join_all(event.records.iter().map(|message| run(inference, message))).await;
    let failed = event.records.iter().zip(outcomes).filter(|(_, done)| !done);
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failed
        .map(|(message, _)| {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = message.message_id.clone().unwrap_or_default();
            failure
        })
        .collect();
    response
}

async fn run(inference: &Inference, message: &SqsMessage) -> bool {
    let id = message.message_id.as_deref().unwrap_or_default();
    let Ok(job) = serde_json::from_str::<StageJob>(message.body.as_deref().unwrap_or_default()) else {
        // Nothing here says whose scan it is; the dead-letter queue keeps it for people to look at.
        tracing::error!(message = id, "a message is no stage job");
        return false;
    };
    match inference.run(&job, deliveries(message) >= MAX_DELIVERIES).await {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(scan = %job.scan, stage = %job.stage, %error, "a job failed and will be tried again");
            false
        }
    }
}

/// How often this message has been delivered, this time included.
fn deliveries(message: &SqsMessage) -> u32 {
    message.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1)
}
