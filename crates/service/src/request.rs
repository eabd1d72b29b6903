//! The body of a detect request, parsed at the edge.

use crate::ServiceError;
use scan::{Modality, Text};
use serde::Deserialize;

/// A request that can be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DetectRequest {
    /// Judge this text.
    Text(Text),
}

#[derive(Deserialize)]
struct Body {
    modality: Option<serde_json::Value>,
    input_type: Option<serde_json::Value>,
    content: Option<String>,
}

impl DetectRequest {
    /// Parses JSON. What is unknown is refused before what is out of bounds: modality, then input type, then content.
    /// Members that are not documented are ignored.
    pub fn parse(json: &[u8]) -> Result<Self, ServiceError> {
        let body: Body = serde_json::from_slice(json).map_err(|e| {
            ServiceError::InvalidRequest(format!("The body is not the JSON that this endpoint takes: {e}."))
        })?;
        let modality = body.modality.ok_or_else(|| missing("modality"))?;
        match serde_json::from_value(modality) {
            Ok(Modality::Text) => {}
            Ok(Modality::Image) | Err(_) => return Err(ServiceError::ModalityNotSupported),
        }
        if body.input_type.ok_or_else(|| missing("input_type"))? != "raw_text" {
            return Err(ServiceError::InputTypeNotSupported);
        }
        Ok(DetectRequest::Text(Text::parse(body.content.unwrap_or_default())?))
    }
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

    #[test]
    fn the_documented_request_parses() {
        let json = r#"{"modality":"text","input_type":"raw_text","content":"The proliferation of AI has engendered"}"#;
        assert!(matches!(DetectRequest::parse(json.as_bytes()), Ok(DetectRequest::Text(t)) if t.words() == 6));
    }

    #[test]
    fn each_wrong_request_has_its_documented_code() {
        assert_eq!(code("{"), ErrorCode::InvalidRequest);
        assert_eq!(code("[]"), ErrorCode::InvalidRequest);
        assert_eq!(code("{}"), ErrorCode::InvalidRequest);
        assert_eq!(code(r#"{"modality":"video"}"#), ErrorCode::ModalityNotSupported);
        assert_eq!(code(r#"{"modality":7}"#), ErrorCode::ModalityNotSupported);
        assert_eq!(code(r#"{"modality":"text","input_type":"url"}"#), ErrorCode::InputTypeNotSupported);
        assert_eq!(code(r#"{"modality":"text","input_type":"raw_text"}"#), ErrorCode::EmptyContent);
        assert_eq!(code(r#"{"modality":"text","input_type":"raw_text","content":""}"#), ErrorCode::EmptyContent);
        assert_eq!(code(r#"{"modality":"text","input_type":"raw_text","content":["a"]}"#), ErrorCode::InvalidRequest);
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
