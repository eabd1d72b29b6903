//! Authorization codes: given once, redeemed once, within a minute.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scan::AccountId;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a code may be redeemed.
const LIFETIME: Duration = Duration::from_secs(60);
/// The most codes that wait; more are not given, the oldest go.
const MOST: usize = 1_000;

/// What a code stands for.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Who signed in.
    pub account: AccountId,
    /// Where the code was sent.
    pub redirect_uri: String,
    /// SHA-256 of the verifier, in base64url (RFC 7636, section 4.2).
    pub code_challenge: String,
    /// Comes back in the ID token.
    pub nonce: Option<String>,
}

impl Grant {
    /// Whether `verifier` is what the challenge was made of.
    pub fn is_proven_by(&self, verifier: &str) -> bool {
        URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == self.code_challenge
    }
}

/// Codes that wait to be redeemed.
#[derive(Default)]
pub struct Codes(Mutex<HashMap<String, (Instant, Grant)>>);

impl Codes {
    /// A fresh code.
    pub fn give(&self, grant: Grant) -> String {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, (given, _)| given.elapsed() < LIFETIME);
        if waiting.len() >= MOST
            && let Some(oldest) = waiting.iter().min_by_key(|(_, (given, _))| *given).map(|(code, _)| code.clone())
        {
            waiting.remove(&oldest);
        }
        let code = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        waiting.insert(code.clone(), (Instant::now(), grant));
        code
    }

    /// What a code stands for, the first time that it is asked.
    pub fn take(&self, code: &str) -> Option<Grant> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.remove(code).filter(|(given, _)| given.elapsed() < LIFETIME).map(|(_, grant)| grant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_redeemed_once_by_who_asked_for_it() {
        // RFC 7636, appendix B.
        let (verifier, challenge) =
            ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        let (account, redirect_uri) = ("demo".parse().unwrap(), "http://localhost:1/dashboard".to_owned());
        let grant = Grant { account, redirect_uri, code_challenge: challenge.to_owned(), nonce: None };
        let codes = Codes::default();
        let code = codes.give(grant);
        assert!(codes.take("another").is_none());
        let grant = codes.take(&code).unwrap();
        assert!(grant.is_proven_by(verifier) && !grant.is_proven_by("another"));
        assert!(codes.take(&code).is_none(), "once");
    }
}
