//! Comparing a pack folder with its manifest.

use super::bytes::Bytes;
use super::{ModelsError, manifest};
use scan::pack::PackFile;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// How one file of a pack compares with the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStatus {
    /// Below the pack's folder.
    pub path: String,
    /// What was found.
    pub state: FileState,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileState {
    /// Size and digest are the manifest's.
    Ok {
        /// Size.
        bytes: u64,
    },
    /// Not there.
    Missing,
    /// Another size.
    WrongSize {
        /// The manifest's size in bytes.
        expected: u64,
        /// The size found.
        found: u64,
    },
    /// The right size, but another content.
    WrongDigest {
        /// The SHA-256 found, hexadecimal.
        found: String,
    },
    /// There, but the manifest pins no digest.
    Unpinned {
        /// The SHA-256 found, hexadecimal.
        found: String,
        /// Size.
        bytes: u64,
    },
}

impl FileState {
    /// Whether the file may be loaded.
    pub fn is_usable(&self) -> bool {
        matches!(self, Self::Ok { .. } | Self::Unpinned { .. })
    }
}

impl fmt::Display for FileStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match &self.state {
            FileState::Ok { bytes } => write!(f, "ok        {path} ({})", Bytes(*bytes)),
            FileState::Missing => write!(f, "MISSING   {path}: pull the pack"),
            FileState::WrongSize { expected, found } => {
                write!(f, "WRONG     {path}: {found} bytes, not {expected}; pull the pack again")
            }
            FileState::WrongDigest { found } => {
                write!(f, "WRONG     {path}: sha256 {found} is not the manifest's; pull the pack again")
            }
            FileState::Unpinned { found, bytes } => {
                write!(f, "unpinned  {path} ({}): the manifest has no digest; found sha256 {found}", Bytes(*bytes))
            }
        }
    }
}

/// Checks every file of the pack in `folder` against the `pack.toml` there, reading all of them. A file that two
/// stages share is checked once.
pub fn verify(folder: &Path) -> Result<Vec<FileStatus>, ModelsError> {
    let pack = manifest(folder)?;
    let files: BTreeMap<&str, &PackFile> = pack.files().map(|file| (file.path.as_str(), file)).collect();
    files.into_values().map(|file| Ok(FileStatus { path: file.path.clone(), state: state(folder, file)? })).collect()
}

/// Compares one file with the manifest; reads it only if its size is right.
pub(super) fn state(folder: &Path, file: &PackFile) -> Result<FileState, ModelsError> {
    let path = folder.join(&file.path);
    let bytes = match path.metadata() {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(FileState::Missing),
        Err(error) => return Err(ModelsError::disk(&path)(error)),
    };
    if let Some(expected) = file.bytes.filter(|expected| *expected != bytes) {
        return Ok(FileState::WrongSize { expected, found: bytes });
    }
    let found = sha256(&path)?;
    Ok(match &file.sha256 {
        None => FileState::Unpinned { found, bytes },
        Some(expected) if *expected == found => FileState::Ok { bytes },
        Some(_) => FileState::WrongDigest { found },
    })
}

/// SHA-256 of a file, hexadecimal. About 0.7 GB/s was measured on a processor with the SHA extensions, so that a pack is
/// simply read again at every pull.
pub(super) fn sha256(path: &Path) -> Result<String, ModelsError> {
    let digest = || {
        let (mut file, mut hasher, mut block) = (File::open(path)?, Sha256::new(), vec![0; 1 << 18]);
        loop {
            match file.read(&mut block)? {
                0 => return Ok(hex::encode(hasher.finalize())),
                n => hasher.update(&block[..n]),
            }
        }
    };
    digest().map_err(ModelsError::disk(path))
}
