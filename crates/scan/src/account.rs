//! Accounts and what their plan allows.

use crate::{AccountId, Moderation};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use time::{Duration, OffsetDateTime};

/// What an account pays for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Plan {
    /// 50 scans a month.
    Free,
    /// 5,000 scans a month.
    Pro,
    /// As many scans as it likes.
    Business,
    /// As many scans as it likes, or as its spend cap allows, each at a price.
    PayAsYouGo,
}

/// An amount of money: millionths of a US dollar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Usd(u64);

impl Usd {
    /// From millionths.
    pub const fn micros(micros: u64) -> Self {
        Self(micros)
    }

    /// So many times as much; the most that can be said where that is more.
    pub fn times(self, n: u64) -> Self {
        Self(self.0.saturating_mul(n))
    }

    /// How often a price goes into it. `None` for a price of nothing.
    pub fn over(self, price: Usd) -> Option<u64> {
        self.0.checked_div(price.0)
    }
}

impl FromStr for Usd {
    type Err = InvalidAmount;

    /// Reads `20`, `20.5` or `0.010000`: at most a million dollars, at most six decimals.
    fn from_str(s: &str) -> Result<Self, InvalidAmount> {
        let (whole, part) = s.split_once('.').unwrap_or((s, "0"));
        let digits = |s: &str| (1..=7).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(part) || part.len() > 6 {
            return Err(InvalidAmount);
        }
        let whole: u64 = whole.parse().map_err(|_| InvalidAmount)?;
        let part: u64 = format!("{part:0<6}").parse().map_err(|_| InvalidAmount)?;
        if whole > 1_000_000 { Err(InvalidAmount) } else { Ok(Self(whole * 1_000_000 + part)) }
    }
}

impl fmt::Display for Usd {
    /// Dollars with two decimals, or as many more as it takes to be exact.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = format!("{:06}", self.0 % 1_000_000);
        let significant = part.trim_end_matches('0').len().max(2);
        write!(f, "{}.{}", self.0 / 1_000_000, &part[..significant])
    }
}

/// Not an amount of US dollars.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an amount is in US dollars, such as 20 or 12.50, and at most a million")]
pub struct InvalidAmount;

impl Plan {
    /// Scans a calendar month (UTC); `None` is unlimited.
    pub fn monthly_quota(self) -> Option<u64> {
        match self {
            Plan::Free => Some(50),
            Plan::Pro => Some(5_000),
            Plan::Business | Plan::PayAsYouGo => None,
        }
    }

    /// What each scan costs, where scans are what is paid for.
    pub fn unit_price(self) -> Option<Usd> {
        matches!(self, Plan::PayAsYouGo).then_some(Usd::micros(10_000))
    }

    /// How long finished scans are kept.
    pub fn retention(self) -> Duration {
        match self {
            Plan::Free => Duration::days(30),
            Plan::Pro | Plan::PayAsYouGo => Duration::days(180),
            Plan::Business => Duration::days(365),
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Plan::Free => "free",
            Plan::Pro => "pro",
            Plan::Business => "business",
            Plan::PayAsYouGo => "pay_as_you_go",
        })
    }
}

/// Somebody who scans.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// Who.
    pub id: AccountId,
    /// What they pay for.
    pub plan: Plan,
    /// The most that they want to pay a month, where scans are what is paid for.
    pub spend_cap: Option<Usd>,
    /// What they want done with content.
    pub moderation: Moderation,
    /// Since when.
    pub created_at: OffsetDateTime,
}

impl Account {
    /// A new account, without a spend cap or thresholds.
    pub fn new(id: AccountId, plan: Plan) -> Self {
        let moderation = Moderation::default();
        Self { id, plan, spend_cap: None, moderation, created_at: OffsetDateTime::now_utc() }
    }

    /// Scans a calendar month (UTC); `None` is unlimited.
    pub fn monthly_quota(&self) -> Option<u64> {
        match (self.plan.unit_price(), self.spend_cap) {
            (Some(price), Some(cap)) => cap.over(price),
            _ => self.plan.monthly_quota(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_and_nonsense_is_none() {
        for (text, shown) in [("20", "20.00"), ("12.5", "12.50"), ("0.01", "0.01"), ("0.005800", "0.0058")] {
            assert_eq!(text.parse::<Usd>().unwrap().to_string(), shown);
        }
        for wrong in ["", "-1", "1e3", "1.", ".5", "1.2345678", "1000001", "12345678", "1,5"] {
            assert_eq!(wrong.parse::<Usd>(), Err(InvalidAmount), "{wrong}");
        }
        assert_eq!(Usd::micros(10_000).times(u64::MAX), Usd::micros(u64::MAX));
    }

    #[test]
    fn a_spend_cap_bounds_the_scans_that_are_paid_for_one_by_one() {
        let mut account = Account::new("a".parse().unwrap(), Plan::PayAsYouGo);
        assert_eq!(account.monthly_quota(), None);
        account.spend_cap = Some("0.255".parse().unwrap());
        assert_eq!(account.monthly_quota(), Some(25));
        account.plan = Plan::Pro;
        assert_eq!(account.monthly_quota(), Some(5_000), "a flat plan costs the same whatever is scanned");
    }
}
