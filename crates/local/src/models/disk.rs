//! The few things done to files, with errors that name them.

use super::ModelsError;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// `NAME` and `suffix`, in the same folder.
pub(super) fn beside(target: &Path, suffix: &str) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Deletes a file that may not be there.
pub(super) fn remove(path: &Path) -> Result<(), ModelsError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(ModelsError::disk(path)(error)),
        _ => Ok(()),
    }
}

/// Makes a folder and those above it.
pub(super) fn create_dir(folder: &Path) -> Result<(), ModelsError> {
    fs::create_dir_all(folder).map_err(ModelsError::disk(folder))
}

/// Copies the content of a file.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), ModelsError> {
    write(from, to, fs::OpenOptions::new().write(true).create(true).truncate(true))
}

/// Puts the content of a file at the end of another.
pub(super) fn append(from: &Path, to: &Path) -> Result<(), ModelsError> {
    write(from, to, fs::OpenOptions::new().append(true))
}

fn write(from: &Path, to: &Path, open: &fs::OpenOptions) -> Result<(), ModelsError> {
    let (mut from, name) = (fs::File::open(from).map_err(ModelsError::disk(from))?, to);
    let mut to = open.open(to).map_err(ModelsError::disk(to))?;
    io::copy(&mut from, &mut to).and_then(|_| to.sync_all()).map_err(ModelsError::disk(name))
}
