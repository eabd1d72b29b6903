//! Doing what a request asks once, however often it is sent.
//!
//! A client that did not see an answer sends the request again with the same `Idempotency-Key`
//! (draft-ietf-httpapi-idempotency-key-header) and gets the first answer, at no further charge.

use crate::ServiceError;
use cloud::{Answer, Claim, Claimed, Idempotency};
use scan::AccountId;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

/// 1 to 255 visible ASCII characters that a client has made up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// From the header's value. Quotes around it, which the draft wants and few clients send, are not part of it.
    pub fn parse(header: &str) -> Result<Self, ServiceError> {
        let key = header.trim();
        let key = key.strip_prefix('"').and_then(|key| key.strip_suffix('"')).unwrap_or(key);
        if (1..=255).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()) {
            return Ok(Self(key.to_owned()));
        }
        let rule = "`Idempotency-Key` must be 1 to 255 visible ASCII characters; a UUID is a good one.".to_owned();
        Err(ServiceError::InvalidRequest(rule))
    }
}

/// What tells one request from another: its path and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Of a request. Only the hash is kept.
    pub fn of(path: &str, body: &[u8]) -> Self {
        Self(hex::encode(Sha256::new().chain_update(path).chain_update([0]).chain_update(body).finalize()))
    }
}

/// Requests that may come again.
#[derive(Debug, Clone)]
pub struct Once {
    keys: Idempotency,
}

/// How a request went.
#[derive(Debug, Clone, PartialEq)]
pub enum Done<T> {
    /// It was carried out.
    Now(T),
    /// It had been carried out before, and came to this.
    Before(Answer),
}

impl Once {
    /// Remembers in `keys`.
    pub fn new(keys: Idempotency) -> Self {
        Self { keys }
    }

    /// Does the work of a request, unless one with the same key has been done. A refused request did nothing, so its
    /// key may be used again. Without a key, everything is done. The work is handed the claim of the key, which it may settle
    /// itself, in the transaction that does it; what `answer` gives otherwise is remembered when it is done.
    ///
    /// # Errors
    /// Those of the work; [`ServiceError::IdempotencyInFlight`] while the first request is under way;
    /// [`ServiceError::IdempotencyMismatch`] for a request that is not the first one's.
    pub async fn run<T, F: Future<Output = Result<T, ServiceError>>>(
        &self,
        account: &AccountId,
        key: Option<IdempotencyKey>,
        Fingerprint(request): Fingerprint,
        work: impl FnOnce(Option<Claimed>) -> F,
        answer: impl FnOnce(&T) -> Option<Answer>,
    ) -> Result<Done<T>, ServiceError> {
        let Some(IdempotencyKey(key)) = key else { return work(None).await.map(Done::Now) };
        let claimed = match self.keys.claim(account, &key, &request, OffsetDateTime::now_utc()).await? {
            Claim::First(claimed) => claimed,
            Claim::Answered(answer) => return Ok(Done::Before(answer)),
            Claim::InFlight => return Err(ServiceError::IdempotencyInFlight),
            Claim::Mismatch => return Err(ServiceError::IdempotencyMismatch),
        };
        let done = work(Some(claimed.clone())).await;
        let kept = match done.as_ref().map(answer) {
            Ok(Some(answer)) => self.keys.complete(&claimed, answer).await,
            Ok(None) => Ok(()),
            Err(_) => self.keys.release(&claimed).await,
        };
        if let Err(error) = kept {
            // What was done is done; only a repetition would be told to wait, for a minute.
            tracing::error!(%account, %error, "an idempotency key could not be settled");
        }
        done.map(Done::Now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_visible_ascii_with_or_without_quotes() {
        let key = IdempotencyKey::parse("\"8e03978e-40d5-43dd-bc93-6894a57f9324\"").unwrap();
        assert_eq!(key, IdempotencyKey::parse(" 8e03978e-40d5-43dd-bc93-6894a57f9324 ").unwrap());
        for wrong in ["", "\"\"", "two words", "ключ", &"x".repeat(256)] {
            assert!(IdempotencyKey::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_fingerprint_tells_paths_and_bodies_apart() {
        assert_eq!(Fingerprint::of("/v1/detect", b"{}"), Fingerprint::of("/v1/detect", b"{}"));
        assert_ne!(Fingerprint::of("/v1/detect", b"{}"), Fingerprint::of("/v1/detect/batch", b"{}"));
        assert_ne!(Fingerprint::of("/a", b"b"), Fingerprint::of("/ab", b""));
    }
}
