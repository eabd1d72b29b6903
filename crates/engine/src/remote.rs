//! Models that are read from elsewhere than a folder, once, from beginning to end.

use crate::EngineError;
use crate::files::check_digest;
use candle_core::safetensors::Load;
use candle_core::{DType, Device, Tensor};
use safetensors::tensor::{Metadata, TensorInfo, TensorView};
use scan::pack::PackFile;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::{self, Read};
use std::path::Path;

/// The largest header of a safetensors file, in bytes (safetensors, README "Format").
const MAX_HEADER: u64 = 100_000_000;
/// What is read of a file whose size the manifest does not know, at most: 64 MiB, more than any tokenizer.
const MAX_UNSTATED: u64 = 64 << 20;

/// Files of a pack that lie somewhere else than in a folder, such as in a bucket.
pub trait Remote: Send + Sync {
    /// Opens a file, by its path in the pack, to be read from beginning to end. [`io::ErrorKind::NotFound`] where there
    /// is none.
    fn open(&self, path: &str) -> io::Result<Box<dyn Read>>;
}

/// A file that counts and digests what is read of it.
struct Counted<'a> {
    file: &'a PackFile,
    content: Box<dyn Read>,
    bytes: u64,
    digest: Sha256,
}

impl<'a> Counted<'a> {
    fn open(remote: &dyn Remote, file: &'a PackFile) -> Result<Self, EngineError> {
        let content = remote.open(&file.path).map_err(EngineError::io(Path::new(&file.path)))?;
        Ok(Self { file, content, bytes: 0, digest: Sha256::new() })
    }

    fn path(&self) -> &'a Path {
        Path::new(&self.file.path)
    }

    /// Whether it ends here, and was the manifest's.
    fn finish(mut self) -> Result<(), EngineError> {
        let path = self.path();
        // One byte more is one too many.
        self.content.read(&mut [0]).map(|more| self.bytes += more as u64).map_err(EngineError::io(path))?;
        match self.file.bytes {
            Some(expected) if expected != self.bytes => {
                Err(EngineError::WrongSize { path: path.into(), expected, found: self.bytes })
            }
            _ => check_digest(path, self.file, self.digest),
        }
    }
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.content.read(buffer)?;
        self.bytes += n as u64;
        self.digest.update(&buffer[..n]);
        Ok(n)
    }
}

/// The whole of a file, verified.
pub(crate) fn read(remote: &dyn Remote, file: &PackFile) -> Result<Vec<u8>, EngineError> {
    let mut content = Counted::open(remote, file)?;
    let mut bytes = Vec::new();
    let limit = file.bytes.unwrap_or(MAX_UNSTATED);
    (&mut content).take(limit).read_to_end(&mut bytes).map_err(EngineError::io(Path::new(&file.path)))?;
    content.finish()?;
    Ok(bytes)
}

/// The tensors of safetensors files, each brought to `device` as soon as it has been read, as `dtype`. At most one
/// tensor is in memory beside the device's.
pub(crate) fn tensors(
    remote: &dyn Remote,
    files: &[&PackFile],
    dtype: DType,
    device: &Device,
) -> Result<HashMap<String, Tensor>, EngineError> {
    let mut tensors = HashMap::new();
    for file in files {
        let mut content = Counted::open(remote, file)?;
        let path = content.path();
        shard(&mut content, dtype, device, &mut tensors).map_err(EngineError::weights(path))?;
        content.finish()?;
    }
    Ok(tensors)
}

fn shard(
    content: &mut impl Read,
    dtype: DType,
    device: &Device,
    tensors: &mut HashMap<String, Tensor>,
) -> candle_core::Result<()> {
    let wrong = |what: &str| candle_core::Error::Msg(what.to_owned());
    let mut length = [0; 8];
    content.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > MAX_HEADER {
        return Err(wrong("the header is too large"));
    }
    let mut header = Vec::new();
    content.take(length).read_to_end(&mut header)?;
    let header: Metadata = serde_json::from_slice(&header).map_err(|_| wrong("the header is none"))?;
    let by_name = header.tensors();
    let mut in_order: Vec<(&String, &&TensorInfo)> = by_name.iter().collect();
    in_order.sort_by_key(|(_, tensor)| tensor.data_offsets);
    let mut at = 0;
    for (name, tensor) in in_order {
        let (begin, end) = tensor.data_offsets;
        // The format leaves no holes and overlaps nothing.
        if begin != at || end < begin {
            return Err(wrong("the tensors do not follow one another"));
        }
        let mut bytes = Vec::new();
        content.take((end - begin) as u64).read_to_end(&mut bytes)?;
        at = end;
        // Checks that the bytes are as many as shape and type need.
        let view = TensorView::new(tensor.dtype, tensor.shape.clone(), &bytes).map_err(|e| wrong(&e.to_string()))?;
        tensors.insert(name.clone(), view.load(device)?.to_dtype(dtype)?);
    }
    Ok(())
}
