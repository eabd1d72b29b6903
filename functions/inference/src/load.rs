//! The pack and its engine, before the first invocation.

use crate::config::PackPlace;
use crate::pack_bucket::PackBucket;
use cloud::Clients;
use engine::{Device, Engine, EngineError, PackFiles};
use scan::pack::PackError;
use scan::{Pack, Stage};
use std::collections::BTreeSet;
use std::io::{self, Read};
use std::sync::Arc;
use tokio::runtime::Handle;

/// The largest manifest that is read, in bytes.
const MAX_MANIFEST: u64 = 1 << 20;

/// The function cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The manifest cannot be read.
    #[error("pack.toml: {0}")]
    Manifest(#[from] io::Error),
    /// The manifest makes no sense.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// A stage cannot be loaded.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Loading ended before its time.
    #[error("loading was interrupted")]
    Interrupted,
}

/// Reads the manifest and loads the stages that are wanted, or all of the pack's; on the first GPU where there is one.
pub async fn load(
    place: PackPlace,
    stages: Option<BTreeSet<Stage>>,
    clients: &Clients,
) -> Result<(Pack, Engine), LoadError> {
    let files = match place {
        PackPlace::Folder(root) => PackFiles::Folder(root),
        PackPlace::Bucket { bucket, prefix } => {
            PackFiles::Remote(Arc::new(PackBucket::new(clients.s3.clone(), bucket, prefix, Handle::current())))
        }
    };
    let load = move || {
        let pack = Pack::parse(&manifest(&files)?)?;
        let wanted = |stage| stages.as_ref().is_none_or(|stages| stages.contains(&stage));
        let engine =
            Engine::load_stages(&pack, &files, Device::cuda_if_available(0).map_err(EngineError::from)?, wanted)?;
        Ok((pack, engine))
    };
    tokio::task::spawn_blocking(load).await.map_err(|_| LoadError::Interrupted)?
}

fn manifest(files: &PackFiles) -> io::Result<String> {
    match files {
        PackFiles::Folder(root) => std::fs::read_to_string(root.join("pack.toml")),
        PackFiles::Remote(remote) => {
            let mut manifest = String::new();
            remote.open("pack.toml")?.take(MAX_MANIFEST).read_to_string(&mut manifest)?;
            Ok(manifest)
        }
    }
}
