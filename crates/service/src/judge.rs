//! Every stage in this process, without accounts, tables or queues: for the command line.

use crate::ServiceError;
use crate::detect::examine;
use engine::{Engine, EngineError};
use scan::{Failure, Normalised, Outcome, Pack, Reading, Scan, Stage, Text};
use std::collections::BTreeMap;
use std::sync::Arc;
use time::OffsetDateTime;

/// Judges texts one by one.
#[derive(Clone)]
pub struct Judge {
    pack: Arc<Pack>,
    engine: Arc<Engine>,
}

/// A text could not be judged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JudgeError {
    /// As the service would have refused it.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The model failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// A judged text: the scan and what each stage measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The finished scan.
    pub scan: Scan,
    /// What each stage measured, before calibration.
    pub readings: BTreeMap<Stage, Reading>,
}

impl Judge {
    /// Judges by `pack`, with the stages that `engine` has.
    pub fn new(pack: Arc<Pack>, engine: Arc<Engine>) -> Self {
        Self { pack, engine }
    }

    /// The pack that judges.
    pub fn pack(&self) -> &Pack {
        &self.pack
    }

    /// Runs every stage, or `only` one, and ends the scan.
    pub async fn judge(&self, text: &Text, only: Option<Stage>) -> Result<Judged, JudgeError> {
        let normalised = Normalised::new(text.as_str());
        let (mut scan, heuristics) = examine(&self.pack, text, &normalised, OffsetDateTime::now_utc())?;
        scan.outcomes.retain(|stage, _| only.is_none_or(|only| only == *stage));
        let mut readings = BTreeMap::from([(Stage::Heuristics, heuristics)]);
        for (stage, outcome) in scan.outcomes.iter_mut().filter(|(_, outcome)| outcome.is_none()) {
            let Some(spec) = self.pack.stages.get(stage) else { continue };
            let reading = match self.engine.read(*stage, normalised.as_str()).await {
                Err(EngineError::Absent { .. }) => {
                    *outcome = Some(Outcome::Failed(Failure::ModelAbsent));
                    continue;
                }
                reading => reading?,
            };
            let scored = Outcome::of_reading(&reading, &spec.calibration, &normalised, &[]);
            *outcome = Some(scored.map_err(ServiceError::from)?);
            readings.insert(*stage, reading);
        }
        scan.state = scan.conclude(&self.pack, OffsetDateTime::now_utc());
        Ok(Judged { scan, readings })
    }
}
