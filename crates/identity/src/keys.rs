//! A provider's public keys.

use crate::IdentityError;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use std::collections::HashMap;
use std::fmt;

/// The most keys that are kept of a set. Providers publish two or three.
const MAX_KEYS: usize = 32;

/// The keys that signatures can be checked with, by their `kid`.
#[derive(Default)]
pub struct KeySet(HashMap<String, VerifyingKey>);

/// A public key, and the one algorithm that it is used with: what a token's header claims has no say in it (RFC 8725,
/// section 3.1).
#[derive(Clone)]
pub struct VerifyingKey {
    /// RS256 or ES256.
    pub algorithm: Algorithm,
    /// The key.
    pub key: DecodingKey,
}

impl KeySet {
    /// Reads a JWKS (RFC 7517, section 5). Keys of other kinds and for other uses are passed over.
    pub fn parse(json: &[u8]) -> Result<Self, IdentityError> {
        let set: JwkSet = serde_json::from_slice(json).map_err(|_| IdentityError::Provider("its keys are no JWKS"))?;
        let mut keys = HashMap::new();
        for jwk in set.keys.iter().take(MAX_KEYS) {
            if let (Some(id), Some(key)) = (&jwk.common.key_id, usable(jwk)) {
                keys.entry(id.clone()).or_insert(key);
            }
        }
        Ok(Self(keys))
    }

    /// The key of that id.
    pub fn get(&self, id: &str) -> Option<VerifyingKey> {
        self.0.get(id).cloned()
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

fn usable(jwk: &Jwk) -> Option<VerifyingKey> {
    if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
        return None;
    }
    let (algorithm, named) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        _ => return None,
    };
    if jwk.common.key_algorithm.is_some_and(|algorithm| algorithm != named) {
        return None;
    }
    Some(VerifyingKey { algorithm, key: DecodingKey::from_jwk(jwk).ok()? })
}
