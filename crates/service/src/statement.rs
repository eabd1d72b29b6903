//! What an account has used and owes.

use crate::ServiceError;
use cloud::{MonthUse, Usage};
use scan::{Account, Plan, Usd};
use time::OffsetDateTime;

/// Months that a statement looks back on, the current one included.
const MONTHS: i32 = 13;

/// An account's use of the current month, and of those before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// What it pays for.
    pub plan: Plan,
    /// Scans a month; `None` is unlimited.
    pub limit: Option<u64>,
    /// When the current month ends.
    pub resets_at: OffsetDateTime,
    /// What each scan costs, where scans are what is paid for.
    pub unit_price: Option<Usd>,
    /// The most that the account wants to pay a month.
    pub spend_cap: Option<Usd>,
    /// The current month.
    pub current: MonthUse,
    /// The months before it in which the account scanned, newest first.
    pub earlier: Vec<MonthUse>,
}

impl Statement {
    /// What a month costs so far, where scans are what is paid for.
    pub fn amount(&self, month: &MonthUse) -> Option<Usd> {
        Some(self.unit_price?.times(month.scans))
    }
}

/// Statements of accounts.
#[derive(Debug, Clone)]
pub struct Statements {
    usage: Usage,
}

impl Statements {
    /// Reads `usage`.
    pub fn new(usage: Usage) -> Self {
        Self { usage }
    }

    /// The account's statement as of `now`.
    pub async fn of(&self, account: &Account, now: OffsetDateTime) -> Result<Statement, ServiceError> {
        let month = MonthUse::empty(now);
        let mut months = self.usage.months(&account.id, MONTHS).await?;
        let current = match months.first() {
            Some(newest) if newest.month == month.month => months.remove(0),
            _ => month,
        };
        Ok(Statement {
            plan: account.plan,
            limit: account.monthly_quota(),
            resets_at: cloud::usage::next_month(now),
            unit_price: account.plan.unit_price(),
            spend_cap: account.spend_cap.filter(|_| account.plan.unit_price().is_some()),
            current,
            earlier: months,
        })
    }
}
