//! Getting hold of an image's bytes.

use crate::ServiceError;
use crate::request::ImageSource;
use cloud::Uploads;
use fetch::Fetcher;
use scan::AccountId;

/// Everywhere that an image can come from.
#[derive(Debug, Clone)]
pub struct Sources {
    fetcher: Fetcher,
    uploads: Uploads,
}

impl Sources {
    /// URLs through `fetcher`, uploaded files from `uploads`.
    pub fn new(fetcher: Fetcher, uploads: Uploads) -> Self {
        Self { fetcher, uploads }
    }

    /// The file: 1 to [`scan::image::MAX_BYTES`] bytes of whatever it is.
    pub async fn bytes(&self, account: &AccountId, source: ImageSource) -> Result<Vec<u8>, ServiceError> {
        match source {
            ImageSource::File(bytes) => Ok(bytes),
            ImageSource::Url(url) => Ok(self.fetcher.get(&url).await?),
            ImageSource::Uploaded(id) => {
                let bytes = self.uploads.get(account, id).await?.ok_or(ServiceError::UploadNotFound)?;
                if bytes.is_empty() { Err(ServiceError::EmptyImage) } else { Ok(bytes) }
            }
        }
    }
}
