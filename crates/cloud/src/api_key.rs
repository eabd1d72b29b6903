//! API keys: `tl_live_`, 32 random base-62 characters, and 6 more that are the CRC-32 of what precedes them.

use hmac::{Hmac, Mac};
use rand::Rng;
use sha2::Sha256;
use std::fmt;

const PREFIX: &str = "tl_live_";
const SECRET: usize = 32;
const CHECK: usize = 6;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A well-formed API key, in the clear. It lives only between the request and the digest; its debug form shows
/// nothing of the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

/// The text is no API key of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a TruthLens API key")]
pub struct MalformedKey;

impl ApiKey {
    /// A fresh key from the operating system's randomness: 190 bits.
    pub fn generate() -> Self {
        let mut random = rand::rng();
        let secret: String =
            (0..SECRET).map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())])).collect();
        let body = format!("{PREFIX}{secret}");
        let check = checksum(&body);
        Self(body + &check)
    }

    /// Checks form and checksum, so that a typo costs no look-up.
    pub fn parse(text: &str) -> Result<Self, MalformedKey> {
        let well_formed = text.len() == PREFIX.len() + SECRET + CHECK
            && text.starts_with(PREFIX)
            && text[PREFIX.len()..].bytes().all(|b| b.is_ascii_alphanumeric());
        if !well_formed {
            return Err(MalformedKey);
        }
        let (body, check) = text.split_at(PREFIX.len() + SECRET);
        if checksum(body) == check { Ok(Self(text.to_owned())) } else { Err(MalformedKey) }
    }

    /// The key in the clear. For showing it once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What lists show: `tl_live_Ab12`.
    pub fn hint(&self) -> &str {
        &self.0[..PREFIX.len() + 4]
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

/// CRC-32 (IEEE) in base 62, most significant digit first, padded to six.
fn checksum(body: &str) -> String {
    let mut rest = crc32fast::hash(body.as_bytes()) as usize;
    let mut digits = [b'0'; CHECK];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[rest % ALPHABET.len()];
        rest /= ALPHABET.len();
    }
    digits.iter().map(|b| char::from(*b)).collect()
}

/// The secret that keys are hashed with, so that a stolen table reveals none of them.
#[derive(Clone)]
pub struct Pepper(Vec<u8>);

/// The pepper is too short to be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key pepper must have at least 16 bytes")]
pub struct WeakPepper;

impl Pepper {
    /// Takes at least 16 bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, WeakPepper> {
        let bytes = bytes.into();
        if bytes.len() < 16 { Err(WeakPepper) } else { Ok(Self(bytes)) }
    }

    /// HMAC-SHA256 of the key (RFC 2104), in hexadecimal: what is stored instead of it.
    pub fn digest(&self, key: &ApiKey) -> String {
        // HMAC takes keys of any length (RFC 2104, section 2), so this arm is never left.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return String::new() };
        mac.update(key.0.as_bytes());
        hex::encode(mac.finalize().into_bytes())
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_key_parses_and_any_typo_does_not() {
        let key = ApiKey::generate();
        assert_eq!(ApiKey::parse(key.reveal()), Ok(key.clone()));
        for at in 0..key.reveal().len() {
            let mut typo = key.reveal().to_owned().into_bytes();
            typo[at] = if typo[at] == b'x' { b'y' } else { b'x' };
            assert_eq!(ApiKey::parse(std::str::from_utf8(&typo).unwrap()), Err(MalformedKey), "at {at}");
        }
        for bad in ["", "tl_live_", "tl_live_é", &"x".repeat(46), "tl_live_xxxxxxxxxxxxxxxxxxxx"] {
            assert_eq!(ApiKey::parse(bad), Err(MalformedKey));
        }
    }

    #[test]
    fn debug_output_shows_no_secret() {
        let key = ApiKey::generate();
        assert!(!format!("{key:?}").contains(key.reveal()));
        assert_eq!(format!("{:?}", Pepper::new([7; 16]).unwrap()), "Pepper(…)");
        assert!(Pepper::new([7; 15]).is_err());
    }

    #[test]
    fn digests_depend_on_key_and_pepper() {
        let (a, b) = (ApiKey::generate(), ApiKey::generate());
        let (p, q) = (Pepper::new([1; 32]).unwrap(), Pepper::new([2; 32]).unwrap());
        assert_eq!(p.digest(&a), p.digest(&a));
        assert_ne!(p.digest(&a), p.digest(&b));
        assert_ne!(p.digest(&a), q.digest(&a));
    }
}
