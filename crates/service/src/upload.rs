//! Permission to upload a big file before asking for its scan.

use crate::{ServiceError, json};
use cloud::{Permission, Uploads};
use scan::image::MAX_BYTES;
use scan::{Account, AccountId};
use serde::Deserialize;

/// The media types of the formats that are read (IANA media type registry).
const MEDIA_TYPES: [&str; 5] = ["image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp"];

/// What somebody wants to upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadRequest {
    media_type: &'static str,
    bytes: u64,
}

#[derive(Deserialize)]
struct Body {
    content_type: Option<String>,
    content_length: Option<u64>,
}

impl UploadRequest {
    /// Parses JSON: `content_type`, a media type of an image format that is read, and `content_length` in bytes.
    pub fn parse(json: &[u8]) -> Result<Self, ServiceError> {
        let invalid = |message: String| ServiceError::InvalidRequest(message);
        let body: Body = json::body(json)?;
        let wanted = body.content_type.unwrap_or_default().to_lowercase();
        let media_type = MEDIA_TYPES.into_iter().find(|media_type| *media_type == wanted);
        let media_type =
            media_type.ok_or_else(|| invalid(format!("`content_type` must be one of {MEDIA_TYPES:?}.")))?;
        match body.content_length {
            None | Some(0) => Err(invalid("`content_length` must be the size of the file in bytes.".to_owned())),
            Some(bytes) if bytes > MAX_BYTES as u64 => Err(ServiceError::ImageTooLarge),
            Some(bytes) => Ok(Self { media_type, bytes }),
        }
    }
}

/// Permitting uploads.
#[derive(Debug, Clone)]
pub struct Upload {
    uploads: Uploads,
}

impl Upload {
    /// Files go to `uploads`.
    pub fn new(uploads: Uploads) -> Self {
        Self { uploads }
    }

    /// Where files are sent to: scheme and host of every permission's URL.
    pub async fn origin(&self) -> Result<String, ServiceError> {
        let permission = self.uploads.permit(&AccountId::nobody(), MEDIA_TYPES[0], 1).await?;
        Ok(permission.url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/"))
    }

    /// Permits one file.
    pub async fn permit(&self, account: &Account, request: &UploadRequest) -> Result<Permission, ServiceError> {
        Ok(self.uploads.permit(&account.id, request.media_type, request.bytes).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scan::ErrorCode;

    #[test]
    fn type_and_length_must_be_those_of_an_image_that_is_taken() {
        let parse = |content_type: &str, length: &str| {
            let json = format!(r#"{{"content_type":"{content_type}","content_length":{length}}}"#);
            UploadRequest::parse(json.as_bytes()).map_err(|error| error.code())
        };
        assert!(parse("image/jpeg", "20971520").is_ok());
        assert!(parse("IMAGE/PNG", "1").is_ok());
        assert_eq!(parse("image/jpeg", "20971521"), Err(ErrorCode::ImageTooLarge));
        assert_eq!(parse("text/html", "10"), Err(ErrorCode::InvalidRequest));
        for length in ["0", "-1", "null", "1.5", "\"9\""] {
            assert_eq!(parse("image/jpeg", length), Err(ErrorCode::InvalidRequest), "{length}");
        }
    }
}
