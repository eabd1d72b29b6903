//! Reading an object without trusting its size.

use crate::CloudError;
use aws_sdk_s3::Client;

/// A bucket, and the client to reach it with.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    /// The client.
    pub(crate) client: Client,
    /// The bucket's name.
    pub(crate) name: String,
}

/// The object under `key`; `None` when there is none. An object of more than `max_bytes` is an error, found before it
/// is read.
pub(crate) async fn read(bucket: &Bucket, key: &str, max_bytes: usize) -> Result<Option<Vec<u8>>, CloudError> {
    let object = match bucket.client.get_object().bucket(&bucket.name).key(key).send().await {
        Ok(object) => object,
        Err(e) if e.as_service_error().is_some_and(|e| e.is_no_such_key()) => return Ok(None),
        Err(e) => return Err(CloudError::of("fetch an object")(e)),
    };
    if object.content_length().and_then(|n| usize::try_from(n).ok()).is_none_or(|n| n > max_bytes) {
        return Err(CloudError::TooLarge { limit: max_bytes });
    }
    let bytes = object.body.collect().await.map_err(CloudError::of("read an object"))?;
    Ok(Some(bytes.into_bytes().into()))
}
