//! The files of a model: verification before loading, and the readers of each kind.

use crate::EngineError;
use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use scan::pack::PackFile;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use tokenizers::Tokenizer;

/// The files of one model's folder.
#[derive(Debug, Clone)]
pub struct ModelFiles {
    directory: PathBuf,
    paths: Vec<PathBuf>,
}

impl ModelFiles {
    /// The files of `manifest` that lie in `directory` below `root`, each checked for size and digest. What the
    /// manifest does not list is never loaded.
    pub fn verify(root: &Path, manifest: &[PackFile], directory: &str) -> Result<Self, EngineError> {
        let mut paths = Vec::new();
        for file in manifest.iter().filter(|file| Path::new(&file.path).starts_with(directory)) {
            let path = root.join(&file.path);
            verify(&path, file)?;
            paths.push(path);
        }
        Ok(Self { directory: root.join(directory), paths })
    }

    /// Whatever lies in a folder, unverified: for models that no pack describes.
    pub fn unverified(directory: &Path) -> Result<Self, EngineError> {
        let entries = std::fs::read_dir(directory).map_err(EngineError::io(directory))?;
        let mut paths = entries
            .map(|entry| entry.map(|e| e.path()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(EngineError::io(directory))?;
        paths.sort();
        Ok(Self { directory: directory.into(), paths })
    }

    /// The one file of that name.
    fn named(&self, name: &str) -> Result<&Path, EngineError> {
        let path = self.directory.join(name);
        self.paths.iter().find(|p| **p == path).map(PathBuf::as_path).ok_or(EngineError::MissingFile { path })
    }

    /// The files with that extension, of which there must be at least one.
    fn with_extension(&self, extension: &str) -> Result<Vec<&Path>, EngineError> {
        let found: Vec<&Path> =
            self.paths.iter().map(PathBuf::as_path).filter(|p| p.extension().is_some_and(|e| e == extension)).collect();
        match found.is_empty() {
            true => Err(EngineError::MissingFile { path: self.directory.join(format!("*.{extension}")) }),
            false => Ok(found),
        }
    }

    /// `config.json`, as whatever configuration the model needs.
    pub fn config<T: DeserializeOwned>(&self) -> Result<T, EngineError> {
        json(self.named("config.json")?)
    }

    /// `preprocessor_config.json`, which says how pixels become a model's input; `config.json` where the folder has
    /// none.
    pub fn preprocessor<T: DeserializeOwned>(&self) -> Result<T, EngineError> {
        match self.named("preprocessor_config.json") {
            Ok(path) => json(path),
            Err(_) => self.config(),
        }
    }

    /// `tokenizer.json`, without the truncation and padding that it may ask for: the engine cuts texts itself.
    pub fn tokenizer(&self) -> Result<Tokenizer, EngineError> {
        let path = self.named("tokenizer.json")?;
        let failed = |e| EngineError::Tokenizer(format!("{}: {e}", path.display()));
        let mut tokenizer = Tokenizer::from_file(path).map_err(failed)?;
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(failed)?;
        Ok(tokenizer)
    }

    /// The path of the GGUF file.
    pub fn gguf(&self) -> Result<&Path, EngineError> {
        Ok(self.with_extension("gguf")?[0])
    }

    /// Opens the safetensors file or shards and lets `load` take its tensors out of them, as `dtype`, on
    /// `device`.
    pub fn load<T>(
        &self,
        dtype: DType,
        device: &Device,
        load: impl FnOnce(VarBuilder) -> candle_core::Result<T>,
    ) -> Result<T, EngineError> {
        let paths = self.with_extension("safetensors")?;
        let weights = map(&paths, dtype, device).and_then(load);
        weights.map_err(EngineError::weights(paths[0]))
    }
}

fn json<T: DeserializeOwned>(path: &Path) -> Result<T, EngineError> {
    let json = std::fs::read(path).map_err(EngineError::io(path))?;
    serde_json::from_slice(&json).map_err(|e| EngineError::config(path, e))
}

#[allow(unsafe_code)]
fn map(paths: &[&Path], dtype: DType, device: &Device) -> candle_core::Result<VarBuilder<'static>> {
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
    let Some(expected) = &manifest.sha256 else { return Ok(()) };
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(EngineError::io(path))? {
            0 => break,
            n => digest.update(&buffer[..n]),
        }
    }
    let found = hex::encode(digest.finalize());
    match found == *expected {
        true => Ok(()),
        false => Err(EngineError::WrongDigest { path: path.into(), expected: expected.clone(), found }),
    }
}
