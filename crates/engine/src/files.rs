//! The files of a model: where they are read from, that they are the pack's, and the readers of each kind.

use crate::EngineError;
use crate::gguf::Gguf;
use crate::onnx::Onnx;
use crate::remote::{self, Remote};
use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use scan::pack::PackFile;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokenizers::Tokenizer;

/// Where a pack's files are.
#[derive(Clone)]
pub enum PackFiles {
    /// In a folder, each read twice: to verify it, and to load it.
    Folder(PathBuf),
    /// Elsewhere, each read once and verified on the way: weights go to the device tensor by tensor, so that neither
    /// disk nor memory need hold them.
    Remote(Arc<dyn Remote>),
}

impl fmt::Debug for PackFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(root) => f.debug_tuple("Folder").field(root).finish(),
            Self::Remote(_) => f.write_str("Remote(…)"),
        }
    }
}

impl PackFiles {
    /// The files of `manifest` that lie in `directory`. In a folder, each is checked for size and digest now. What the
    /// manifest does not list is never loaded.
    pub fn model(&self, manifest: &[PackFile], directory: &str) -> Result<ModelFiles, EngineError> {
        let listed = manifest.iter().filter(|file| Path::new(&file.path).starts_with(directory));
        let place = match self {
            Self::Folder(root) => {
                let check = |file: &PackFile| verify(&root.join(&file.path), file).map(|()| root.join(&file.path));
                Place::Folder(listed.map(check).collect::<Result<_, _>>()?)
            }
            Self::Remote(remote) => Place::Remote(remote.clone(), listed.cloned().collect()),
        };
        let directory = match self {
            Self::Folder(root) => root.join(directory),
            Self::Remote(_) => directory.into(),
        };
        Ok(ModelFiles { directory, place })
    }
}

/// The files of one model's folder.
#[derive(Clone)]
pub struct ModelFiles {
    directory: PathBuf,
    place: Place,
}

#[derive(Clone)]
enum Place {
    Folder(Vec<PathBuf>),
    Remote(Arc<dyn Remote>, Vec<PackFile>),
}

impl ModelFiles {
    /// Whatever lies in a folder, unverified: for models that no pack describes.
    pub fn unverified(directory: &Path) -> Result<Self, EngineError> {
        let entries = std::fs::read_dir(directory).map_err(EngineError::io(directory))?;
        let mut paths = entries
            .map(|entry| entry.map(|e| e.path()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(EngineError::io(directory))?;
        paths.sort();
        Ok(Self { directory: directory.into(), place: Place::Folder(paths) })
    }

    /// The whole of the one file of that name, and its path.
    fn read(&self, name: &str) -> Result<(PathBuf, Vec<u8>), EngineError> {
        let path = self.directory.join(name);
        let missing = || EngineError::MissingFile { path: path.clone() };
        let bytes = match &self.place {
            Place::Folder(paths) => {
                let listed = paths.iter().find(|listed| **listed == path).ok_or_else(missing)?;
                std::fs::read(listed).map_err(EngineError::io(&path))?
            }
            Place::Remote(remote, files) => {
                let file = files.iter().find(|file| Path::new(&file.path) == path).ok_or_else(missing)?;
                remote::read(remote.as_ref(), file)?
            }
        };
        Ok((path, bytes))
    }

    /// The files with that extension, of which there must be at least one.
    fn with_extension<'a, F>(
        &self,
        files: &'a [F],
        path: fn(&F) -> &Path,
        extension: &str,
    ) -> Result<Vec<&'a F>, EngineError> {
        let found: Vec<&F> =
            files.iter().filter(|file| path(file).extension().is_some_and(|e| e == extension)).collect();
        match found.is_empty() {
            true => Err(EngineError::MissingFile { path: self.directory.join(format!("*.{extension}")) }),
            false => Ok(found),
        }
    }

    /// `config.json`, as whatever configuration the model needs.
    pub fn config<T: DeserializeOwned>(&self) -> Result<T, EngineError> {
        let (path, json) = self.read("config.json")?;
        serde_json::from_slice(&json).map_err(|e| EngineError::config(&path, e))
    }

    /// `preprocessor_config.json`, which says how pixels become a model's input; `config.json` where the folder has
    /// none.
    pub fn preprocessor<T: DeserializeOwned>(&self) -> Result<T, EngineError> {
        match self.read("preprocessor_config.json") {
            Ok((path, json)) => serde_json::from_slice(&json).map_err(|e| EngineError::config(&path, e)),
            Err(EngineError::MissingFile { .. }) => self.config(),
            Err(error) => Err(error),
        }
    }

