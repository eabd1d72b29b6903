//! Reading the JSON objects that requests are.

use crate::ServiceError;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// What some editors and libraries write before JSON; a reader may pass over it (RFC 8259, section 8.1).
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A request's body. serde would take an array for an object too, its members in the order in which our code names
/// them; that order is nobody's business.
pub(crate) fn body<T: DeserializeOwned>(json: &[u8]) -> Result<T, ServiceError> {
    object("body", json.strip_prefix(BYTE_ORDER_MARK).unwrap_or(json))
}

/// One of several in a body, as it was written: what cannot be read of it, such as half a surrogate pair, is wrong with it
/// alone.
pub(crate) fn item<T: DeserializeOwned>(json: &RawValue) -> Result<T, ServiceError> {
    object("item", json.get().as_bytes())
}

fn object<T: DeserializeOwned>(what: &str, json: &[u8]) -> Result<T, ServiceError> {
    match json.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'[') => Err(no_object(what)),
        _ => serde_json::from_slice(json).map_err(|error| ServiceError::not_json(what, &error)),
    }
}

fn no_object(what: &str) -> ServiceError {
    ServiceError::InvalidRequest(format!("The {what} must be a JSON object."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct One {
        name: Option<String>,
    }

    #[test]
    fn an_object_is_read_and_an_array_is_not_taken_for_one() {
        assert_eq!(body::<One>(b" {\"name\": \"a\"}").unwrap().name.as_deref(), Some("a"));
        assert_eq!(body::<One>("\u{feff}{\"name\": \"a\"}".as_bytes()).unwrap().name.as_deref(), Some("a"));
        let raw = |json: &str| RawValue::from_string(json.to_owned()).unwrap();
        assert_eq!(item::<One>(&raw("{}")).unwrap().name, None);
        for wrong in ["[null]", "\n[\"a\"]", "\u{feff}[]", "null", "7", "", "{", "\u{feff}\u{feff}{}", " \u{feff}{}"] {
            assert!(matches!(body::<One>(wrong.as_bytes()), Err(ServiceError::InvalidRequest(_))), "{wrong}");
        }
        for wrong in ["[\"a\"]", r#"{"name": "\ud83d"}"#, r#"{"name": 1e999}"#] {
            assert!(matches!(item::<One>(&raw(wrong)), Err(ServiceError::InvalidRequest(_))), "{wrong}");
        }
    }
}
