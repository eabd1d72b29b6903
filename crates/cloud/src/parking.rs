//! The parking bucket: content too big for a message, until its jobs have run. Objects expire in a day.

use crate::CloudError;
use crate::objects::{self, Bucket};
use aws_sdk_s3::Client;
use scan::{Content, ScanId};

/// The largest object that is read back, in bytes: sixteen views of 1,024 pixels a side, in base64.
const MAX_BYTES: usize = 72 * 1024 * 1024;

/// Content in waiting.
#[derive(Debug, Clone)]
pub struct Parking {
    bucket: Bucket,
}

impl Parking {
    /// Objects under `jobs/` in `bucket`.
    pub fn new(client: Client, bucket: String) -> Self {
        Self { bucket: Bucket { client, name: bucket } }
    }

    /// Parks content, and returns its key.
    pub async fn put(&self, scan: ScanId, content: &Content) -> Result<String, CloudError> {
        let key = format!("jobs/{scan}");
        let json = serde_json::to_vec(content).map_err(|e| CloudError::Data(e.to_string()))?;
        let put = self.bucket.client.put_object().bucket(&self.bucket.name).key(&key).body(json.into()).send().await;
        put.map_err(CloudError::of("park content"))?;
        Ok(key)
    }

    /// The content under `key`; `None` when it is gone.
    pub async fn get(&self, key: &str) -> Result<Option<Content>, CloudError> {
        let Some(json) = objects::read(&self.bucket, key, MAX_BYTES).await? else { return Ok(None) };
        let content = serde_json::from_slice(&json);
        content.map(Some).map_err(|_| CloudError::Data("a parked object is no content".to_owned()))
    }
}
