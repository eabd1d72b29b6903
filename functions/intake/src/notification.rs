//! What S3 tells of an object that was put into a bucket
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>).

use serde::Deserialize;
use service::UploadedObject;

/// A notification.
#[derive(Debug, Deserialize)]
pub struct Notification {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

/// What S3 sends when notifications are set up.
#[derive(Debug, Deserialize)]
struct Test {
    #[serde(rename = "Event")]
    event: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_name: String,
    s3: Entity,
}

#[derive(Debug, Deserialize)]
struct Entity {
    bucket: Bucket,
    object: Object,
}

#[derive(Debug, Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    key: String,
    #[serde(default)]
    size: u64,
    version_id: Option<String>,
    sequencer: Option<String>,
    e_tag: Option<String>,
}

impl Notification {
    /// Parses a message's body; `None` if it is no notification.
    pub fn parse(body: &str) -> Option<Self> {
        match serde_json::from_str(body) {
            Ok(notification) => Some(notification),
            Err(_) => {
                let test = serde_json::from_str::<Test>(body).ok()?;
                (test.event == "s3:TestEvent").then_some(Self { records: Vec::new() })
            }
        }
    }

    /// The objects that were put. Folders, which consoles make as empty objects, are none; nor are keys that are not
    /// UTF-8.
    pub fn objects(self) -> impl Iterator<Item = UploadedObject> {
        let created = self.records.into_iter().filter(|record| {
            let name = record.event_name.strip_prefix("s3:").unwrap_or(&record.event_name);
            name.starts_with("ObjectCreated:")
        });
        created.filter_map(|Record { s3: Entity { bucket, object }, .. }| {
            let key = decode(&object.key).filter(|key| !key.ends_with('/'))?;
            let version = object.version_id.filter(|version| version != "null");
            let sequencer = object.sequencer.or(object.e_tag).unwrap_or_default();
            Some(UploadedObject { bucket: bucket.name, key, version, sequencer, size: object.size })
        })
    }
}

/// Keys come as in a form: a plus sign for a space, and bytes in hexadecimal.
fn decode(key: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(key.len()), key.bytes());
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloud::Inbox;
    use proptest::prelude::*;

    #[test]
    fn keys_are_decoded() {
        assert_eq!(decode("uploads/a/holiday+photo%281%29%2B.png").unwrap(), "uploads/a/holiday photo(1)+.png");
        assert_eq!(decode("%E6%BC%A2").unwrap(), "漢");
        for wrong in ["%", "%2", "%zz", "%ff"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }

    /// A key as S3 may write it in a notification: every byte escaped or not, spaces as plus signs or escaped.
    fn encoded(key: &str, choices: &[u8]) -> String {
        let byte = |(byte, choice): (u8, &u8)| match (byte, choice % 3) {
            (b' ', 0) => "+".to_owned(),
            (b'a'..=b'z' | b'.' | b'/', 0) => char::from(byte).to_string(),
            (_, 1) => format!("%{byte:02x}"),
            _ => format!("%{byte:02X}"),
        };
        key.bytes().zip(choices.iter().cycle()).map(byte).collect()
    }

    proptest! {
        /// However a key is escaped, it is judged as it is, once decoded; an escape inside a key stays one.
        #[test]
        fn a_key_belongs_to_whom_it_says_in_every_encoding(
            pieces in proptest::collection::vec(proptest::sample::select(PIECES.to_vec()), 0..8),
            choices in proptest::collection::vec(any::<u8>(), 1..40),
        ) {
            let key = format!("uploads/demo/{}x", pieces.concat());
            let record = format!(
                r#"{{"eventName":"ObjectCreated:Put","s3":{{"bucket":{{"name":"b"}},"object":{{"key":"{}"}}}}}}"#,
                encoded(&key, &choices)
            );
            let notification = Notification::parse(&format!(r#"{{"Records":[{record}]}}"#)).unwrap();
            let object = notification.objects().next().unwrap();
            prop_assert_eq!(&object.key, &key);
            let leads_away = key.split('/').any(|segment| matches!(segment, "" | "." | ".."))
                || key.split('\\').any(|segment| segment == "..");
            if leads_away {
                prop_assert_eq!(Inbox::owner(&object.key), None);
            }
        }
    }

    const PIECES: [&str; 10] =
        ["/", "..", "../", "./", "%2e%2e/", "%252e", "\\..\\", "\u{ff0e}\u{ff0e}/", "other", "a b"];

    #[test]
    fn only_created_objects_count() {
        let record = |name: &str, key: &str| {
            format!(r#"{{"eventName":"{name}","s3":{{"bucket":{{"name":"b"}},"object":{{"key":"{key}","size":3}}}}}}"#)
        };
        let kinds = [("ObjectCreated:Put", "a"), ("ObjectRemoved:Delete", "a"), ("ObjectCreated:Copy", "folder/")];
        let records: Vec<_> = kinds.iter().map(|(name, key)| record(name, key)).collect();
        let notification = Notification::parse(&format!(r#"{{"Records":[{}]}}"#, records.join(","))).unwrap();
        assert_eq!(notification.objects().count(), 1);
        let test = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}"#;
        assert_eq!(Notification::parse(test).unwrap().objects().count(), 0);
        for other in ["{}", "", r#"{"account_id":"a"}"#, r#"{"Event":"other"}"#] {
            assert!(Notification::parse(other).is_none(), "{other}");
        }
    }
}
