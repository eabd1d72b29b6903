//! The inference function: stage jobs from SQS, with partial batch responses, so that only the jobs that failed are
//! delivered again.

pub mod config;
pub mod load;
pub mod metrics;
pub mod pack_bucket;

pub use config::Config;
pub use metrics::Meter;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use delivery::Handled;
use metrics::Measured;
use scan::StageJob;
use service::Inference;
use std::time::Instant;
use time::OffsetDateTime;

/// How often a job is delivered before it goes to the dead-letter queue: `maxReceiveCount` of the queues.
pub const MAX_DELIVERIES: u32 = 3;

/// Runs the jobs of a batch side by side, so that the engine can batch them in turn, and names those that failed.
pub async fn handle(inference: &Inference, meter: Meter, event: SqsEvent) -> SqsBatchResponse {
    let batch = event.records.len();
    delivery::each(&event, |message| run(inference, meter, message, batch)).await
}

async fn run(inference: &Inference, meter: Meter, message: &SqsMessage, batch: usize) -> Handled {
    let Ok(job) = serde_json::from_str::<StageJob>(delivery::body(message)) else {
        // Nothing here says whose scan it is. It ends among the dead letters, where finalize tells of it and drops it.
        tracing::error!(message = delivery::id(message), "a message is no stage job");
        return Handled::Again;
    };
    let (started, queue_age) = (Instant::now(), delivery::age(message, OffsetDateTime::now_utc()));
    let done = inference.run(&job, delivery::deliveries(message) >= MAX_DELIVERIES).await;
    let (latency, failed) = (started.elapsed(), done.is_err());
    meter.tell(Measured { stage: job.stage, latency, queue_age, batch, failed });
    match done {
        Ok(()) => Handled::Done,
        Err(error) => {
            tracing::warn!(scan = %job.scan, stage = %job.stage, %error, "a job failed and will be tried again");
            Handled::Again
        }
    }
}
