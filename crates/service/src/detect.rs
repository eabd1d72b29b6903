//! Scanning: from an accepted request to a scan whose neural stages are under way, and waiting for its end.

use crate::examine::{self, Examined};
use crate::{Arrival, DetectRequest, Recorder, ServiceError, Sources};
use cloud::{
    Admitted, Answer, ClaimWrite, Claimed, Clients, CloudError, Deadline, Deadlines, Jobs, Names, Parking, QuotaUse,
    RateLimit, RateUse, Scans, Uploads, Usage,
};
use detectors::image::Limits;
use fetch::Fetcher;
use futures::future::try_join_all;
use scan::{Account, AccountId, Content, Failure, JobContent, Outcome, Pack, Scan, ScanId, Stage, StageJob};
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::sync::Semaphore;
use tracing::Instrument;

/// Images that are decoded at the same time: each may need a few bytes for each of a hundred million pixels.
const DECODERS: usize = 2;

/// How scans are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DetectSettings {
    /// Requests a minute and account, by endpoint.
    pub rates: Rates,
    /// How long a scan may run before it ends with whatever stages it has.
    pub deadline: Duration,
    /// What images are decoded.
    pub images: Limits,
}

/// Requests a minute and account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// `POST /v1/detect` and the legacy endpoint together.
    pub detect: u64,
    /// `POST /v1/detect/batch`.
    pub batch: u64,
    /// `POST /v1/uploads`.
    pub uploads: u64,
}

impl Default for Rates {
    fn default() -> Self {
        Self { detect: 60, batch: 10, uploads: 60 }
    }
}

/// What is counted against a rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// A scan.
    Detect,
    /// A batch of scans.
    Batch,
    /// Permission to upload.
    Upload,
}

impl Rates {
    fn limit(self, request: Request) -> RateLimit {
        match request {
            Request::Detect => RateLimit { name: "detect", per_minute: self.detect },
            Request::Batch => RateLimit { name: "batch", per_minute: self.batch },
            Request::Upload => RateLimit { name: "uploads", per_minute: self.uploads },
        }
    }
}

impl Default for DetectSettings {
    fn default() -> Self {
        Self { rates: Rates::default(), deadline: Duration::from_secs(300), images: Limits::default() }
    }
}

/// Scanning.
#[derive(Debug, Clone)]
pub struct Detect {
    pack: Arc<Pack>,
    usage: Usage,
    scans: Scans,
    jobs: Jobs,
    deadlines: Deadlines,
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
    /// The account's quota when the scan was asked for, and this scan.
    pub quota: QuotaUse,
}

impl Detect {
    /// Scans by the policy of `pack`, with tables, queues and buckets by these names.
    pub fn new(pack: Arc<Pack>, clients: &Clients, names: &Names, fetcher: Fetcher, settings: DetectSettings) -> Self {
        let scans = Scans::of(clients, names);
        let (sqs, s3) = (&clients.sqs, &clients.s3);
        let uploads = Uploads::new(s3.clone(), names.parking.clone());
        Self {
            usage: Usage::new(clients.dynamodb.clone(), names.usage.clone()),
            jobs: Jobs::new(sqs.clone(), names),
            deadlines: Deadlines::new(sqs.clone(), names.deadlines.clone()),
            parking: Parking::new(s3.clone(), names.parking.clone()),
            sources: Sources::new(fetcher, uploads),
            recorder: Recorder::new(scans.clone(), pack.clone()),
            decoders: Arc::new(Semaphore::new(DECODERS)),
            pack,
            scans,
            settings,
        }
    }

    /// Counts a request against the account's rate limit, or refuses it.
    pub async fn admit(&self, account: &Account, request: Request) -> Result<RateUse, ServiceError> {
        let limit = self.settings.rates.limit(request);
        let rate = self.usage.take_rate(&account.id, limit, OffsetDateTime::now_utc()).await?;
        if rate.allowed { Ok(rate) } else { Err(ServiceError::RateLimited(rate)) }
    }

    /// Charges and starts a scan, and settles what claims it with it. An error means that there is none and that nothing was
    /// charged.
    pub async fn begin(
        &self,
        account: &Account,
        request: DetectRequest,
        arrival: Arrival,
        claimed: Option<Claimed>,
    ) -> Result<Begun, ServiceError> {
        let examine = self.examine(account, request, arrival.received_at);
        let (examined, quota) = tokio::join!(examine, self.room(account, 1, arrival.received_at));
        let (examined, quota) = (examined?, quota?);
        let claim = claimed.map(|claimed| claimed.settle(Answer::Scan(examined.scan.id))).transpose()?;
        let launched = self.launch(account, &examined, arrival, claim).await?;
        let scan = launched.ok_or(ServiceError::IdempotencyInFlight)?;
        Ok(Begun { scan, quota: quota.and(1) })
    }

