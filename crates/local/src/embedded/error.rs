//! What can go wrong with the embedded services. Each is shown to the user as it is.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

/// Why the embedded services cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddedError {
    /// The data folder, or one below it, cannot be made or written.
    #[error("cannot write to the data folder {}: {reason}", path.display())]
    Folder {
        /// Which folder.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// The tables' file is damaged, locked, or not one of ours.
    #[error("cannot open the tables in {}: {reason}; move the file away to start with empty tables", path.display())]
    Tables {
        /// Which file.
        path: PathBuf,
        /// What SQLite said.
        reason: String,
    },
    /// No loopback port could be had.
    #[error("cannot listen on 127.0.0.1: {reason}")]
    Listen {
        /// What the system said.
        reason: io::Error,
    },
    /// A table, queue or bucket cannot be created.
    #[error("cannot create {what}: {reason}")]
    Provision {
        /// What was being created.
        what: String,
        /// What the service said.
        reason: String,
    },
}

impl EmbeddedError {
    pub(super) fn folder(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |reason| Self::Folder { path: path.into(), reason }
    }

    pub(super) fn listen(reason: io::Error) -> Self {
        Self::Listen { reason }
    }

    pub(super) fn provision<E: Error>(what: &str) -> impl FnOnce(E) -> Self {
        move |error| Self::Provision { what: what.into(), reason: chain(&error) }
    }
}

/// The error and its causes on one line.
fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
