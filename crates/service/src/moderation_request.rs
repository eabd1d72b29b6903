//! A message of the moderation queue: whose content it is, what it is, and what the asker calls it.

use crate::{DetectRequest, ServiceError};
use cloud::Inbox;
use scan::{AccountId, Modality};
use serde::Deserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

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

/// The members of a message as they are written, each to be read on its own: one that cannot be read does not take the
/// others with it, nor does a message that breaks off take what stands before.
#[derive(Default)]
struct Members {
    account_id: Option<Box<RawValue>>,
    client_reference: Option<Box<RawValue>>,
    modality: Option<Box<RawValue>>,
    content: Option<Box<RawValue>>,
    s3_uri: Option<Box<RawValue>>,
    url: Option<Box<RawValue>>,
}

impl Members {
    /// What can be read of a message, and whether that is all of it.
    fn read(message: &str) -> (Self, Result<(), serde_json::Error>) {
        let mut members = Self::default();
        let mut json = serde_json::Deserializer::from_str(message.strip_prefix('\u{feff}').unwrap_or(message));
        let read = json.deserialize_map(Reader(&mut members)).and_then(|()| json.end());
        (members, read)
    }

    fn of_name(&mut self, name: &str) -> Option<&mut Option<Box<RawValue>>> {
        match name {
            "account_id" => Some(&mut self.account_id),
            "client_reference" => Some(&mut self.client_reference),
            "modality" => Some(&mut self.modality),
            "content" => Some(&mut self.content),
            "s3_uri" => Some(&mut self.s3_uri),
            "url" => Some(&mut self.url),
            _ => None,
        }
    }
}

struct Reader<'a>(&'a mut Members);

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            let value: Box<RawValue> = map.next_value()?;
            let Some(member) = self.0.of_name(&name) else { continue };
            if member.replace(value).is_some() {
                // Of two accounts, nobody knows whose it is.
                self.0.account_id.take_if(|_| name == "account_id");
                return Err(A::Error::custom(format_args!("`{name}` is there twice")));
            }
        }
        Ok(())
    }
}

impl ModerationRequest {
    /// The longest reference, in characters.
    pub const MAX_REFERENCE: usize = 256;

    /// Parses a message: `{"account_id", "modality", "content" | "s3_uri" | "url", "client_reference"}`. `bucket` is
    /// the uploads bucket. `None` when it does not say whose it is.
    pub fn parse(message: &str, bucket: &str) -> Option<Self> {
        let (members, read) = Members::read(message);
        let account: AccountId = string(members.account_id.as_deref()?)?.parse().ok()?;
        let modality = members.modality.as_ref().and_then(|modality| serde_json::from_str(modality.get()).ok());
        let reference = client_reference(members.client_reference.as_deref());
        let client_reference = reference.as_ref().ok().cloned().flatten();
        let content = match (read, reference) {
            (Err(error), _) => Err(ServiceError::not_json("message", &error)),
            (Ok(()), Err(error)) => Err(error),
            (Ok(()), Ok(_)) => content(&account, modality, &members, bucket),
        };
        Some(Self { account, client_reference, modality, content })
    }
}

/// A member as a string, if it is one.
fn string(json: &RawValue) -> Option<String> {
    serde_json::from_str(json.get()).ok()
}

/// A member that may be left out, or be `null`.
fn optional_string(name: &str, json: Option<&RawValue>) -> Result<Option<String>, ServiceError> {
    match json.filter(|json| json.get() != "null") {
        None => Ok(None),
        Some(json) => match serde_json::from_str(json.get()) {
            Ok(text) => Ok(Some(text)),
            Err(error) => Err(ServiceError::InvalidRequest(format!("`{name}` must be a string: {error}."))),
        },
    }
}

fn client_reference(json: Option<&RawValue>) -> Result<Option<String>, ServiceError> {
    let rule =
        || ServiceError::InvalidRequest("`client_reference` must be a string of 1 to 256 characters.".to_owned());
    let reference = optional_string("client_reference", json)?;
    let is_of_length = |name: &String| (1..=ModerationRequest::MAX_REFERENCE).contains(&name.chars().count());
    if reference.as_ref().is_none_or(is_of_length) { Ok(reference) } else { Err(rule()) }
}

fn content(
    account: &AccountId,
    modality: Option<Modality>,
    members: &Members,
    bucket: &str,
) -> Result<Asked, ServiceError> {
    let invalid = |rule: &str| Err(ServiceError::InvalidRequest(rule.to_owned()));
    let content = optional_string("content", members.content.as_deref())?;
    let uri = optional_string("s3_uri", members.s3_uri.as_deref())?;
    let url = optional_string("url", members.url.as_deref())?;
    match (modality.ok_or(ServiceError::ModalityNotSupported)?, content, uri, url) {
        (Modality::Text, Some(content), None, None) => DetectRequest::text(content).map(Asked::Request),
        (Modality::Image, Some(content), None, None) => DetectRequest::file(content).map(Asked::Request),
        (Modality::Image, None, None, Some(url)) => Ok(Asked::Request(DetectRequest::url(url))),
        (_, None, Some(uri), None) => {
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

#[cfg(test)]
mod tests {
    use super::*;
    use scan::ErrorCode;
    use serde_json::{Value, json};

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
                .into_iter()
                .chain(["s3://bucket/uploads/a/../b/y", "s3://bucket/uploads/a/./y", "s3://bucket/uploads/a//y"])
        {
            assert_eq!(refusal(base(json!({"s3_uri": elsewhere}))), ErrorCode::InvalidRequest, "{elsewhere}");
        }
        for nobody in ["", "{}", "[]", r#"{"account_id": 7}"#, r#"{"account_id": "a b"}"#, "\u{0}"] {
            assert!(ModerationRequest::parse(nobody, "bucket").is_none(), "{nobody:?}");
        }
    }
    #[test]
    fn what_cannot_be_read_is_a_refusal_of_the_account_that_is_named() {
        let unreadable = |message: &str| {
            let request = ModerationRequest::parse(message, "bucket").unwrap();
            assert_eq!(request.account.as_str(), "demo", "{message}");
            assert_eq!(request.content.unwrap_err().code(), ErrorCode::InvalidRequest, "{message}");
            request.client_reference
        };
        let known = r#"{"account_id":"demo","modality":"text","client_reference":"mine""#;
        for rest in [
            r#","content":"one two three four five \ud83d"}"#,
            r#","content":5}"#,
            r#","content":1e999}"#,
            r#","content":{"a":[]}}"#,
            r#","url":["x"]}"#,
            r#","content":"one two three four five","#,
            r#","content":"it breaks off"#,
            r#","content":"one two three four five"} and more"#,
            r#","content":"one two three four five","content":"six"}"#,
            ",\"content\":\"one two three\nfour five\"}",
            "}",
        ] {
            assert_eq!(unreadable(&format!("{known}{rest}")).as_deref(), Some("mine"), "{rest}");
        }
        assert_eq!(unreadable(r#"{"account_id":"demo","modality":"text","client_reference":"\ud83d"}"#), None);
        for nobodys in [r#"{"account_id":"demo","account_id":"other","content":"x"}"#, r#"["demo"]"#, r#""demo""#] {
            assert!(ModerationRequest::parse(nobodys, "bucket").is_none(), "{nobodys}");
        }
        let marked = "\u{feff}{\"account_id\":\"demo\",\"modality\":\"text\",\"content\":\"one two three four five\"}";
        assert!(ModerationRequest::parse(marked, "bucket").unwrap().content.is_ok());
    }
}
