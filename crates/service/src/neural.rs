//! One neural stage on one content: the same for jobs from a queue and for the command line.

use engine::{Engine, EngineError};
use scan::calibration::MissingFeature;
use scan::{Content, Failure, Normalised, Outcome, Pack, Reading, Stage};

/// A neural stage could not be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NeuralError {
    /// The model failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Pack and code do not belong together.
    #[error(transparent)]
    Pack(#[from] MissingFeature),
}

/// The outcome of a stage that `pack` names, and what it measured. A stage whose files are absent is an outcome too.
pub(crate) async fn run(
    engine: &Engine,
    pack: &Pack,
    stage: Stage,
    content: &Content,
) -> Result<(Outcome, Reading), NeuralError> {
    let absent = (Outcome::Failed(Failure::ModelAbsent), Reading::default());
    let Some(spec) = pack.stages.get(&stage) else { return Ok(absent) };
    let (measured, normalised) = match content {
        Content::Text(text) => {
            let normalised = Normalised::new(text);
            (engine.read(stage, normalised.as_str()).await, Some(normalised))
        }
        Content::Pixels(pixels) => (engine.look(stage, pixels).await, None),
    };
    let reading = match measured {
        Err(EngineError::Absent { .. }) => return Ok(absent),
        reading => reading?,
    };
    Ok((Outcome::of_reading(&reading, &spec.calibration, normalised.as_ref(), &[])?, reading))
}
