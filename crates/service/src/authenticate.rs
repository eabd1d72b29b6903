//! From a presented API key to the account behind it.

use crate::ServiceError;
use cloud::{Accounts, ApiKey, Keys};
use scan::Account;

/// Authentication.
#[derive(Debug, Clone)]
pub struct Authenticate {
    keys: Keys,
    accounts: Accounts,
}

impl Authenticate {
    /// Looks keys and accounts up in these tables.
    pub fn new(keys: Keys, accounts: Accounts) -> Self {
        Self { keys, accounts }
    }

    /// The account that the value of an `Authorization` header stands for. The scheme's name has no case (RFC 9110,
    /// section 11.1). Malformed keys are refused without a look-up.
    pub async fn bearer(&self, authorization: Option<&str>) -> Result<Account, ServiceError> {
        let (scheme, token) = authorization.and_then(|v| v.split_once(' ')).ok_or(ServiceError::InvalidToken)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(ServiceError::InvalidToken);
        }
        let key = ApiKey::parse(token.trim()).map_err(|_| ServiceError::InvalidToken)?;
        let known = self.keys.find(&key).await?.filter(|key| !key.revoked).ok_or(ServiceError::InvalidToken)?;
        self.accounts.get(&known.account).await?.ok_or(ServiceError::InvalidToken)
    }
}
