//! From what a request presents, an API key or the token of a sign-in, to who asks.

use crate::ServiceError;
use cloud::{Accounts, ApiKey, Keys};
use identity::{Identity, Metadata, Verifier};
use scan::{Account, AccountId, Plan};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use time::OffsetDateTime;

/// Authentication.
#[derive(Debug, Clone)]
pub struct Authenticate {
    keys: Keys,
    accounts: Accounts,
    sign_in: Option<SignIn>,
}

/// How people sign in.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// Whose tokens are believed.
    pub verifier: Verifier,
    /// The scope that makes a token an operator's.
    pub operator_scope: String,
}

enum Presented {
    Key(ApiKey),
    Token(Identity),
}

impl Authenticate {
    /// Looks keys and accounts up in these tables. Without `sign_in`, keys are all that opens anything.
    pub fn new(keys: Keys, accounts: Accounts, sign_in: Option<SignIn>) -> Self {
        Self { keys, accounts, sign_in }
    }

    /// The account that the value of an `Authorization` header stands for: its key's, or that of who signed in. Who signs
    /// in for the first time is given a Free account.
    pub async fn account(&self, authorization: Option<&str>) -> Result<Account, ServiceError> {
        match self.presented(authorization).await? {
            Presented::Key(key) => self.holder(&key).await,
            Presented::Token(identity) => self.signed_in(&identity).await,
        }
    }

    /// The account of who signed in. A key, which may have leaked, is not enough.
    pub async fn owner(&self, authorization: Option<&str>) -> Result<Account, ServiceError> {
        match self.presented(authorization).await? {
            Presented::Key(key) => self.holder(&key).await.and(Err(ServiceError::SignInNeeded)),
            Presented::Token(identity) => self.signed_in(&identity).await,
        }
    }

    /// Whether the value of an `Authorization` header is an operator's.
    pub async fn operator(&self, authorization: Option<&str>) -> Result<(), ServiceError> {
        match self.presented(authorization).await? {
            Presented::Token(identity) if self.is_operator(&identity) => Ok(()),
            Presented::Token(_) => Err(ServiceError::OperatorNeeded),
            Presented::Key(key) => self.holder(&key).await.and(Err(ServiceError::OperatorNeeded)),
        }
    }

    /// Where people sign in; `None` where they cannot.
    pub async fn provider(&self) -> Result<Option<Arc<Metadata>>, ServiceError> {
        let Some(sign_in) = &self.sign_in else { return Ok(None) };
        Ok(Some(sign_in.verifier.metadata().await?))
    }

    /// The scheme's name has no case (RFC 9110, section 11.1). What is neither key nor token is refused without a
    /// look-up.
    async fn presented(&self, authorization: Option<&str>) -> Result<Presented, ServiceError> {
        let (scheme, token) = authorization.and_then(|v| v.split_once(' ')).ok_or(ServiceError::InvalidToken)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(ServiceError::InvalidToken);
        }
        match (ApiKey::parse(token.trim()), &self.sign_in) {
            (Ok(key), _) => Ok(Presented::Key(key)),
            // A token is three parts (RFC 7515, section 7.1).
            (Err(_), Some(sign_in)) if token.split('.').count() == 3 => {
                Ok(Presented::Token(sign_in.verifier.verify(token.trim()).await?))
            }
            _ => Err(ServiceError::InvalidToken),
        }
    }

    async fn holder(&self, key: &ApiKey) -> Result<Account, ServiceError> {
        let known = self.keys.find(key).await?.filter(|known| !known.revoked).ok_or(ServiceError::InvalidToken)?;
        if let Err(error) = self.keys.note_use(key, &known, OffsetDateTime::now_utc()).await {
            // Requests at the same moment note it once.
            tracing::debug!(%error, key = %known.id, "its use was not noted");
        }
        self.accounts.get(&known.account).await?.ok_or(ServiceError::InvalidToken)
    }

    async fn signed_in(&self, identity: &Identity) -> Result<Account, ServiceError> {
        if self.is_operator(identity) {
            return Err(ServiceError::NoAccount);
        }
        let id = account_of(&identity.subject)?;
        match self.accounts.get(&id).await? {
            Some(account) => Ok(account),
            None => Ok(self.accounts.open(Account::new(id, Plan::Free)).await?),
        }
    }

    fn is_operator(&self, identity: &Identity) -> bool {
        self.sign_in.as_ref().is_some_and(|sign_in| identity.scopes.contains(&sign_in.operator_scope))
    }
}

/// The account that belongs to a `sub` claim: the claim itself, as with Cognito's UUIDs, or a digest of one that cannot
/// name an account.
fn account_of(subject: &str) -> Result<AccountId, ServiceError> {
    let digest = || format!("sub_{}", &hex::encode(Sha256::digest(subject.as_bytes()))[..40]);
    subject.parse().or_else(|_| digest().parse()).map_err(|_| ServiceError::InvalidToken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subject_has_an_account_of_its_own() {
        let uuid = "2b1f4d1e-8a35-4c4e-9d0e-1f6c7b9a0c11";
        assert_eq!(account_of(uuid).unwrap().as_str(), uuid);
        let (one, other) = (account_of("auth0|1").unwrap(), account_of("auth0|2").unwrap());
        assert!(one != other && one.as_str().starts_with("sub_"), "{one} {other}");
        assert_eq!(account_of("auth0|1").unwrap(), one);
    }
}
