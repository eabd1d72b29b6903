//! Every stage in this process, without accounts, tables or queues: for the command line.

use crate::ServiceError;
use crate::examine::{self, Examined};
use crate::neural::{self, NeuralError};
use detectors::image::Limits;
use engine::Engine;
use scan::{Pack, Reading, Scan, Stage, Text};
use std::collections::BTreeMap;
use std::sync::Arc;
use time::OffsetDateTime;

/// Judges content piece by piece.
#[derive(Clone)]
pub struct Judge {
    pack: Arc<Pack>,
    engine: Arc<Engine>,
}

/// Content could not be judged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JudgeError {
    /// As the service would have refused it.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// A neural stage failed.
    #[error(transparent)]
    Neural(#[from] NeuralError),
}

/// Judged content: the scan and what each stage measured.
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

    /// Judges a text: every stage, or `only` one.
    pub async fn text(&self, text: &Text, only: Option<Stage>) -> Result<Judged, JudgeError> {
        self.finish(examine::text(&self.pack, text, OffsetDateTime::now_utc())?, only).await
    }

    /// Judges an image file: every stage, or `only` one.
    pub async fn image(&self, file: Vec<u8>, only: Option<Stage>) -> Result<Judged, JudgeError> {
        let pack = self.pack.clone();
        // Decoding takes long, and would keep one of the runtime's threads from everything else.
        let examine = move || examine::image(&pack, &file, &Limits::default(), OffsetDateTime::now_utc());
        let examined = tokio::task::spawn_blocking(examine).await.map_err(|_| ServiceError::Stopped)??;
        self.finish(examined, only).await
    }

    async fn finish(&self, examined: Examined, only: Option<Stage>) -> Result<Judged, JudgeError> {
        let Examined { mut scan, content, mut readings } = examined;
        scan.outcomes.retain(|stage, _| only.is_none_or(|only| only == *stage));
        for (stage, awaited) in scan.outcomes.iter_mut().filter(|(_, outcome)| outcome.is_none()) {
            let Some(content) = &content else { continue };
            let (outcome, reading) = neural::run(&self.engine, &self.pack, *stage, content).await?;
            *awaited = Some(outcome);
            readings.insert(*stage, reading);
        }
        scan.state = scan.conclude(&self.pack, OffsetDateTime::now_utc());
        Ok(Judged { scan, readings })
    }
}
