//! The parking bucket: content too big for a message, until its jobs have run. Objects expire in a day.

use crate::CloudError;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use scan::ScanId;

/// The largest object that is read back: four bytes for each character that a text may have.
const MAX_BYTES: i64 = 4 * scan::text::MAX_CHARACTERS as i64;

/// Content in waiting.
#[derive(Debug, Clone)]
pub struct Parking {
    client: Client,
    bucket: String,
}

impl Parking {
    /// Objects in `bucket`.
    pub fn new(client: Client, bucket: String) -> Self {
        Self { client, bucket }
    }

    /// Parks a text and returns its key.
    pub async fn put(&self, scan: ScanId, text: &str) -> Result<String, CloudError> {
        let key = format!("text/{scan}");
        let body = ByteStream::from(text.as_bytes().to_vec());
        let put = self.client.put_object().bucket(&self.bucket).key(&key).body(body).send().await;
        put.map_err(CloudError::of("park content"))?;
        Ok(key)
    }

    /// The text under `key`; `None` when it is gone.
    pub async fn get(&self, key: &str) -> Result<Option<String>, CloudError> {
        let object = match self.client.get_object().bucket(&self.bucket).key(key).send().await {
            Ok(object) => object,
            Err(e) if e.as_service_error().is_some_and(|e| e.is_no_such_key()) => return Ok(None),
            Err(e) => return Err(CloudError::of("fetch parked content")(e)),
        };
        if object.content_length().is_none_or(|n| n > MAX_BYTES) {
            return Err(CloudError::Data("a parked text is larger than any text may be".to_owned()));
        }
        let bytes = object.body.collect().await.map_err(CloudError::of("read parked content"))?.into_bytes();
        String::from_utf8(bytes.into()).map(Some).map_err(|_| CloudError::Data("a parked text is not UTF-8".to_owned()))
    }
}
