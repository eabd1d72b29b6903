//! The finalize function: scans whose time is up, from the deadlines queue, and stage jobs that were given up, from the
//! dead-letter queues of the stages. Both say which scan; a job also says which stage.

pub mod config;

pub use config::Config;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use delivery::Handled;
use scan::{AccountId, ScanId, Stage};
use serde::Deserialize;
use service::Finalize;

/// What is looked at of a [`cloud::Deadline`] or a [`scan::StageJob`]: not the job's content.
#[derive(Deserialize)]
struct Ending {
    account: AccountId,
    scan: ScanId,
    stage: Option<Stage>,
}

/// Ends the scan of each message.
pub async fn handle(finalize: &Finalize, event: SqsEvent) -> SqsBatchResponse {
    delivery::each(&event, |message| end(finalize, message)).await
}

async fn end(finalize: &Finalize, message: &SqsMessage) -> Handled {
    let Ok(Ending { account, scan, stage }) = serde_json::from_str(delivery::body(message)) else {
        // It names no scan, so nothing can be done with it, now or later.
        tracing::error!(message = delivery::id(message), "a message names no scan and was dropped");
        return Handled::Done;
    };
    let ended = match stage {
        Some(stage) => finalize.give_up(&account, scan, stage).await,
        None => finalize.time_is_up(&account, scan).await,
    };
    match ended {
        Ok(Some(found)) => {
            tracing::info!(%scan, stage = stage.map(Stage::name), status = found.state.name(), "looked after a scan");
            Handled::Done
        }
        Ok(None) => Handled::Done,
        Err(error) => {
            tracing::warn!(%scan, %error, "a scan could not be ended and will be tried again");
            Handled::Again
        }
    }
}
