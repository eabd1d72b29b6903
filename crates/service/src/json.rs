//! Reading the JSON objects that requests are.

use crate::ServiceError;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A request's body. serde would take an array for an object too, its members in the order in which our code names
/// them; that order is nobody's business.
pub(crate) fn body<T: DeserializeOwned>(json: &[u8]) -> Result<T, ServiceError> {
    match json.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'[') => Err(no_object("body")),
        _ => serde_json::from_slice(json).map_err(|error| ServiceError::not_json("body", &error)),
    }
}

/// One of several in a body.
pub(crate) fn item<T: DeserializeOwned>(json: Value) -> Result<T, ServiceError> {
    match json {
        Value::Array(_) => Err(no_object("item")),
        json => serde_json::from_value(json).map_err(|error| ServiceError::not_json("item", &error)),
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
        assert_eq!(item::<One>(serde_json::json!({})).unwrap().name, None);
        for wrong in ["[null]", "\n[\"a\"]", "null", "7", "", "{", "\u{feff}{}"] {
            assert!(matches!(body::<One>(wrong.as_bytes()), Err(ServiceError::InvalidRequest(_))), "{wrong}");
        }
        assert!(matches!(item::<One>(serde_json::json!(["a"])), Err(ServiceError::InvalidRequest(_))));
    }
}
