//! An account's API keys.

use crate::{ServiceError, json, name};
use cloud::{ApiKey, KeyInfo, Keys};
use scan::{AccountId, KeyId};
use serde::Deserialize;

/// What somebody calls a new key: 1 to 64 characters on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyName(String);

#[derive(Deserialize)]
struct Body {
    name: Option<String>,
}

impl KeyName {
    /// The longest name, in characters.
    pub const MAX_LENGTH: usize = 64;

    /// Parses JSON: `{"name": "…"}`.
    pub fn parse(json: &[u8]) -> Result<Self, ServiceError> {
        let body: Body = json::body(json)?;
        Self::new(&body.name.unwrap_or_default())
    }

    /// The name, without space around it.
    pub fn new(name: &str) -> Result<Self, ServiceError> {
        name::checked("name", name.trim().to_owned(), Self::MAX_LENGTH).map(Self)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Making, listing and revoking keys.
#[derive(Debug, Clone)]
pub struct KeyRing {
    keys: Keys,
}

impl KeyRing {
    /// The most active keys of an account. Requests at the same moment may exceed it by one or two.
    pub const MAX_ACTIVE: usize = 20;

    /// Keys are kept in `keys`.
    pub fn new(keys: Keys) -> Self {
        Self { keys }
    }

    /// Makes a key. It is in the answer and nowhere else.
    pub async fn create(&self, account: &AccountId, name: &KeyName) -> Result<(ApiKey, KeyInfo), ServiceError> {
        let active = self.keys.list(account).await?.iter().filter(|key| !key.revoked).count();
        if active >= Self::MAX_ACTIVE {
            return Err(ServiceError::TooManyKeys);
        }
        Ok(self.keys.create(account, &name.0).await?)
    }

    /// The account's keys, oldest first; revoked ones for thirty days.
    pub async fn list(&self, account: &AccountId) -> Result<Vec<KeyInfo>, ServiceError> {
        Ok(self.keys.list(account).await?)
    }

    /// Revokes a key, from the next request on.
    pub async fn revoke(&self, account: &AccountId, id: &KeyId) -> Result<(), ServiceError> {
        if self.keys.revoke(account, id).await? { Ok(()) } else { Err(ServiceError::NoSuchKey) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_line_of_some_characters() {
        assert_eq!(KeyName::parse(br#"{"name":" CI "}"#).unwrap(), KeyName("CI".to_owned()));
        assert!(KeyName::parse(format!(r#"{{"name":"{}"}}"#, "é".repeat(64)).as_bytes()).is_ok());
        let long = format!(r#"{{"name":"{}"}}"#, "x".repeat(65));
        for wrong in
            ["{}", r#"{"name":""}"#, r#"{"name":"a\nb"}"#, r#"{"name":"a\u202eb"}"#, r#"{"name":7}"#, "[]", &long]
        {
            assert!(matches!(KeyName::parse(wrong.as_bytes()), Err(ServiceError::InvalidRequest(_))), "{wrong}");
        }
    }
}
