//! The finalize function: scans whose time is up, from the deadlines queue, and stage jobs that were given up, from the
//! dead-letter queues of the stages. Both say which scan; a job also says which stage.

pub mod config;

pub use config::Config;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use delivery::Handled;
use scan::{AccountId, ScanId, Stage, TraceContext};
use serde::Deserialize;
use service::{Finalize, FinalizeError, TimeIsUp};
use telemetry::{Measurement, Meter};
use tracing::Instrument;

/// What is looked at of a [`cloud::Deadline`] or a [`scan::StageJob`]: not the job's content.
#[derive(Deserialize)]
struct Ending {
    account: AccountId,
    scan: ScanId,
    stage: Option<Stage>,
    #[serde(default)]
    trace: TraceContext,
}

/// Ends the scan of each message.
pub async fn handle(finalize: &Finalize, meter: Meter, event: SqsEvent) -> SqsBatchResponse {
    delivery::each(&event, |message| end(finalize, meter, message)).await
}

async fn end(finalize: &Finalize, meter: Meter, message: &SqsMessage) -> Handled {
    let Ok(ending) = serde_json::from_str::<Ending>(delivery::body(message)) else {
        // It names no scan, so nothing can be done with it, now or later.
        tracing::error!(message = delivery::id(message), "a message names no scan and was dropped");
        return Handled::Done;
    };
    let trace = ending.trace.child();
    let work = async {
        let ended = look_after(finalize, &ending).await;
        ended.inspect_err(|error| tracing::warn!(%error, "a scan could not be ended and will be tried again"))
    };
    let ended = work.instrument(telemetry::operation(trace, Some(ending.scan))).await;
    let (metric, handled) = match ended {
        Ok(Some(metric)) => (metric, Handled::Done),
        // Every scan's deadline comes, and most have ended long since.
        Ok(None) => return Handled::Done,
        Err(_) => ("Failures", Handled::Again),
    };
    let measured = Measurement::of("Function", "finalize")
        .count(metric, 1)
        .property("scan_id", ending.scan)
        .property("trace_id", trace.trace_id());
    meter.tell(measured);
    handled
}

/// Ends a scan, or has it go on without the stage that was given up; what that counts as.
async fn look_after(finalize: &Finalize, ending: &Ending) -> Result<Option<&'static str>, FinalizeError> {
    let Ending { account, scan, stage, .. } = ending;
    let (found, metric) = match stage {
        Some(stage) => (finalize.give_up(account, *scan, *stage).await?, Some("GivenUp")),
        None => match finalize.time_is_up(account, *scan).await? {
            TimeIsUp::Ended(found) => (Some(found), Some("OutOfTime")),
            TimeIsUp::Before(found) => (Some(found), None),
            TimeIsUp::Gone => (None, None),
        },
    };
    if let Some(found) = found {
        tracing::info!(stage = stage.map(Stage::name), status = found.state.name(), "looked after a scan");
    }
    Ok(metric)
}
