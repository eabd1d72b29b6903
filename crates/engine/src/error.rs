//! What can go wrong between a pack on disk and a reading.

use scan::Stage;
use std::path::{Path, PathBuf};

/// Everything that loading or running a neural stage can fail with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// A file that the pack names is not there.
    #[error("{} is missing; fetch the pack with `make models`", path.display())]
    MissingFile {
        /// Which file.
        path: PathBuf,
    },
    /// A file has another size than the pack says: a truncated download, or another file.
    #[error("{} has {found} bytes but the pack says {expected}; delete it and run `make models`", path.display())]
    WrongSize {
        /// Which file.
        path: PathBuf,
        /// Bytes by the pack.
        expected: u64,
        /// Bytes on disk.
        found: u64,
    },
    /// A file's content is not what the pack was measured with.
    #[error("{} has SHA-256 {found} but the pack says {expected}; delete it and run `make models`", path.display())]
    WrongDigest {
        /// Which file.
        path: PathBuf,
        /// Digest by the pack, hexadecimal.
        expected: String,
        /// Digest of what is on disk, hexadecimal.
        found: String,
    },
    /// The file system refused.
    #[error("cannot read {}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A configuration does not describe a model that the engine can run.
    #[error("{}: {reason}", path.display())]
    Config {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Weights are corrupt, or not those of the configured model.
    #[error("{} does not hold the weights of this model", path.display())]
    Weights {
        /// Which file, or the first of several.
        path: PathBuf,
        /// What candle found.
        source: candle_core::Error,
    },
    /// A tokenizer cannot be read or built, or refuses a text.
    #[error("tokenizer: {0}")]
    Tokenizer(String),
    /// The pack names a stage in a form that this engine does not run.
    #[error("the pack's {stage} stage cannot be run: {reason}")]
    Unsupported {
        /// Which stage.
        stage: Stage,
        /// What does not fit.
        reason: String,
    },
    /// The stage was asked for, but is not loaded.
    #[error("the {stage} stage is absent: {reason}")]
    Absent {
        /// Which stage.
        stage: Stage,
        /// Why it is absent.
        reason: String,
    },
    /// Views of an image have another size than the model's.
    #[error("the model looks at views of {expected} pixels a side, not {found}")]
    ViewSize {
        /// The model's, in pixels.
        expected: u32,
        /// The views', in pixels.
        found: u32,
    },
    /// A tensor operation failed.
    #[error("inference failed")]
    Compute(#[from] candle_core::Error),
    /// The model panicked on this input; its worker lives on.
    #[error("the model panicked: {0}")]
    Panicked(String),
    /// The model's worker has ended, or could not be started.
    #[error("the model's worker is not running")]
    Stopped,
}

impl EngineError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| match source.kind() {
            std::io::ErrorKind::NotFound => Self::MissingFile { path: path.into() },
            _ => Self::Io { path: path.into(), source },
        }
    }

    pub(crate) fn unsupported(stage: Stage, reason: impl Into<String>) -> Self {
        Self::Unsupported { stage, reason: reason.into() }
    }

    pub(crate) fn config(path: &Path, reason: impl ToString) -> Self {
        Self::Config { path: path.into(), reason: reason.to_string() }
    }

    pub(crate) fn weights(path: &Path) -> impl FnOnce(candle_core::Error) -> Self {
        move |source| Self::Weights { path: path.into(), source }
    }
}
