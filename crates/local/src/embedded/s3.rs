//! S3: s3s, on the file system. Whatever is in it is parked for a job and expires in a day.

use super::clients::{ACCESS_KEY, SECRET_KEY};
use super::cors::Cors;
use super::tasks::Tasks;
use super::{EmbeddedError, server};
use s3s::S3Error;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// How often expired objects are removed.
const SWEEP: Duration = Duration::from_secs(60 * 60);
/// How long an object is kept; in AWS the bucket's lifecycle rule says so.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// Serves the objects under `data`; answers where.
pub(super) async fn serve(data: &Path, tasks: &mut Tasks) -> Result<String, EmbeddedError> {
    let root = data.join("s3");
    std::fs::create_dir_all(&root).map_err(EmbeddedError::folder(&root))?;
    let unusable = |error| io::Error::other(S3Error::from(error));
    let files = FileSystem::new(&root).map_err(unusable).map_err(EmbeddedError::folder(&root))?;
    let (listener, address) = server::listen().await?;
    let mut service = S3ServiceBuilder::new(files);
    service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
    let service = service.build();
    tasks.spawn(|stop| server::serve(listener, Cors(service), stop));
    tasks.every(SWEEP, move || {
        if let Err(error) = SystemTime::now().checked_sub(KEPT).map_or(Ok(()), |oldest| sweep(&root, oldest)) {
            tracing::warn!(%error, "expired objects could not be removed");
        }
    });
    Ok(format!("http://{address}"))
}

/// Removes every file last written before `oldest`: objects, what s3s keeps beside them, parts of abandoned uploads.
fn sweep(folder: &Path, oldest: SystemTime) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let swept = match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => sweep(&entry.path(), oldest),
            Ok(metadata) if metadata.modified()? < oldest => std::fs::remove_file(entry.path()),
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        // A request may have been quicker.
        swept.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })?;
    }
    Ok(())
}
