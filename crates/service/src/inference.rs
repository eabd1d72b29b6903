//! Running one stage job: content in, outcome recorded.

use crate::Recorder;
use cloud::{CloudError, Parking};
use engine::{Engine, EngineError};
use scan::calibration::MissingFeature;
use scan::{Failure, JobContent, Normalised, Outcome, Pack, StageJob};
use std::sync::Arc;

/// The neural stages, fed by jobs.
#[derive(Clone)]
pub struct Inference {
    engine: Arc<Engine>,
    pack: Arc<Pack>,
    parking: Parking,
    recorder: Recorder,
}

/// A job that should be tried again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InferenceError {
    /// The model failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A service that we rest on failed.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// Pack and code do not belong together.
    #[error(transparent)]
    Pack(#[from] MissingFeature),
}

impl Inference {
    /// Runs stages on `engine`.
    pub fn new(engine: Arc<Engine>, pack: Arc<Pack>, parking: Parking, recorder: Recorder) -> Self {
        Self { engine, pack, parking, recorder }
    }

    /// Runs a job and records its outcome. A job whose outcome is there already costs one read. When the job fails
    /// and this was its last delivery, the failure itself is recorded, so that the scan goes on without the stage.
    pub async fn run(&self, job: &StageJob, last_delivery: bool) -> Result<(), InferenceError> {
        if !self.recorder.awaits(&job.account, job.scan, job.stage).await? {
            return Ok(());
        }
        let outcome = match self.outcome(job).await {
            Err(error) if last_delivery => {
                tracing::error!(scan = %job.scan, stage = %job.stage, %error, "the stage failed for good");
                Outcome::Failed(Failure::Broken)
            }
            outcome => outcome?,
        };
        self.recorder.record(&job.account, job.scan, job.stage, &outcome).await?;
        Ok(())
    }

    async fn outcome(&self, job: &StageJob) -> Result<Outcome, InferenceError> {
        let Some(spec) = self.pack.stages.get(&job.stage) else {
            return Ok(Outcome::Failed(Failure::ModelAbsent));
        };
        let text = match &job.content {
            JobContent::Inline(text) => Some(text.clone()),
            JobContent::Parked(key) => self.parking.get(key).await?,
        };
        let Some(text) = text else { return Ok(Outcome::Failed(Failure::DeadlinePassed)) };
        let normalised = Normalised::new(&text);
        let reading = match self.engine.read(job.stage, normalised.as_str()).await {
            Err(EngineError::Absent { .. }) => return Ok(Outcome::Failed(Failure::ModelAbsent)),
            reading => reading?,
        };
        Ok(Outcome::of_reading(&reading, &spec.calibration, &normalised, &[])?)
    }
}
