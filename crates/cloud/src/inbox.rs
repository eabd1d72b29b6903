//! The uploads bucket: what teams put there for scanning, below `uploads/<account id>/`. The objects are theirs, and are
//! only read and tagged.

use crate::CloudError;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::{Tag, Tagging};
use scan::AccountId;
use std::collections::BTreeMap;

/// What every key begins with.
const PREFIX: &str = "uploads/";
/// The most tags that S3 keeps for an object.
const MAX_TAGS: usize = 10;

/// Objects to be scanned.
#[derive(Debug, Clone)]
pub struct Inbox {
    client: Client,
    bucket: String,
}

impl Inbox {
    /// The bucket of that name.
    pub fn new(client: Client, bucket: String) -> Self {
        Self { client, bucket }
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The account that a key belongs to, by its second segment; `None` if it belongs to nobody. The key is judged as it is
    /// written: to S3 it is opaque, and a store that takes it for a path must not be led elsewhere by it, so no segment may
    /// be empty, `.` or `..`.
    pub fn owner(key: &str) -> Option<AccountId> {
        let (account, file) = key.strip_prefix(PREFIX)?.split_once('/')?;
        // Some systems part paths at backslashes too.
        let is_plain = |segment: &str| !matches!(segment, "" | "." | "..");
        let leads_straight = is_plain(account) && file.split(['/', '\\']).all(is_plain);
        leads_straight.then(|| account.parse().ok()).flatten()
    }

    /// The object of a key; `None` when there is none (any more). An object of more than `max_bytes` is an error, found
    /// before it is read.
    pub async fn get(&self, key: &str, version: Option<&str>, max_bytes: usize) -> Result<Option<Vec<u8>>, CloudError> {
        let get = self.client.get_object().bucket(&self.bucket).key(key).set_version_id(version.map(str::to_owned));
        let object = match get.send().await {
            Ok(object) => object,
            Err(e) if e.code().is_some_and(|code| matches!(code, "NoSuchKey" | "NoSuchVersion")) => return Ok(None),
            Err(e) => return Err(CloudError::of("fetch an uploaded object")(e)),
        };
        if object.content_length().and_then(|n| usize::try_from(n).ok()).is_none_or(|n| n > max_bytes) {
            return Err(CloudError::TooLarge { limit: max_bytes });
        }
        let bytes = object.body.collect().await.map_err(CloudError::of("read an uploaded object"))?;
        Ok(Some(bytes.into_bytes().into()))
    }

    /// Adds tags to an object, in place of those of the same names; its other tags stay. Does nothing to an object that
    /// is gone, or has no room for them.
    pub async fn tag(
        &self,
        key: &str,
        version: Option<&str>,
        tags: &BTreeMap<&'static str, String>,
    ) -> Result<(), CloudError> {
        let version = version.map(str::to_owned);
        let get = self.client.get_object_tagging().bucket(&self.bucket).key(key).set_version_id(version.clone());
        let found = match get.send().await {
            Ok(found) => found.tag_set,
            Err(e) if is_gone(&e) => return Ok(()),
            Err(e) => return Err(CloudError::of("read tags")(e)),
        };
        let mut set: Vec<Tag> = found.into_iter().filter(|tag| !tags.contains_key(tag.key.as_str())).collect();
        if set.len() + tags.len() > MAX_TAGS {
            tracing::warn!("an uploaded object has no room for our tags");
            return Ok(());
        }
        for (name, value) in tags {
            let tag = Tag::builder().key(*name).value(value).build();
            set.push(tag.map_err(CloudError::of("tag an object"))?);
        }
        let tagging = Tagging::builder().set_tag_set(Some(set)).build().map_err(CloudError::of("tag an object"))?;
        let put = self.client.put_object_tagging().bucket(&self.bucket).key(key).set_version_id(version);
        match put.tagging(tagging).send().await {
            Ok(_) => Ok(()),
            Err(e) if is_gone(&e) => Ok(()),
            Err(e) => Err(CloudError::of("tag an object")(e)),
        }
    }
}

fn is_gone<E: ProvideErrorMetadata>(error: &E) -> bool {
    error.code().is_some_and(|code| matches!(code, "NoSuchKey" | "NoSuchVersion" | "MethodNotAllowed"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_key_belongs_to_the_account_of_its_second_segment() {
        assert_eq!(Inbox::owner("uploads/acme/2026/a b.png").unwrap().as_str(), "acme");
        assert_eq!(Inbox::owner("uploads/acme/..a/b..c/...").unwrap().as_str(), "acme");
        for nobody in [
            "uploads/acme",
            "uploads/acme/",
            "uploads//a.png",
            "uploads/acme/\\",
            "other/acme/a.png",
            "uploads/a#b/c",
            "",
        ] {
            assert_eq!(Inbox::owner(nobody), None, "{nobody}");
        }
    }

    /// Where a store finds a key that takes it for a path.
    fn normalised(key: &str) -> String {
        let mut path: Vec<&str> = Vec::new();
        for segment in key.split(['/', '\\']) {
            match segment {
                "" | "." => {}
                ".." => drop(path.pop()),
                segment => path.push(segment),
            }
        }
        path.join("/")
    }

    proptest! {
        #[test]
        fn no_key_leads_a_store_that_normalises_it_out_of_its_owners_folder(
            pieces in proptest::collection::vec(proptest::sample::select(PIECES.to_vec()), 0..8)
        ) {
            let key = format!("uploads/{}", pieces.concat());
            if let Some(owner) = Inbox::owner(&key) {
                let folder = format!("uploads/{owner}/");
                prop_assert!(key.starts_with(&folder) && normalised(&key).starts_with(&folder), "{key}");
            }
        }
    }

    const PIECES: [&str; 14] =
        ["demo", "other", "/", "/", ".", "..", "../", "\\", "%2e%2e", "%2E", "%2f", "\u{2025}", "\u{ff0e}", "a"];
}
