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
use std::time::Instant;
use telemetry::{Measurement, Meter};
use time::OffsetDateTime;
use tracing::Instrument;

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
    let trace = job.trace.child();
    let (started, queue_age) = (Instant::now(), delivery::age(message, OffsetDateTime::now_utc()));
    let work = async {
        let done = inference.run(&job, delivery::deliveries(message) >= MAX_DELIVERIES).await;
        done.inspect_err(|error| tracing::warn!(stage = %job.stage, %error, "a job failed and will be tried again"))
    };
    let done = work.instrument(telemetry::operation(trace, Some(job.scan))).await;
    let latency = started.elapsed();
    let measured = Measurement::of("Stage", job.stage)
        .duration("Latency", latency)
        .known_duration("QueueAge", queue_age)
        .count("BatchSize", batch)
        .count("Failures", usize::from(done.is_err()))
        // Jobs of a batch share the time that is paid for.
        .billed(latency / batch.max(1) as u32)
        .property("scan_id", job.scan)
        .property("trace_id", trace.trace_id());
    meter.tell(measured);
    if done.is_ok() { Handled::Done } else { Handled::Again }
}
