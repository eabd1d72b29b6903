//! Running one stage job: content in, outcome recorded.

use crate::Recorder;
use crate::neural::{self, NeuralError};
use cloud::{CloudError, Parking};
use engine::Engine;
use scan::{Failure, JobContent, Outcome, Pack, StageJob};
use std::borrow::Cow;
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
    /// The stage failed.
    #[error(transparent)]
    Neural(#[from] NeuralError),
    /// A service that we rest on failed.
    #[error(transparent)]
    Cloud(#[from] CloudError),
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
                tracing::error!(stage = %job.stage, %error, "the stage failed for good");
                Outcome::Failed(Failure::Broken)
            }
            outcome => outcome?,
        };
        self.recorder.record(&job.account, job.scan, job.stage, &outcome).await?;
        Ok(())
    }

    async fn outcome(&self, job: &StageJob) -> Result<Outcome, InferenceError> {
        let content = match &job.content {
            JobContent::Inline(content) => Some(Cow::Borrowed(content)),
            JobContent::Parked(key) => self.parking.get(key).await?.map(Cow::Owned),
        };
        let Some(content) = content else { return Ok(Outcome::Failed(Failure::DeadlinePassed)) };
        let (outcome, _) = neural::run(&self.engine, &self.pack, job.stage, &content).await?;
        Ok(outcome)
    }
}
