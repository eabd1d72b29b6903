//! What packs there are, and how much of each is here.

use super::bytes::Bytes;
use super::{DataDir, ModelsError, manifest};
use scan::Pack;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// A pack of the repository.
#[derive(Debug, Clone)]
pub struct Listing {
    /// Its manifest.
    pub pack: Pack,
    /// Different files that the pack has.
    pub files: usize,
    /// How many of them are in the data folder, judged by presence and size only.
    pub present: usize,
    /// Size of all the files whose size the manifest gives, in bytes.
    pub bytes: u64,
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pack, files, present, bytes } = self;
        let here = if present == files { "pulled".to_owned() } else { format!("{present} of {files} files here") };
        write!(f, "{:<24} {:>10}  {here}  {}", pack.label(), Bytes(*bytes).to_string(), pack.description)
    }
}

/// Every folder of `packs_dir` that holds a `pack.toml`, by name.
pub fn list(packs_dir: &Path, data_dir: &DataDir) -> Result<Vec<Listing>, ModelsError> {
    let entries = std::fs::read_dir(packs_dir).map_err(ModelsError::disk(packs_dir))?;
    let mut folders: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    folders.retain(|folder| folder.join("pack.toml").is_file());
    folders.sort();
    folders.iter().map(|folder| Ok(listing(manifest(folder)?, data_dir))).collect()
}

fn listing(pack: Pack, data_dir: &DataDir) -> Listing {
    let folder = data_dir.pack(&pack.name);
    let sizes: BTreeMap<&str, Option<u64>> = pack.files().map(|file| (file.path.as_str(), file.bytes)).collect();
    let is_here = |path: &str, bytes: Option<u64>| {
        folder.join(path).metadata().is_ok_and(|found| bytes.is_none_or(|bytes| bytes == found.len()))
    };
    let present = sizes.iter().filter(|(path, bytes)| is_here(path, **bytes)).count();
    let (files, bytes) = (sizes.len(), sizes.values().flatten().sum());
    Listing { pack, files, present, bytes }
}
