//! The folder that holds everything one installation keeps.

use crate::embedded::Endpoints;
use anyhow::{Context, Result, bail};
use cloud::Pepper;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

/// `.truthlens` unless told otherwise. Nothing is created before [`DataDir::create`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataDir(PathBuf);

/// Where a running server listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listening {
    /// The API, such as `http://127.0.0.1:8080`.
    pub api: String,
    /// The embedded services.
    pub services: Endpoints,
}

/// Held by the one process that has the folder's database open. Released when dropped, or when the process dies.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl DataDir {
    /// The folder at `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// The folder of a model pack.
    pub fn pack(&self, name: &str) -> PathBuf {
        self.0.join("models").join(name)
    }

    /// What may be deleted at any time: unfinished downloads and a recent pip.
    pub fn cache(&self) -> PathBuf {
        self.0.join("cache")
    }

    /// Makes the folder and sees that it can be written to.
    pub fn create(&self) -> Result<()> {
        let probe = self.0.join("lock");
        fs::create_dir_all(&self.0)
            .and_then(|()| File::options().create(true).append(true).open(probe).map(drop))
            .with_context(|| format!("cannot write to the data folder {}", self.0.display()))
    }

    /// Takes the lock, or `None` when another process has it.
    pub fn lock(&self) -> Result<Option<Lock>> {
        let file = File::options().create(true).append(true).open(self.0.join("lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(e).context("cannot lock the data folder"),
        }
    }

    /// The secret that API keys are hashed with, made at first use and readable by its owner only.
    pub fn pepper(&self) -> Result<Pepper> {
        let bytes = self.secret("pepper", || Ok(hex::encode(rand::random::<[u8; 32]>()).into_bytes()))?;
        Pepper::new(bytes).context("the pepper in the data folder is damaged")
    }

    /// The file `name`, made at first use and readable by its owner only.
    pub fn secret(&self, name: &str, make: impl FnOnce() -> Result<Vec<u8>>) -> Result<Vec<u8>> {
        let path = self.0.join(name);
        if !path.exists() {
            let mut options = File::options();
            options.create_new(true).write(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            options.open(&path)?.write_all(&make()?)?;
        }
        fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    /// Tells other commands where the running server listens.
    pub fn publish(&self, listening: &Listening) -> Result<()> {
        Ok(fs::write(self.0.join("endpoints.json"), serde_json::to_vec(listening)?)?)
    }

    /// Where the server that holds the lock listens.
    pub fn published(&self) -> Result<Listening> {
        let path = self.0.join("endpoints.json");
        let Ok(bytes) = fs::read(&path) else {
            bail!("a server is starting on {}; try again in a moment", self.0.display());
        };
        serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged", path.display()))
    }

    /// Forgets what [`DataDir::publish`] told, so that nobody follows it to a server that is gone.
    pub fn unpublish(&self) {
        // A leftover does no harm: it is only read while the lock is held, and then rewritten.
        let _ = fs::remove_file(self.0.join("endpoints.json"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_has_the_lock_and_its_end_frees_it() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::new(folder.path().join("new"));
        data.create().unwrap();
        let lock = data.lock().unwrap().unwrap();
        assert!(data.lock().unwrap().is_none());
        drop(lock);
        assert!(data.lock().unwrap().is_some());
    }

    #[test]
    fn the_pepper_stays_the_same_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::new(folder.path());
        let key = cloud::ApiKey::generate();
        let digest = data.pepper().unwrap().digest(&key);
        assert_eq!(data.pepper().unwrap().digest(&key), digest);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(folder.path().join("pepper")).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_folder_that_cannot_be_written_gets_one_clear_line() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let error = DataDir::new(folder.path().join("file/below")).create().unwrap_err();
        assert!(error.to_string().starts_with("cannot write to the data folder"));
    }
}