    /// The account's quota, if it has room for so many scans more. Others may take it before they are charged.
    pub(crate) async fn room(
        &self,
        account: &Account,
        scans: u64,
        received_at: OffsetDateTime,
    ) -> Result<QuotaUse, ServiceError> {
        let quota = self.usage.quota(&account.id, account.monthly_quota(), received_at).await?;
        if quota.has_room(scans) { Ok(quota) } else { Err(ServiceError::QuotaExceeded(quota)) }
    }

    /// Charges, stores and starts a scan; `None` if what it is claimed by is another's.
    pub(crate) async fn launch(
        &self,
        account: &Account,
        Examined { scan, content, .. }: &Examined,
        arrival: Arrival,
        claim: Option<ClaimWrite>,
    ) -> Result<Option<Scan>, ServiceError> {
        let received_at = arrival.received_at;
        let scan = self.prepare(account, scan.clone(), arrival).await?;
        let (expires_at, quota) = (received_at + account.plan.retention(), account.monthly_quota());
        match self.scans.admit(&scan, expires_at, claim, quota).await? {
            Admitted::Now => {}
            Admitted::Before => return Ok(None),
            Admitted::OverQuota => {
                let quota = self.usage.quota(&account.id, quota, received_at).await?;
                return Err(ServiceError::QuotaExceeded(quota));
            }
        }
        telemetry::operation(scan.trace, Some(scan.id))
            .in_scope(|| tracing::info!(account = %scan.account, modality = %scan.modality, "accepted"));
        Ok(Some(self.send_off(scan, content.as_ref()).await))
    }

    /// Makes an examined scan the account's, and sees that it will end: at once, or by a deadline that is set before
    /// the scan is stored.
    pub(crate) async fn prepare(
        &self,
        account: &Account,
        mut scan: Scan,
        Arrival { source, received_at, trace }: Arrival,
    ) -> Result<Scan, ServiceError> {
        scan.account = account.id.clone();
        scan.moderation = account.moderation;
        scan.source = source;
        scan.trace = trace;
        scan.deadline = received_at + self.settings.deadline;
        if scan.is_complete() && !scan.is_final() {
            scan.state = scan.conclude(&self.pack, OffsetDateTime::now_utc());
        }
        if !scan.is_final() {
            let deadline = Deadline { account: scan.account.clone(), scan: scan.id, trace };
            self.deadlines.set(&deadline, scan.deadline, OffsetDateTime::now_utc()).await?;
        }
        Ok(scan)
    }

    /// Sends a stored scan's jobs. It is charged, so whatever goes wrong from here on, it ends by its deadline.
    pub(crate) async fn send_off(&self, scan: Scan, content: Option<&Content>) -> Scan {
        let span = telemetry::operation(scan.trace, Some(scan.id));
        let send = async {
            self.dispatch(scan.clone(), content).await.unwrap_or_else(|error| {
                tracing::error!(%error, "jobs could not be sent");
                scan
            })
        };
        send.instrument(span).await
    }

    /// Gets hold of the content and runs the inline stages; images are decoded away from the asynchronous threads.
    pub(crate) async fn examine(
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
            tracing::error!(%stage, %error, "a stage job could not be sent");
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
        parked.map(JobContent::Parked).inspect_err(|error| tracing::error!(%error, "parking failed"))
    }

    async fn send(&self, scan: &Scan, stage: Stage, content: JobContent) -> Result<(), CloudError> {
        let job = StageJob { account: scan.account.clone(), scan: scan.id, stage, content, trace: scan.trace };
        self.jobs.send(&job).await
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
    pub async fn look(&self, account: &AccountId, id: ScanId) -> Result<Scan, ServiceError> {
        let scan = self.scans.get(account, id).await?.ok_or(ServiceError::NotFound)?;
        if !self.is_due(&scan) {
            return Ok(scan);
        }
        self.recorder.finalise(scan).await?.ok_or(ServiceError::NotFound)
    }

    /// The same for several scans, read together; those that are gone are left out.
    pub async fn look_at_all(&self, account: &AccountId, ids: &[ScanId]) -> Result<Vec<Scan>, ServiceError> {
        let scans = self.scans.get_many(account, ids).await?;
        let ended =
            try_join_all(scans.into_iter().map(async |scan| {
                if self.is_due(&scan) { self.recorder.finalise(scan).await } else { Ok(Some(scan)) }
            }));
        Ok(ended.await?.into_iter().flatten().collect())
    }

    /// Whether a scan should have ended.
    fn is_due(&self, scan: &Scan) -> bool {
        !scan.is_final() && (scan.is_complete() || scan.deadline <= OffsetDateTime::now_utc())
    }
}
