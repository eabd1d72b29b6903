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
    /// has ended. `None` when it is gone, or never was.
    pub async fn time_is_up(&self, account: &AccountId, id: ScanId) -> Result<Option<Scan>, FinalizeError> {
        match self.scans.get(account, id).await? {
            Some(scan) if !scan.is_final() && scan.deadline > OffsetDateTime::now_utc() => Err(FinalizeError::TooEarly),
            Some(scan) => Ok(self.recorder.finalise(scan).await?),
            None => Ok(None),
        }
    }
}
