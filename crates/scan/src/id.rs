//! Identifiers. Each is its own type, so that one cannot stand in for another.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;
use time::OffsetDateTime;
use uuid::Uuid;

/// A scan: a UUIDv7 (RFC 9562, section 5.7), so that ids sort by creation time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ScanId(Uuid);

impl ScanId {
    /// The id of one of several scans that are made at `time` of what `parts` tell apart: the same for the same, and sorted by
    /// `index`, which stands in the bits for a counter (RFC 9562, section 6.2, method 1).
    pub fn derived(time: OffsetDateTime, index: u16, parts: &[&str]) -> Self {
        let mut hash = Sha256::new().chain_update(index.to_be_bytes());
        for part in parts {
            // With its length, so that no two lists of parts read the same.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let hash = hash.finalize();
        let [high, low] = index.to_be_bytes();
        let tail = [high, low, hash[0], hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7]];
        let milliseconds = u64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(milliseconds, &tail).into_uuid())
    }

    /// Sorts before every id that is made at `time` or later, and after every one made before. To the millisecond.
    pub fn bound(time: OffsetDateTime) -> Self {
        let milliseconds = (time.unix_timestamp_nanos() / 1_000_000).clamp(0, (1 << 48) - 1);
        Self(Uuid::from_u128((milliseconds as u128) << 80))
    }

    /// The last that sorts before this one.
    pub fn preceding(self) -> Self {
        Self(Uuid::from_u128(self.0.as_u128().saturating_sub(1)))
    }

    /// Sorts after every id.
    pub fn last() -> Self {
        Self(Uuid::max())
    }
}

/// A file that a user uploads before asking for its scan: a random UUIDv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UploadId(Uuid);

macro_rules! uuid_id {
    ($type:ident, $kind:literal, $make:expr, $doc:literal) => {
        impl $type {
            #[doc = $doc]
            #[allow(clippy::new_without_default, reason = "an id is made, not defaulted")]
            pub fn new() -> Self {
                Self($make)
            }
        }
        impl FromStr for $type {
            type Err = InvalidId;
            fn from_str(s: &str) -> Result<Self, InvalidId> {
                Uuid::parse_str(s).map(Self).map_err(|_| InvalidId { kind: $kind, rule: "a UUID" })
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}
uuid_id!(ScanId, "scan id", Uuid::now_v7(), "A fresh id, later than all before it from this process.");
uuid_id!(UploadId, "upload id", Uuid::new_v4(), "A fresh id that nobody can guess.");

/// An account: 1–64 characters of `a–z A–Z 0–9 . _ -`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(String);

impl AccountId {
    /// Stands for no account: content judged on the command line.
    pub fn nobody() -> Self {
        Self("nobody".to_owned())
    }
}

/// An API key's public name: what lists show and revocation takes. Not a secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId(String);

/// A place that an account wants its events sent to. Not a secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WebhookId(String);

/// The text is not an identifier of that kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a {kind}: it must be {rule}")]
pub struct InvalidId {
    kind: &'static str,
    rule: &'static str,
}

fn is_slug(s: &str) -> bool {
    (1..=64).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

macro_rules! slug_id {
    ($type:ident, $kind:literal) => {
        impl $type {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl FromStr for $type {
            type Err = InvalidId;
            fn from_str(s: &str) -> Result<Self, InvalidId> {
                Self::try_from(s.to_owned())
            }
        }
        impl TryFrom<String> for $type {
            type Error = InvalidId;
            fn try_from(s: String) -> Result<Self, InvalidId> {
                let rule = "1 to 64 letters, digits, dots, dashes or underscores";
                if is_slug(&s) { Ok(Self(s)) } else { Err(InvalidId { kind: $kind, rule }) }
            }
        }
        impl From<$type> for String {
            fn from(id: $type) -> String {
                id.0
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
slug_id!(AccountId, "account id");
slug_id!(KeyId, "key id");
slug_id!(WebhookId, "webhook id");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scan_ids_sort_by_creation() {
        let ids: Vec<_> = (0..100).map(|_| ScanId::new().to_string()).collect();
        assert!(ids.is_sorted());
    }

    #[test]
    fn bounds_part_ids_by_the_time_that_they_were_made() {
        let before = OffsetDateTime::now_utc() - time::Duration::SECOND;
        let id = ScanId::new();
        let after = OffsetDateTime::now_utc() + time::Duration::SECOND;
        assert!(ScanId::bound(before) < id && id < ScanId::bound(after) && id < ScanId::last());
        assert!(ScanId::bound(before).to_string() < id.to_string(), "as text too");
        assert!(ScanId::bound(OffsetDateTime::UNIX_EPOCH - time::Duration::DAY) < id);
        assert!(id.preceding() < id && id.preceding().to_string() < id.to_string());
    }

    #[test]
    fn derived_ids_follow_from_what_they_are_derived_from_and_sort_by_index() {
        let at = OffsetDateTime::from_unix_timestamp(1_795_824_000).unwrap();
        let id = |index, parts: &[&str]| ScanId::derived(at, index, parts);
        assert_eq!(id(7, &["demo", "key"]), id(7, &["demo", "key"]));
        assert_ne!(id(7, &["demo", "key"]), id(7, &["demok", "ey"]));
        let ids: Vec<_> = (0..100).map(|index| id(index, &["demo", "key"])).collect();
        assert!(ids.is_sorted() && ScanId::bound(at) < ids[0]);
        assert!(ids[99] < ScanId::bound(at + time::Duration::milliseconds(1)));
        assert_eq!(ids[0].0.get_version(), Some(uuid::Version::SortRand));
    }

    #[test]
    fn account_ids_are_slugs() {
        assert!("demo".parse::<AccountId>().is_ok());
        for bad in ["", "a b", "a#b", "é", &"x".repeat(65)] {
            assert!(bad.parse::<AccountId>().is_err(), "{bad:?}");
        }
    }
}
