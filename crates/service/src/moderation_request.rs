//! A message of the moderation queue: whose content it is, what it is, and what the asker calls it.

use crate::{DetectRequest, ServiceError};
use cloud::Inbox;
use scan::{AccountId, Modality};
use serde::Deserialize;
use serde_json::{Value, json};

/// A request whose account is known. What else is wrong with it makes a failed scan.
#[derive(Debug)]
pub struct ModerationRequest {
    /// Whose content.
    pub account: AccountId,
    /// What the asker calls it. Together with the content, it also tells a message that is sent twice.
    pub client_reference: Option<String>,
    /// What kind of content it is said to be.
    pub modality: Option<Modality>,
    /// What to scan.
    pub content: Result<Asked, ServiceError>,
}

/// Content to scan.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    /// As a request of the API has it.
    Request(DetectRequest),
    /// The object of this key in the uploads bucket.
    Object(String),
}

#[derive(Deserialize)]
struct Body {
    account_id: Option<Value>,
    client_reference: Option<Value>,
    modality: Option<Value>,
    content: Option<String>,
    s3_uri: Option<String>,
    url: Option<String>,
}

impl ModerationRequest {
    /// The longest reference, in characters.
    pub const MAX_REFERENCE: usize = 256;

    /// Parses a message: `{"account_id", "modality", "content" | "s3_uri" | "url", "client_reference"}`. `bucket` is
    /// the uploads bucket. `None` when it does not say whose it is.
    pub fn parse(message: &str, bucket: &str) -> Option<Self> {
        let body: Body = serde_json::from_str(message).ok()?;
        let account: AccountId = body.account_id.as_ref()?.as_str()?.parse().ok()?;
        let modality = body.modality.as_ref().and_then(|modality| Modality::deserialize(modality).ok());
        let mut request = Self { account, client_reference: None, modality, content: Err(ServiceError::NotFound) };
        match body.client_reference {
            None | Some(Value::Null) => {}
            Some(Value::String(name)) if (1..=Self::MAX_REFERENCE).contains(&name.chars().count()) => {
                request.client_reference = Some(name);
            }
            Some(_) => {
                let rule = "`client_reference` must be a string of 1 to 256 characters.".to_owned();
                request.content = Err(ServiceError::InvalidRequest(rule));
                return Some(request);
            }
        }
        request.content = content(&request.account, modality, (body.content, body.s3_uri, body.url), bucket);
        Some(request)
    }
}

fn content(
    account: &AccountId,
    modality: Option<Modality>,
    given: (Option<String>, Option<String>, Option<String>),
    bucket: &str,
) -> Result<Asked, ServiceError> {
    let invalid = |rule: &str| Err(ServiceError::InvalidRequest(rule.to_owned()));
    match (modality.ok_or(ServiceError::ModalityNotSupported)?, given) {
        (Modality::Text, (Some(content), None, None)) => {
            request(json!({"modality": "text", "input_type": "raw_text", "content": content}))
        }
        (Modality::Image, (Some(content), None, None)) => {
            request(json!({"modality": "image", "input_type": "upload", "content": content}))
        }
        (Modality::Image, (None, None, Some(url))) => {
            request(json!({"modality": "image", "input_type": "url", "url": url}))
        }
        (_, (None, Some(uri), None)) => {
            // Only the account's own objects: whoever writes to the queue names the account, and no other's files.
            let key = uri.strip_prefix("s3://").and_then(|uri| uri.strip_prefix(bucket)?.strip_prefix('/'));
            match key.filter(|key| Inbox::owner(key).is_some_and(|owner| owner == *account)) {
                Some(key) => Ok(Asked::Object(key.to_owned())),
                None => invalid("`s3_uri` must lead to the account's own folder in the uploads bucket."),
            }
        }
        _ => invalid("Give one of `content`, `s3_uri` and, for an image, `url`."),
    }
}

fn request(json: Value) -> Result<Asked, ServiceError> {
    DetectRequest::from_json(json).map(Asked::Request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use scan::ErrorCode;

    fn parse(json: Value) -> ModerationRequest {
        ModerationRequest::parse(&json.to_string(), "bucket").unwrap()
    }

    fn refusal(json: Value) -> ErrorCode {
        parse(json).content.unwrap_err().code()
    }

    #[test]
    fn each_kind_of_content_is_taken() {
        let text = json!({"account_id": "a", "modality": "text", "content": "one two three four five"});
        assert!(matches!(parse(text).content, Ok(Asked::Request(DetectRequest::Text(_)))));
        let image =
            json!({"account_id": "a", "modality": "image", "content": "R0lGODlh", "client_reference": "post-1"});
        let image = parse(image);
        assert_eq!(image.client_reference.as_deref(), Some("post-1"));
        assert!(matches!(image.content, Ok(Asked::Request(DetectRequest::Image(_)))));
        let url = json!({"account_id": "a", "modality": "image", "url": "https://example.com/a.png"});
        assert!(parse(url).content.is_ok());
        let object = json!({"account_id": "a", "modality": "text", "s3_uri": "s3://bucket/uploads/a/x/y.txt"});
        assert_eq!(parse(object).content.unwrap(), Asked::Object("uploads/a/x/y.txt".to_owned()));
    }

    #[test]
    fn what_is_wrong_is_a_refusal_of_a_known_account_and_what_is_nobodys_is_nothing() {
        let base = |more: Value| {
            let mut json = json!({"account_id": "a", "modality": "text"});
            json.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json
        };
        assert_eq!(refusal(json!({"account_id": "a"})), ErrorCode::ModalityNotSupported);
        assert_eq!(refusal(base(json!({}))), ErrorCode::InvalidRequest);
        assert_eq!(refusal(base(json!({"content": "two words"}))), ErrorCode::EmptyContent);
        assert_eq!(refusal(base(json!({"content": "x", "url": "y"}))), ErrorCode::InvalidRequest);
        assert_eq!(refusal(base(json!({"url": "https://example.com"}))), ErrorCode::InvalidRequest);
        assert_eq!(refusal(base(json!({"client_reference": 7, "content": "x"}))), ErrorCode::InvalidRequest);
        for elsewhere in
            ["s3://bucket/uploads/b/y", "s3://other/uploads/a/y", "s3://bucket2/uploads/a/y", "uploads/a/y"]
        {
            assert_eq!(refusal(base(json!({"s3_uri": elsewhere}))), ErrorCode::InvalidRequest, "{elsewhere}");
        }
        for nobody in ["", "{}", "[]", r#"{"account_id": 7}"#, r#"{"account_id": "a b"}"#, "\u{0}"] {
            assert!(ModerationRequest::parse(nobody, "bucket").is_none(), "{nobody:?}");
        }
    }
}
