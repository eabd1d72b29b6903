//! Ending scans that would not end by themselves: their time is up, or a stage of theirs was given up.

use crate::Recorder;
use cloud::{CloudError, Scans};
use scan::{AccountId, Failure, Outcome, Scan, ScanId, Stage};
use time::OffsetDateTime;

/// Ending scans.
#[derive(Debug, Clone)]
pub struct Finalize {
    scans: Scans,
    recorder: Recorder,
}

/// What became of a scan whose time was up.
#[derive(Debug, Clone, PartialEq)]
pub enum TimeIsUp {
    /// It was running, and has been ended.
    Ended(Scan),
    /// It had ended by itself.
    Before(Scan),
    /// It is gone, or never was.
    Gone,
}

/// A scan was not ended, and should be looked at again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FinalizeError {
    /// Its message came before its time.
    #[error("the deadline has not passed yet")]
    TooEarly,
    /// A service that we rest on failed.
    #[error(transparent)]
    Cloud(#[from] CloudError),
}

impl Finalize {
    /// Ends scans in `scans` through `recorder`.
    pub fn new(scans: Scans, recorder: Recorder) -> Self {
        Self { scans, recorder }
    }

    /// Records that a stage was given up, and ends the scan if it waits for no other. `None` when it is gone.
    pub async fn give_up(&self, account: &AccountId, id: ScanId, stage: Stage) -> Result<Option<Scan>, FinalizeError> {
        Ok(self.recorder.record(account, id, stage, &Outcome::Failed(Failure::Broken)).await?)
    }

    /// Ends a scan whose time is up with the stages that it has; refunds it if it has none. Does nothing to one that
    /// has ended.
    pub async fn time_is_up(&self, account: &AccountId, id: ScanId) -> Result<TimeIsUp, FinalizeError> {
        match self.scans.get(account, id).await? {
            Some(scan) if scan.is_final() => Ok(TimeIsUp::Before(scan)),
            Some(scan) if scan.deadline > OffsetDateTime::now_utc() => Err(FinalizeError::TooEarly),
            Some(scan) => Ok(self.recorder.finalise(scan).await?.map_or(TimeIsUp::Gone, TimeIsUp::Ended)),
            None => Ok(TimeIsUp::Gone),
        }
    }
}
