//! Scanning: from an accepted request to a scan whose neural stages are under way, and waiting for its end.

use crate::{Recorder, ServiceError};
use cloud::{CloudError, Jobs, Parking, QuotaUse, RateLimit, RateUse, Scans, Usage};
use futures::future::try_join_all;
use scan::report::TextFeatures;
use scan::{
    Account, Failure, JobContent, Modality, Normalised, Outcome, Pack, Reading, Scan, ScanId, Stage, StageJob, State,
    Text, Warning,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;

/// How scans are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DetectSettings {
    /// Requests a minute and account.
    pub rate: RateLimit,
    /// How long a scan may run before it ends with whatever stages it has.
    pub deadline: Duration,
}

impl Default for DetectSettings {
    fn default() -> Self {
        Self { rate: RateLimit { name: "detect", per_minute: 60 }, deadline: Duration::from_secs(300) }
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
    recorder: Recorder,
    settings: DetectSettings,
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
        settings: DetectSettings,
    ) -> Self {
        let recorder = Recorder::new(scans.clone(), pack.clone());
        Self { pack, usage, scans, jobs, parking, recorder, settings }
    }

    /// Counts a request against the account's rate limit, or refuses it.
    pub async fn admit(&self, account: &Account) -> Result<RateUse, ServiceError> {
        let rate = self.usage.take_rate(&account.id, self.settings.rate, OffsetDateTime::now_utc()).await?;
        if rate.allowed { Ok(rate) } else { Err(ServiceError::RateLimited(rate)) }
    }

    /// Charges and starts the scan of a text. If it cannot be started, nothing stays charged.
    pub async fn begin(
        &self,
        account: &Account,
        text: &Text,
        received_at: OffsetDateTime,
    ) -> Result<Begun, ServiceError> {
        let scan = self.examine(account, text, received_at)?;
        let quota = self.usage.reserve(&account.id, account.plan, 1, received_at).await?;
        if !quota.allowed {
            return Err(ServiceError::QuotaExceeded(quota));
        }
        if let Err(error) = self.scans.create(&scan, received_at + account.plan.retention()).await {
            self.usage.refund(&account.id, 1, received_at).await?;
            return Err(error.into());
        }
        let scan = self.dispatch(scan, text).await?;
        Ok(Begun { scan, quota })
    }

    /// Runs the inline stages. The scan is final if there are no others.
    fn examine(&self, account: &Account, text: &Text, received_at: OffsetDateTime) -> Result<Scan, ServiceError> {
        let normalised = Normalised::new(text.as_str());
        let (mut scan, _) = examine(&self.pack, text, &normalised, received_at)?;
        scan.account = account.id.clone();
        scan.deadline = received_at + self.settings.deadline;
        if scan.is_complete() {
            scan.state = scan.conclude(&self.pack, OffsetDateTime::now_utc());
        }
        Ok(scan)
    }

    /// Sends one job for each awaited stage. A stage whose job cannot be sent is recorded as broken, and the scan
    /// goes on without it.
    async fn dispatch(&self, scan: Scan, text: &Text) -> Result<Scan, CloudError> {
        let awaited: Vec<Stage> = scan.outcomes.iter().filter(|(_, o)| o.is_none()).map(|(stage, _)| *stage).collect();
        if awaited.is_empty() {
            return Ok(scan);
        }
        let content = self.content(&scan, text).await;
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

    async fn content(&self, scan: &Scan, text: &Text) -> Result<JobContent, CloudError> {
        if Jobs::fits(text.as_str()) {
            return Ok(JobContent::Inline(text.as_str().to_owned()));
        }
        let parked = self.parking.put(scan.id, text.as_str()).await;
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

/// A scan of `text` with its inline outcomes, for nobody's account and without a deadline, and what the heuristics
/// measured for it.
pub(crate) fn examine(
    pack: &Pack,
    text: &Text,
    normalised: &Normalised,
    received_at: OffsetDateTime,
) -> Result<(Scan, Reading), ServiceError> {
    let reading = detectors::measure(normalised);
    let mut warnings = text.warnings(normalised);
    if !detectors::looks_english(&reading) {
        warnings.insert(Warning::NotEnglish);
    }
    let mut outcomes: BTreeMap<_, _> = pack.text_stages().map(|stage| (stage, None)).collect();
    if let (Some(outcome), Some(spec)) = (outcomes.get_mut(&Stage::Heuristics), pack.stages.get(&Stage::Heuristics)) {
        *outcome = Some(Outcome::of_reading(&reading, &spec.calibration, normalised, &TextFeatures::NAMES)?);
    }
    let scan = Scan {
        id: ScanId::new(),
        account: scan::AccountId::nobody(),
        modality: Modality::Text,
        created_at: received_at,
        deadline: received_at,
        content_sha256: text.sha256(),
        pack: pack.label(),
        warnings,
        outcomes,
        state: State::Processing,
    };
    Ok((scan, reading))
}
