//! What accounts pay for, and what they want done with content.

use crate::{ServiceError, json};
use cloud::Accounts;
use scan::{Account, AccountId, Moderation, Plan, Probability, Usd};
use serde::Deserialize;

/// What an account is to pay for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanChange {
    plan: Plan,
    spend_cap: Option<Usd>,
}

#[derive(Deserialize)]
struct PlanBody {
    plan: Option<Plan>,
    spend_cap_usd: Option<String>,
}

#[derive(Deserialize)]
struct ModerationBody {
    flag: Option<f64>,
    reject: Option<f64>,
}

impl PlanChange {
    /// A spend cap belongs to plans where scans are what is paid for.
    pub fn new(plan: Plan, spend_cap: Option<Usd>) -> Result<Self, ServiceError> {
        if spend_cap.is_some() && plan.unit_price().is_none() {
            let rule = "A spend cap goes with the plan pay_as_you_go only.";
            return Err(ServiceError::InvalidRequest(rule.to_owned()));
        }
        Ok(Self { plan, spend_cap })
    }

    /// Parses JSON: `{"plan": "pay_as_you_go", "spend_cap_usd": "20.00"}`.
    pub fn parse(json: &[u8]) -> Result<Self, ServiceError> {
        let body: PlanBody = json::body(json)?;
        let missing = || ServiceError::InvalidRequest("`plan` is missing.".to_owned());
        let cap = body.spend_cap_usd.map(|cap| cap.parse()).transpose();
        let cap = cap.map_err(|e| ServiceError::InvalidRequest(format!("`spend_cap_usd`: {e}.")))?;
        Self::new(body.plan.ok_or_else(missing)?, cap)
    }
}

/// Parses the JSON of moderation thresholds: `{"flag": 0.7, "reject": 0.95}`; `null` or nothing is none. Kept to four
/// decimals, since DynamoDB has no number as small as JSON has.
pub fn parse_moderation(json: &[u8]) -> Result<Moderation, ServiceError> {
    let body: ModerationBody = json::body(json)?;
    let threshold = |name: &str, value: Option<f64>| {
        let wrong = |_| ServiceError::InvalidRequest(format!("`{name}` must be a number from 0 to 1."));
        value.map(|value| Probability::new((value * 1e4).round() / 1e4)).transpose().map_err(wrong)
    };
    Moderation::new(threshold("flag", body.flag)?, threshold("reject", body.reject)?)
        .map_err(|e| ServiceError::InvalidRequest(format!("{e}.")))
}

/// Accounts, as their owners and operators change them.
#[derive(Debug, Clone)]
pub struct AccountBook {
    accounts: Accounts,
}

impl AccountBook {
    /// Accounts are kept in `accounts`.
    pub fn new(accounts: Accounts) -> Self {
        Self { accounts }
    }

    /// The account of that id.
    pub async fn find(&self, id: &AccountId) -> Result<Account, ServiceError> {
        self.accounts.get(id).await?.ok_or(ServiceError::NoSuchAccount)
    }

    /// Changes what an account pays for, from the next scan on. What it used this month stays counted.
    pub async fn change_plan(&self, id: &AccountId, change: PlanChange) -> Result<Account, ServiceError> {
        let changed = self.accounts.set_plan(id, change.plan, change.spend_cap).await?;
        changed.ok_or(ServiceError::NoSuchAccount)
    }

    /// Changes what an account wants done with content, from the next finished scan on.
    pub async fn change_moderation(&self, id: &AccountId, moderation: Moderation) -> Result<Account, ServiceError> {
        self.accounts.set_moderation(id, moderation).await?.ok_or(ServiceError::NoSuchAccount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spend_cap_goes_with_what_is_paid_for_by_the_scan() {
        let parse = |json: &str| PlanChange::parse(json.as_bytes());
        let capped = parse(r#"{"plan":"pay_as_you_go","spend_cap_usd":"20.00"}"#).unwrap();
        assert_eq!(capped, PlanChange { plan: Plan::PayAsYouGo, spend_cap: Some(Usd::micros(20_000_000)) });
        assert!(parse(r#"{"plan":"pro"}"#).is_ok());
        for wrong in [
            "{}",
            r#"{"plan":"gold"}"#,
            r#"{"plan":"pro","spend_cap_usd":"5"}"#,
            r#"{"plan":"pay_as_you_go","spend_cap_usd":"-5"}"#,
            r#"{"plan":"pay_as_you_go","spend_cap_usd":5}"#,
        ] {
            assert!(matches!(parse(wrong), Err(ServiceError::InvalidRequest(_))), "{wrong}");
        }
    }

    #[test]
    fn moderation_thresholds_are_probabilities_in_order() {
        let parse = |json: &str| parse_moderation(json.as_bytes());
        assert_eq!(parse(r#"{"flag":null}"#).unwrap(), Moderation::default());
        assert_eq!(parse(r#"{"flag":0.7,"reject":1}"#).unwrap().flag(), Probability::new(0.7).ok());
        assert_eq!(parse(r#"{"flag":2.2e-313}"#).unwrap().flag(), Probability::new(0.0).ok());
        for wrong in [r#"{"flag":1.5}"#, r#"{"flag":"0.5"}"#, r#"{"flag":0.9,"reject":0.1}"#, "[0.1]", "null"] {
            assert!(matches!(parse(wrong), Err(ServiceError::InvalidRequest(_))), "{wrong}");
        }
    }
}
