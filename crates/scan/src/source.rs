//! How content came to be scanned.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a scan was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Source {
    /// `POST /v1/detect`. Scans made before sources were kept count as these.
    #[default]
    Api,
    /// `POST /v1/detect/batch`.
    Batch,
    /// `POST /api/detect`.
    Legacy,
    /// An object put into the uploads bucket.
    S3 {
        /// The bucket.
        bucket: String,
        /// The object's key, decoded.
        key: String,
        /// The object's version, in a bucket that keeps them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<String>,
    },
    /// A request in the moderation queue.
    Queue {
        /// What the asker calls the content.
        client_reference: Option<String>,
    },
}
