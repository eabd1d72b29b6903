//! Scanning: from an accepted request to a scan whose neural stages are under way, and waiting for its end.

use crate::examine::{self, Examined};
use crate::{DetectRequest, Recorder, ServiceError, Sources};
use cloud::{CloudError, Jobs, Parking, QuotaUse, RateLimit, RateUse, Scans, Usage};
use detectors::image::Limits;
use futures::future::try_join_all;
use scan::{Account, Content, Failure, JobContent, Outcome, Pack, Scan, ScanId, Stage, StageJob};
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::sync::Semaphore;

/// Images that are decoded at the same time: each may need a few bytes for each of a hundred million pixels.
const DECODERS: usize = 2;

/// How scans are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DetectSettings {
    /// Requests a minute and account.
    pub rate: RateLimit,
    /// How long a scan may run before it ends with whatever stages it has.
    pub deadline: Duration,
    /// What images are decoded.
    pub images: Limits,
}

impl Default for DetectSettings {
    fn default() -> Self {
        Self {
            rate: RateLimit { name: "detect", per_minute: 60 },
            deadline: Duration::from_secs(300),
            images: Limits::default(),
        }
    }
}

/// Scanning.
#[derive(Debug, Clone)]
pub struct Detect {
    pack: Arc<Pack>,
    usage: Usage,
    scans: Scans,
    jobs: Jobs,
    parking: Parking,
    sources: Sources,
    recorder: Recorder,
    settings: DetectSettings,
    decoders: Arc<Semaphore>,
}

/// A scan that has been charged and started. It may be final already.
#[derive(Debug, Clone, PartialEq)]
pub struct Begun {
    /// The scan.
    pub scan: Scan,
    /// The account's quota, this scan included.
    pub quota: QuotaUse,
}

impl Detect {
    /// Scans by the policy of `pack`.
    pub fn new(
        pack: Arc<Pack>,
        usage: Usage,
        scans: Scans,
        jobs: Jobs,
        parking: Parking,
        sources: Sources,
        settings: DetectSettings,
    ) -> Self {
        let recorder = Recorder::new(scans.clone(), pack.clone());
        let decoders = Arc::new(Semaphore::new(DECODERS));
        Self { pack, usage, scans, jobs, parking, sources, recorder, settings, decoders }
    }

    /// Counts a request against the account's rate limit, or refuses it.
    pub async fn admit(&self, account: &Account) -> Result<RateUse, ServiceError> {
        let rate = self.usage.take_rate(&account.id, self.settings.rate, OffsetDateTime::now_utc()).await?;
        if rate.allowed { Ok(rate) } else { Err(ServiceError::RateLimited(rate)) }
    }

    /// Charges and starts a scan. If it cannot be started, nothing stays charged.
    pub async fn begin(
        &self,
        account: &Account,
        request: DetectRequest,
        received_at: OffsetDateTime,
    ) -> Result<Begun, ServiceError> {
        let Examined { mut scan, content, .. } = self.examine(account, request, received_at).await?;
        scan.account = account.id.clone();
        scan.deadline = received_at + self.settings.deadline;
        if scan.is_complete() {
            scan.state = scan.conclude(&self.pack, OffsetDateTime::now_utc());
        }
        let quota = self.usage.reserve(&account.id, account.plan, 1, received_at).await?;
        if !quota.allowed {
            return Err(ServiceError::QuotaExceeded(quota));
        }
        if let Err(error) = self.scans.create(&scan, received_at + account.plan.retention()).await {
            self.usage.refund(&account.id, 1, received_at).await?;
            return Err(error.into());
        }
        let scan = self.dispatch(scan, content.as_ref()).await?;
        Ok(Begun { scan, quota })
    }

    /// Gets hold of the content and runs the inline stages; images are decoded away from the asynchronous threads.
    async fn examine(
        &self,
        account: &Account,
        request: DetectRequest,
        received_at: OffsetDateTime,
    ) -> Result<Examined, ServiceError> {
        let source = match request {
            DetectRequest::Text(text) => return examine::text(&self.pack, &text, received_at),
            DetectRequest::Image(source) => source,
        };
        let file = self.sources.bytes(&account.id, source).await?;
        let _permit = self.decoders.acquire().await.map_err(|_| ServiceError::Stopped)?;
        let (pack, limits) = (self.pack.clone(), self.settings.images);
        let examine = move || examine::image(&pack, &file, &limits, received_at);
        tokio::task::spawn_blocking(examine).await.map_err(|_| ServiceError::Stopped)?
    }

    /// Sends one job for each awaited stage. A stage whose job cannot be sent is recorded as broken, and the scan
    /// goes on without it.
    async fn dispatch(&self, scan: Scan, content: Option<&Content>) -> Result<Scan, CloudError> {
        let awaited: Vec<Stage> = scan.outcomes.iter().filter(|(_, o)| o.is_none()).map(|(stage, _)| *stage).collect();
        if awaited.is_empty() {
            return Ok(scan);
        }
        let content = self.job_content(&scan, content).await;
        let sent = try_join_all(awaited.into_iter().map(async |stage| {
            let sent = match &content {
                Ok(content) => self.send(&scan, stage, content.clone()).await,
                Err(_) => Err(CloudError::Data("the content could not be parked".to_owned())),
            };
            let Err(error) = sent else { return Ok(None) };
            tracing::error!(scan = %scan.id, %stage, %error, "a stage job could not be sent");
            self.recorder.record(&scan.account, scan.id, stage, &Outcome::Failed(Failure::Broken)).await
        }));
        let changed = sent.await?.into_iter().flatten().max_by_key(|scan| scan.is_final());
        Ok(changed.unwrap_or(scan))
    }

    async fn job_content(&self, scan: &Scan, content: Option<&Content>) -> Result<JobContent, CloudError> {
        let content =
            content.ok_or_else(|| CloudError::Data("the pack awaits a stage that has no input".to_owned()))?;
        if Jobs::fits(content) {
            return Ok(JobContent::Inline(content.clone()));
        }
        let parked = self.parking.put(scan.id, content).await;
        parked.map(JobContent::Parked).inspect_err(|error| tracing::error!(scan = %scan.id, %error, "parking failed"))
    }

    async fn send(&self, scan: &Scan, stage: Stage, content: JobContent) -> Result<(), CloudError> {
        self.jobs.send(&StageJob { account: scan.account.clone(), scan: scan.id, stage, content }).await
    }

    /// Waits until the scan is final, at most for `budget`, and returns it as it is then.
    pub async fn wait(&self, scan: Scan, budget: Duration) -> Result<Scan, ServiceError> {
        const LONGEST_PAUSE: Duration = Duration::from_millis(250);
        let until = tokio::time::Instant::now() + budget;
        let mut pause = Duration::from_millis(10);
        let mut scan = scan;
        while !scan.is_final() && tokio::time::Instant::now() + pause < until {
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
            scan = self.look(&scan.account, scan.id).await?;
        }
        Ok(scan)
    }

    /// The scan as it stands. One that is past its deadline is ended here and now with the stages that it has, so
    /// that nobody ever reads a scan that hangs.
    pub async fn look(&self, account: &scan::AccountId, id: ScanId) -> Result<Scan, ServiceError> {
        let scan = self.scans.get(account, id).await?.ok_or(ServiceError::NotFound)?;
        if scan.is_final() || (scan.deadline > OffsetDateTime::now_utc() && !scan.is_complete()) {
            return Ok(scan);
        }
        self.recorder.finalise(scan).await?.ok_or(ServiceError::NotFound)
    }
}
