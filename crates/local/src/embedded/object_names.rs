//! Where objects lie in the file system. To S3 a key is any 1,024 bytes and leads nowhere; a file system has shorter names,
//! and takes some for directions.

use sha2::{Digest, Sha256};

/// The longest key that is kept under its own name, in bytes: the file system's 255 less what s3s writes around it, in
/// base64, for the longest of its files, that of a multipart upload to the bucket of uploads.
const MAX_PLAIN: usize = 118;
/// How much of a longer key's folders stays readable, in bytes: with a digest no longer than the longest plain name.
const MAX_FOLDERS: usize = 40;

/// The path below its bucket of the object of a key: the key itself where that is a plain path, and otherwise its first
/// folders and a digest. No two keys share one.
pub(super) fn stored(key: &str) -> String {
    let is_plain = |segment: &str| !matches!(segment, "" | "." | "..");
    // A key that ends in a slash is a folder.
    let path = key.strip_suffix('/').unwrap_or(key);
    if key.len() <= MAX_PLAIN && path.split('/').all(is_plain) {
        return key.to_owned();
    }
    let mut folders = String::new();
    for segment in key.split_inclusive('/') {
        if !segment.ends_with('/')
            || !is_plain(&segment[..segment.len() - 1])
            || folders.len() + segment.len() > MAX_FOLDERS
        {
            break;
        }
        folders.push_str(segment);
    }
    format!("{folders}sha256-{}", hex::encode(Sha256::digest(key)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn plain_keys_keep_their_names_and_others_stay_in_their_folder() {
        for plain in
            ["uploads/demo/a picture.png", "uploads/demo/summer/", "a", "uploads/demo/..a/b..", "\u{ff0e}\u{ff0e}/x"]
        {
            assert_eq!(stored(plain), plain);
        }
        let others = [
            "../x",
            "./x",
            "uploads/demo/../other/x",
            "uploads/demo//x",
            "/x",
            "uploads/demo/.",
            "//",
            "uploads/demo/./x",
        ];
        let long = [format!("uploads/demo/{}", "x".repeat(1000)), "a/".repeat(512), "é".repeat(512)];
        let keys: Vec<String> = others.map(str::to_owned).into_iter().chain(long).collect();
        let names: BTreeSet<String> = keys.iter().map(|key| stored(key)).collect();
        assert_eq!(names.len(), keys.len());
        for name in &names {
            assert!(
                name.len() <= MAX_PLAIN && name.split('/').all(|segment| !matches!(segment, "" | "." | "..")),
                "{name}"
            );
            assert_eq!(stored(name), *name);
        }
        assert!(stored("uploads/demo/../other/x").starts_with("uploads/demo/sha256-"));
    }
}
