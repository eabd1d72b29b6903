//! The intake function: what S3 tells of objects in the uploads bucket, and messages of the moderation queue. Both come
//! through SQS, with partial batch responses.

pub mod config;
pub mod notification;

pub use config::Config;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use delivery::Handled;
use notification::Notification;
use scan::{State, TraceContext};
use service::{Intake, ServiceError, TakenIn};
use std::time::Instant;
use telemetry::{Measurement, Meter};
use time::OffsetDateTime;
use tracing::Instrument;

/// Takes in what each message is about.
pub async fn handle(intake: &Intake, meter: Meter, event: SqsEvent) -> SqsBatchResponse {
    delivery::each(&event, |message| receive(intake, meter, message)).await
}

async fn receive(intake: &Intake, meter: Meter, message: &SqsMessage) -> Handled {
    let (started, queue_age) = (Instant::now(), delivery::age(message, OffsetDateTime::now_utc()));
    let trace = delivery::trace(message).child();
    let mut tally = Tally::default();
    let work = async {
        let taken = take(intake, message, trace, &mut tally).await;
        // Only our own faults come here. Whatever is wrong with the content is a failed scan, and no error.
        let id = delivery::id(message);
        taken.inspect_err(|error| tracing::warn!(message = id, %error, "intake failed and will be tried again"))
    };
    let taken = work.instrument(telemetry::operation(trace, None)).await;
    let measured = Measurement::of("Function", "intake")
        .count("Scans", tally.scans)
        .count("Refused", tally.refused)
        .count("Repeated", tally.repeated)
        .count("Dropped", tally.dropped)
        .count("Failures", usize::from(taken.is_err()))
        .duration("Latency", started.elapsed())
        .known_duration("QueueAge", queue_age)
        .property("trace_id", trace.trace_id());
    meter.tell(measured);
    if taken.is_ok() { Handled::Done } else { Handled::Again }
}

/// What became of the contents of a message.
#[derive(Debug, Default)]
struct Tally {
    /// They are being scanned, or have been.
    scans: usize,
    /// Something is wrong with them: failed scans.
    refused: usize,
    /// They had been taken in before.
    repeated: usize,
    /// They are nobody's.
    dropped: usize,
}

async fn take(
    intake: &Intake,
    message: &SqsMessage,
    trace: TraceContext,
    tally: &mut Tally,
) -> Result<(), ServiceError> {
    let (body, id) = (delivery::body(message), delivery::id(message));
    match Notification::parse(body) {
        Some(notification) => {
            // A message may tell of several objects; those that were taken in are so still when it comes again.
            for object in notification.objects() {
                tally.report(intake.object(object, trace).await?, id);
            }
        }
        None => tally.report(intake.message(body, id, trace).await?, id),
    }
    Ok(())
}

impl Tally {
    fn report(&mut self, taken: TakenIn, message: &str) {
        match taken {
            TakenIn::Scan(scan) => {
                let refused = matches!(scan.state, State::Failed { reason: Some(_), .. });
                *if refused { &mut self.refused } else { &mut self.scans } += 1;
                telemetry::operation(scan.trace, Some(scan.id)).in_scope(
                    || tracing::info!(account = %scan.account, status = scan.state.name(), message, "taken in"),
                );
            }
            TakenIn::Before => {
                self.repeated += 1;
                tracing::info!(message, "taken in before");
            }
            TakenIn::Nobodys => {
                self.dropped += 1;
                tracing::warn!(message, "this belongs to no account and was dropped");
            }
        }
    }
}
