//! Files that users put into the parking bucket themselves, because they are too big for a request through API
//! Gateway (6 MB). They expire in a day.

use crate::CloudError;
use crate::objects::{self, Bucket};
use aws_sdk_s3::Client;
use aws_sdk_s3::presigning::PresigningConfig;
use scan::{AccountId, UploadId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a permission to upload holds.
pub const PERMISSION: Duration = Duration::from_secs(15 * 60);

/// Uploaded files, by account.
#[derive(Debug, Clone)]
pub struct Uploads {
    bucket: Bucket,
}

/// Permission to put one file of a stated type and length, once or more, until it lapses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permission {
    /// What the file will be known as.
    pub id: UploadId,
    /// Where to send it, by PUT.
    pub url: String,
    /// Headers that must be sent with it. They are part of the signature.
    pub headers: BTreeMap<String, String>,
}

impl Uploads {
    /// Objects under `uploads/` in `bucket`.
    pub fn new(client: Client, bucket: String) -> Self {
        Self { bucket: Bucket { client, name: bucket } }
    }

    /// Permits `account` to put a file of `content_type` with exactly `bytes` bytes: both are signed, so that S3
    /// refuses anything else (AWS Signature Version 4, query parameters). Makes no request.
    pub async fn permit(&self, account: &AccountId, content_type: &str, bytes: u64) -> Result<Permission, CloudError> {
        let id = UploadId::new();
        let length = i64::try_from(bytes).map_err(|e| CloudError::Data(e.to_string()))?;
        let lifetime = PresigningConfig::expires_in(PERMISSION).map_err(CloudError::of("permit an upload"))?;
        let put = self.bucket.client.put_object().bucket(&self.bucket.name).key(key(account, id));
        let put = put.content_type(content_type).content_length(length);
        let signed = put.presigned(lifetime).await.map_err(CloudError::of("permit an upload"))?;
        let headers = signed.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Ok(Permission { id, url: signed.uri().to_owned(), headers })
    }

    /// The file that `account` uploaded as `id`; `None` when there is none (yet, or any more).
    pub async fn get(&self, account: &AccountId, id: UploadId) -> Result<Option<Vec<u8>>, CloudError> {
        objects::read(&self.bucket, &key(account, id), scan::image::MAX_BYTES).await
    }
}

fn key(account: &AccountId, id: UploadId) -> String {
    format!("uploads/{account}/{id}")
}
