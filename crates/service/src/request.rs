//! The body of a detect request, parsed at the edge.

use crate::{ServiceError, json};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use scan::image::MAX_BYTES;
use scan::{Modality, Text, UploadId};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::fmt;

/// A request that can be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DetectRequest {
    /// Judge this text.
    Text(Text),
    /// Judge this image.
    Image(ImageSource),
}

/// Where an image is to be had.
#[derive(Clone, PartialEq, Eq)]
pub enum ImageSource {
    /// The file itself, at most [`MAX_BYTES`] bytes.
    File(Vec<u8>),
    /// Behind a URL.
    Url(String),
    /// Uploaded before, by the same account.
    Uploaded(UploadId),
}

/// Content is private: its debug form tells its size only.
impl fmt::Debug for ImageSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ImageSource::File(bytes) => write!(f, "File({} bytes)", bytes.len()),
            ImageSource::Url(_) => f.write_str("Url"),
            ImageSource::Uploaded(id) => write!(f, "Uploaded({id})"),
        }
    }
}

impl ImageSource {
    /// A file of at most [`MAX_BYTES`] bytes.
    pub fn file(bytes: Vec<u8>) -> Result<Self, ServiceError> {
        match bytes.len() {
            0 => Err(ServiceError::EmptyImage),
            n if n > MAX_BYTES => Err(ServiceError::ImageTooLarge),
            _ => Ok(ImageSource::File(bytes)),
        }
    }
}

#[derive(Deserialize)]
struct Body {
    modality: Option<serde_json::Value>,
    input_type: Option<serde_json::Value>,
    content: Option<String>,
    url: Option<String>,
    upload_id: Option<String>,
}

impl DetectRequest {
    /// Parses JSON. What is unknown is refused before what is out of bounds: modality, then input type, then content.
    /// Members that are not documented are ignored.
    pub fn parse(json: &[u8]) -> Result<Self, ServiceError> {
        Self::of(Body::parse(json)?)
    }

    /// The same from JSON that is part of a larger body.
    pub fn from_json(json: &RawValue) -> Result<Self, ServiceError> {
        Self::of(json::item(json)?)
    }

    fn of(body: Body) -> Result<Self, ServiceError> {
        let modality = body.modality.as_ref().ok_or_else(|| missing("modality"))?;
        let input_type = || body.input_type.as_ref().ok_or_else(|| missing("input_type"));
        match Modality::deserialize(modality) {
            Ok(Modality::Text) if input_type()? == "raw_text" => Self::text(body.content.unwrap_or_default()),
            Ok(Modality::Image) => match input_type()?.as_str() {
                Some("upload") => body.uploaded(),
                Some("url") => Ok(Self::url(body.url.ok_or_else(|| missing("url"))?)),
                _ => Err(ServiceError::InputTypeNotSupported { modality: Modality::Image }),
            },
            Ok(modality) => Err(ServiceError::InputTypeNotSupported { modality }),
            Err(_) => Err(ServiceError::ModalityNotSupported),
        }
    }

    /// A text.
    pub fn text(content: String) -> Result<Self, ServiceError> {
        Ok(DetectRequest::Text(Text::parse(content)?))
    }

    /// An image file in base64.
    pub fn file(content: String) -> Result<Self, ServiceError> {
        ImageSource::file(decode_base64(content)?).map(DetectRequest::Image)
    }

    /// An image behind a URL.
    pub fn url(url: String) -> Self {
        DetectRequest::Image(ImageSource::Url(url))
    }
}

impl Body {
    /// Line breaks inside a string are no JSON, but the documented shell example makes them where `base64` wraps its
    /// lines, as GNU's does; of an image they are forgiven.
    fn parse(json: &[u8]) -> Result<Self, ServiceError> {
        json::body(json).or_else(|error| {
            let unwrapped: Vec<u8> = json.iter().map(|b| if matches!(b, b'\n' | b'\r') { b' ' } else { *b }).collect();
            match json::body::<Body>(&unwrapped) {
                Ok(body) if body.modality.as_ref().is_some_and(|modality| modality == "image") => Ok(body),
                _ => Err(error),
            }
        })
    }

    fn uploaded(self) -> Result<DetectRequest, ServiceError> {
        match (self.content, self.upload_id) {
            (Some(_), Some(_)) => {
                Err(ServiceError::InvalidRequest("Send either `content` or `upload_id`, not both.".to_owned()))
            }
            (None, Some(id)) => {
                let id = id.parse().map_err(|_| ServiceError::UploadNotFound)?;
                Ok(DetectRequest::Image(ImageSource::Uploaded(id)))
            }
            (content, None) => DetectRequest::file(content.unwrap_or_default()),
        }
    }
}

/// Standard base64 (RFC 4648, section 4) with padding; white space in it is ignored. Refuses what would decode to more
/// than [`MAX_BYTES`] before decoding it.
fn decode_base64(mut content: String) -> Result<Vec<u8>, ServiceError> {
    content.retain(|c| !c.is_ascii_whitespace());
    let padding = content.bytes().rev().take_while(|b| *b == b'=').count();
    if content.len() / 4 * 3 > MAX_BYTES + padding {
        return Err(ServiceError::ImageTooLarge);
    }
    STANDARD.decode(content).map_err(|_| ServiceError::InvalidBase64)
}

