//! The inference function: stage jobs from SQS, with partial batch responses, so that only the jobs that failed are
//! delivered again.

pub mod config;
pub mod load;
pub mod pack_bucket;

pub use config::Config;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use delivery::Handled;
use scan::StageJob;
use service::Inference;

/// How often a job is delivered before it goes to the dead-letter queue: `maxReceiveCount` of the queues.
pub const MAX_DELIVERIES: u32 = 3;

/// Runs the jobs of a batch side by side, so that the engine can batch them in turn, and names those that failed.
pub async fn handle(inference: &Inference, event: SqsEvent) -> SqsBatchResponse {
    delivery::each(&event, |message| run(inference, message)).await
}

async fn run(inference: &Inference, message: &SqsMessage) -> Handled {
    let Ok(job) = serde_json::from_str::<StageJob>(delivery::body(message)) else {
        // Nothing here says whose scan it is. It ends among the dead letters, where finalize tells of it and drops it.
        tracing::error!(message = delivery::id(message), "a message is no stage job");
        return Handled::Again;
    };
    match inference.run(&job, delivery::deliveries(message) >= MAX_DELIVERIES).await {
        Ok(()) => Handled::Done,
        Err(error) => {
            tracing::warn!(scan = %job.scan, stage = %job.stage, %error, "a job failed and will be tried again");
            Handled::Again
        }
    }
}
