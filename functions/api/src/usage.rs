//! `GET /v1/usage`.

use crate::App;
use crate::error::ApiError;
use crate::extract::Caller;
use crate::openapi::ReadErrors;
use axum::Json;
use axum::extract::State;
use cloud::MonthUse;
use serde::Serialize;
use service::Statement;
use time::OffsetDateTime;
use utoipa::ToSchema;

/// What the account has used and owes. Amounts are decimal strings of US dollars.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageAnswer {
    plan: String,
    scans: Scans,
    /// `null` for plans with a flat price.
    pay_as_you_go: Option<Price>,
    /// The current month, then those before it in which there were scans.
    months: Vec<Month>,
}

/// Against the quota of the current month.
#[derive(Debug, Serialize, ToSchema)]
pub struct Scans {
    used: u64,
    /// `null` is unlimited.
    limit: Option<u64>,
    remaining: Option<u64>,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = "date-time")]
    resets_at: OffsetDateTime,
}

/// What scans cost that are paid for one by one.
#[derive(Debug, Serialize, ToSchema)]
pub struct Price {
    unit_price_usd: String,
    spend_cap_usd: Option<String>,
}

/// A month (UTC).
#[derive(Debug, Serialize, ToSchema)]
pub struct Month {
    month: String,
    scans: u64,
    /// `null` for plans with a flat price.
    amount_usd: Option<String>,
    days: Vec<Day>,
}

/// A day (UTC) with scans.
#[derive(Debug, Serialize, ToSchema)]
pub struct Day {
    date: String,
    scans: u64,
}

/// See what the account has used.
///
/// Scans used and left, and what they cost, by month and day.
#[utoipa::path(
    get,
    path = "/v1/usage",
    responses((status = 200, description = "The account's use.", body = UsageAnswer), ReadErrors)
)]
pub async fn get(State(app): State<App>, Caller(account): Caller) -> Result<Json<UsageAnswer>, ApiError> {
    let statement = app.statements.of(&account, OffsetDateTime::now_utc()).await?;
    Ok(Json(UsageAnswer::new(&statement)))
}

impl UsageAnswer {
    /// Shows a statement.
    pub fn new(statement: &Statement) -> Self {
        let used = statement.current.scans;
        let month = |month: &MonthUse| Month {
            month: month.month.clone(),
            scans: month.scans,
            amount_usd: statement.amount(month).map(|amount| amount.to_string()),
            days: month.days.iter().map(|(day, scans)| Day::new(&month.month, *day, *scans)).collect(),
        };
        Self {
            plan: statement.plan.to_string(),
            scans: Scans {
                used,
                limit: statement.limit,
                remaining: statement.limit.map(|limit| limit.saturating_sub(used)),
                resets_at: statement.resets_at,
            },
            pay_as_you_go: statement.unit_price.map(|price| Price {
                unit_price_usd: price.to_string(),
                spend_cap_usd: statement.spend_cap.map(|cap| cap.to_string()),
            }),
            months: [&statement.current].into_iter().chain(&statement.earlier).map(month).collect(),
        }
    }
}

impl Day {
    fn new(month: &str, day: u8, scans: u64) -> Self {
        Self { date: format!("{month}-{day:02}"), scans }
    }
}
