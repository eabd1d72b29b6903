//! Recording outcomes, and ending the scan that the last of them completes.

use cloud::{CloudError, Recorded, Scans};
use scan::{AccountId, Outcome, Pack, Scan, ScanId, Stage};
use std::sync::Arc;
use time::OffsetDateTime;

/// Whoever has an outcome for a scan gives it to a recorder. Safe to call twice with the same outcome, and from
/// several processes at once: the table's conditions let the first outcome and one finalisation through.
#[derive(Debug, Clone)]
pub struct Recorder {
    scans: Scans,
    pack: Arc<Pack>,
}

impl Recorder {
    /// Records in `scans`; ends scans by the policy of `pack`.
    pub fn new(scans: Scans, pack: Arc<Pack>) -> Self {
        Self { scans, pack }
    }

    /// Whether the scan still waits for this stage.
    pub async fn awaits(&self, account: &AccountId, id: ScanId, stage: Stage) -> Result<bool, CloudError> {
        let scan = self.scans.get(account, id).await?;
        Ok(scan.is_some_and(|scan| !scan.is_final() && matches!(scan.outcomes.get(&stage), Some(None))))
    }

    /// Records an outcome; if it is the last one awaited, ends the scan. `None` when the scan is gone.
    pub async fn record(
        &self,
        account: &AccountId,
        id: ScanId,
        stage: Stage,
        outcome: &Outcome,
    ) -> Result<Option<Scan>, CloudError> {
        match self.scans.record(account, id, stage, outcome).await? {
            // A scan found complete but not final was left so by a process that died between the two writes.
            Recorded::Now(scan) | Recorded::Before(scan) if scan.is_complete() => self.finalise(scan).await,
            Recorded::Now(scan) | Recorded::Before(scan) => Ok(Some(scan)),
            Recorded::Gone => Ok(None),
        }
    }

    /// Ends a scan with the outcomes that it has, unless it has ended already. `None` when it is gone.
    pub async fn finalise(&self, scan: Scan) -> Result<Option<Scan>, CloudError> {
        if scan.is_final() {
            return Ok(Some(scan));
        }
        let state = scan.conclude(&self.pack, OffsetDateTime::now_utc());
        match self.scans.finalise(&scan, state).await? {
            Recorded::Now(scan) => {
                let took = OffsetDateTime::now_utc() - scan.created_at;
                let (status, milliseconds) = (scan.state.name(), took.whole_milliseconds() as i64);
                telemetry::operation(scan.trace, Some(scan.id))
                    .in_scope(|| tracing::info!(account = %scan.account, status, milliseconds, "ended"));
                Ok(Some(scan))
            }
            Recorded::Before(scan) => Ok(Some(scan)),
            Recorded::Gone => Ok(None),
        }
    }
}
