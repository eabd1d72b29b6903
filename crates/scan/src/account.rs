//! Accounts and what their plan allows.

use crate::AccountId;
use serde::{Deserialize, Serialize};
use std::fmt;
use time::Duration;

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
}

impl Plan {
    /// Scans a calendar month (UTC); `None` is unlimited.
    pub fn monthly_quota(self) -> Option<u64> {
        match self {
            Plan::Free => Some(50),
            Plan::Pro => Some(5_000),
            Plan::Business => None,
        }
    }

    /// How long finished scans are kept.
    pub fn retention(self) -> Duration {
        match self {
            Plan::Free => Duration::days(30),
            Plan::Pro => Duration::days(180),
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
        })
    }
}

/// Somebody who scans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Who.
    pub id: AccountId,
    /// What they pay for.
    pub plan: Plan,
}