fn missing(member: &str) -> ServiceError {
    ServiceError::InvalidRequest(format!("`{member}` is missing."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use scan::ErrorCode;

    fn code(json: &str) -> ErrorCode {
        DetectRequest::parse(json.as_bytes()).unwrap_err().code()
    }

    fn image(content: &str) -> Result<DetectRequest, ServiceError> {
        let json = format!(r#"{{"modality":"image","input_type":"upload","content":"{content}"}}"#);
        DetectRequest::parse(json.as_bytes())
    }

    #[test]
    fn the_documented_requests_parse() {
        let json = r#"{"modality":"text","input_type":"raw_text","content":"The proliferation of AI has engendered"}"#;
        assert!(matches!(DetectRequest::parse(json.as_bytes()), Ok(DetectRequest::Text(t)) if t.words() == 6));
        assert_eq!(image("R0lGODlh").unwrap(), DetectRequest::Image(ImageSource::File(b"GIF89a".to_vec())));
        let json = r#"{"modality":"image","input_type":"url","url":"https://example.com/photo.jpg"}"#;
        let url = ImageSource::Url("https://example.com/photo.jpg".to_owned());
        assert_eq!(DetectRequest::parse(json.as_bytes()).unwrap(), DetectRequest::Image(url));
    }

    #[test]
    fn wrapped_base64_is_taken_as_gnu_base64_and_a_shell_make_it() {
        let file = DetectRequest::Image(ImageSource::File(b"GIF89a".to_vec()));
        assert_eq!(image("R0lG\nODlh").unwrap(), file);
        assert_eq!(image("R0lG\\r\\nODlh\\n").unwrap(), file);
        let text = "{\"modality\":\"text\",\"input_type\":\"raw_text\",\"content\":\"one two three four\nfive\"}";
        assert_eq!(code(text), ErrorCode::InvalidRequest);
    }

    #[test]
    fn each_wrong_request_has_its_documented_code() {
        assert_eq!(code("{"), ErrorCode::InvalidRequest);
        assert_eq!(code("[]"), ErrorCode::InvalidRequest);
        assert_eq!(code("{}"), ErrorCode::InvalidRequest);
        assert_eq!(code(r#"{"modality":"video"}"#), ErrorCode::ModalityNotSupported);
        assert_eq!(code(r#"{"modality":7}"#), ErrorCode::ModalityNotSupported);
        assert_eq!(code(r#"{"modality":"text"}"#), ErrorCode::InvalidRequest);
        assert_eq!(code(r#"{"modality":"text","input_type":"url"}"#), ErrorCode::InputTypeNotSupported);
        assert_eq!(code(r#"{"modality":"text","input_type":"raw_text"}"#), ErrorCode::EmptyContent);
        assert_eq!(code(r#"{"modality":"text","input_type":"raw_text","content":""}"#), ErrorCode::EmptyContent);
        assert_eq!(code(r#"{"modality":"text","input_type":"raw_text","content":["a"]}"#), ErrorCode::InvalidRequest);
        assert_eq!(code(r#"{"modality":"image"}"#), ErrorCode::InvalidRequest);
        assert_eq!(code(r#"{"modality":"image","input_type":"raw_text"}"#), ErrorCode::InputTypeNotSupported);
        assert_eq!(code(r#"{"modality":"image","input_type":3}"#), ErrorCode::InputTypeNotSupported);
        assert_eq!(code(r#"{"modality":"image","input_type":"upload"}"#), ErrorCode::EmptyContent);
        assert_eq!(code(r#"{"modality":"image","input_type":"url"}"#), ErrorCode::InvalidRequest);
        assert_eq!(code(r#"{"modality":"image","input_type":"upload","upload_id":"1"}"#), ErrorCode::NotFound);
        for wrong in ["R0lGODl", "R0lGOD-_", "data:image/gif;base64,R0lGODlh", "=", "ü"] {
            assert_eq!(image(wrong).unwrap_err().code(), ErrorCode::InvalidBase64, "{wrong}");
        }
    }

    #[test]
    fn twenty_mebibytes_pass_and_one_byte_more_does_not() {
        let file = |bytes: usize| image(&STANDARD.encode(vec![0; bytes]));
        assert!(file(MAX_BYTES).is_ok());
        assert_eq!(file(MAX_BYTES + 1).unwrap_err().code(), ErrorCode::ImageTooLarge);
    }

    #[test]
    fn invalid_utf8_and_lone_surrogates_are_refused() {
        assert!(DetectRequest::parse(b"{\"modality\":\"text\xff\"}").is_err());
        assert_eq!(
            code(r#"{"modality":"text","input_type":"raw_text","content":"one two three four five \ud800"}"#),
            ErrorCode::InvalidRequest
        );
    }
}