    /// `tokenizer.json`, without the truncation and padding that it may ask for: the engine cuts texts itself.
    pub fn tokenizer(&self) -> Result<Tokenizer, EngineError> {
        let (path, json) = self.read("tokenizer.json")?;
        let failed = |e| EngineError::Tokenizer(format!("{}: {e}", path.display()));
        let mut tokenizer = Tokenizer::from_bytes(json).map_err(failed)?;
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(failed)?;
        Ok(tokenizer)
    }

    /// The GGUF file. Its tensors lie in any order, so from elsewhere it comes into memory whole.
    pub fn gguf(&self) -> Result<Gguf, EngineError> {
        match &self.place {
            Place::Folder(paths) => {
                let path = self.with_extension(paths, PathBuf::as_path, "gguf")?[0];
                Gguf::read(path, BufReader::new(File::open(path).map_err(EngineError::io(path))?))
            }
            Place::Remote(remote, files) => {
                let file = self.with_extension(files, path_of, "gguf")?[0];
                Gguf::read(path_of(file), Cursor::new(remote::read(remote.as_ref(), file)?))
            }
        }
    }

    /// Reads the ONNX file and lets `load` take its tensors, as `dtype`, on `device`.
    pub fn onnx<T>(
        &self,
        dtype: DType,
        device: &Device,
        load: impl FnOnce(VarBuilder) -> candle_core::Result<T>,
    ) -> Result<T, EngineError> {
        let (path, bytes) = match &self.place {
            Place::Folder(paths) => {
                let path = self.with_extension(paths, PathBuf::as_path, "onnx")?[0];
                (path.clone(), std::fs::read(path).map_err(EngineError::io(path))?)
            }
            Place::Remote(remote, files) => {
                let file = self.with_extension(files, path_of, "onnx")?[0];
                (path_of(file).into(), remote::read(remote.as_ref(), file)?)
            }
        };
        let weights = Onnx::parse(&path, bytes.into())?.into_weights(dtype, device);
        load(weights).map_err(EngineError::weights(&path))
    }

    /// Opens the safetensors file or shards and lets `load` take its tensors out of them, as `dtype`, on
    /// `device`.
    pub fn load<T>(
        &self,
        dtype: DType,
        device: &Device,
        load: impl FnOnce(VarBuilder) -> candle_core::Result<T>,
    ) -> Result<T, EngineError> {
        match &self.place {
            Place::Folder(paths) => {
                let paths = self.with_extension(paths, PathBuf::as_path, "safetensors")?;
                map(&paths, dtype, device).and_then(load).map_err(EngineError::weights(paths[0]))
            }
            Place::Remote(remote, files) => {
                let shards = self.with_extension(files, path_of, "safetensors")?;
                let tensors = remote::tensors(remote.as_ref(), &shards, dtype, device)?;
                load(VarBuilder::from_tensors(tensors, dtype, device)).map_err(EngineError::weights(path_of(shards[0])))
            }
        }
    }
}

fn path_of(file: &PackFile) -> &Path {
    Path::new(&file.path)
}

#[allow(unsafe_code)]
fn map(paths: &[&PathBuf], dtype: DType, device: &Device) -> candle_core::Result<VarBuilder<'static>> {
    // SAFETY: mapping is unsound only if a file changes underneath. Pack files are written once, under another
    // name, and renamed into place; the mapping lives only until the tensors have been copied out of it.
    unsafe { VarBuilder::from_mmaped_safetensors(paths, dtype, device) }
}

/// Checks one file against its line of the manifest, reading it once, in pieces.
fn verify(path: &Path, manifest: &PackFile) -> Result<(), EngineError> {
    let mut file = File::open(path).map_err(EngineError::io(path))?;
    let found = file.metadata().map_err(EngineError::io(path))?.len();
    if let Some(expected) = manifest.bytes.filter(|&expected| expected != found) {
        return Err(EngineError::WrongSize { path: path.into(), expected, found });
    }
    if manifest.sha256.is_none() {
        return Ok(());
    }
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(EngineError::io(path))? {
            0 => break,
            n => digest.update(&buffer[..n]),
        }
    }
    check_digest(path, manifest, digest)
}

/// Whether what was read is what the manifest says, if it says anything.
pub(crate) fn check_digest(path: &Path, manifest: &PackFile, digest: Sha256) -> Result<(), EngineError> {
    let Some(expected) = &manifest.sha256 else { return Ok(()) };
    let found = hex::encode(digest.finalize());
    match found == *expected {
        true => Ok(()),
        false => Err(EngineError::WrongDigest { path: path.into(), expected: expected.clone(), found }),
    }
}
