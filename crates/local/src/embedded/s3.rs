//! S3: s3s, on the file system. What is parked for a job expires in a day; what users put there is theirs.

use super::clients::{ACCESS_KEY, SECRET_KEY};
use super::cors::Cors;
use super::tasks::Tasks;
use super::uploads::{ObjectCreated, Tagged};
use super::{EmbeddedError, names, server};
use s3s::S3Error;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc;

/// How often expired objects are removed.
const SWEEP: Duration = Duration::from_secs(60 * 60);
/// How long an object is kept; in AWS the bucket's lifecycle rule says so.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// Serves the objects under `data`; answers where, and with what is put there from now on.
pub(super) async fn serve(
    data: &Path,
    tasks: &mut Tasks,
) -> Result<(String, mpsc::Receiver<ObjectCreated>), EmbeddedError> {
    let root = data.join("s3");
    std::fs::create_dir_all(&root).map_err(EmbeddedError::folder(&root))?;
    let unusable = |error| io::Error::other(S3Error::from(error));
    let files = FileSystem::new(&root).map_err(unusable).map_err(EmbeddedError::folder(&root))?;
    let tags = data.join("s3-tags");
    std::fs::create_dir_all(&tags).map_err(EmbeddedError::folder(&tags))?;
    let (files, created) = Tagged::new(files, tags);
    let (listener, address) = server::listen().await?;
    let mut service = S3ServiceBuilder::new(files);
    service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
    let service = service.build();
    tasks.spawn(|stop| server::serve(listener, Cors(service), stop));
    // Only what is parked: the files that users put into their bucket are not ours to remove.
    let parked = names().parking;
    tasks.every(SWEEP, move || {
        if let Err(error) = SystemTime::now().checked_sub(KEPT).map_or(Ok(()), |oldest| sweep(&root, &parked, oldest)) {
            tracing::warn!(%error, "expired objects could not be removed");
        }
    });
    Ok((format!("http://{address}"), created))
}

/// Removes every file of a bucket last written before `oldest`, what s3s keeps beside its buckets (which it can do
/// without), and parts of abandoned uploads.
fn sweep(root: &Path, bucket: &str, oldest: SystemTime) -> io::Result<()> {
    sweep_folder(root, oldest, false)?;
    sweep_folder(&root.join(bucket), oldest, true)
}

fn sweep_folder(folder: &Path, oldest: SystemTime, whole: bool) -> io::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let swept = match entry.metadata() {
            Ok(metadata) if metadata.is_dir() && whole => sweep_folder(&entry.path(), oldest, whole),
            Ok(metadata) if metadata.is_file() && metadata.modified()? < oldest => std::fs::remove_file(entry.path()),
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        // A request may have been quicker.
        swept.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })?;
    }
    Ok(())
}
