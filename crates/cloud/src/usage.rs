//! The usage table: quota and rate counters, each changed by a conditional `ADD`; a month's in the transaction that makes
//! or ends the scan, so that what is charged is what there is.
//!
//! `pk = <account id>`, `sk = month#2026-11` counts scans of a month (UTC) in `used` and of its days in `day_01` to
//! `day_31`; `sk = rate#detect#<minute>` counts requests of one clock minute and expires by TTL.

use crate::CloudError;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{AttributeValue as Value, ReturnValue, Update};
use scan::AccountId;
use std::collections::{BTreeMap, HashMap};
use time::{Duration, OffsetDateTime};

/// What the sort keys of months begin with.
const MONTH: &str = "month#";
/// What the attributes of days begin with.
const DAY: &str = "day_";

/// Quota and rate counters.
#[derive(Debug, Clone)]
pub struct Usage {
    client: Client,
    table: String,
}

/// A limit of requests in a clock minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Names the counter.
    pub name: &'static str,
    /// Requests a minute.
    pub per_minute: u64,
}

/// The state of a rate limit after a request was counted or refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateUse {
    /// Whether the request is within the limit.
    pub allowed: bool,
    /// Requests a minute.
    pub limit: u64,
    /// How many are left in this minute.
    pub remaining: u64,
    /// Seconds until the next minute begins, 1 to 60.
    pub reset_seconds: u64,
}

/// How much of a monthly quota is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaUse {
    /// Scans a month; `None` is unlimited.
    pub limit: Option<u64>,
    /// Scans used this month.
    pub used: u64,
    /// When the next month begins.
    pub resets_at: OffsetDateTime,
}

impl QuotaUse {
    /// Whether so many more scans are within the quota.
    pub fn has_room(&self, scans: u64) -> bool {
        self.limit.is_none_or(|limit| self.used.saturating_add(scans) <= limit)
    }

    /// The quota after so many more scans.
    pub fn and(self, scans: u64) -> Self {
        Self { used: self.used + scans, ..self }
    }
}

/// What an account scanned in one month (UTC).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonthUse {
    /// `2026-11`.
    pub month: String,
    /// Scans that were not refunded.
    pub scans: u64,
    /// The same by day of the month, where there were any.
    pub days: BTreeMap<u8, u64>,
}

impl MonthUse {
    /// The month of `now`, without a scan.
    pub fn empty(now: OffsetDateTime) -> Self {
        let month = month_key(now).trim_start_matches(MONTH).to_owned();
        Self { month, scans: 0, days: BTreeMap::new() }
    }

    fn read(item: &HashMap<String, Value>) -> Result<Self, CloudError> {
        let month = item.get("sk").and_then(|sk| sk.as_s().ok()?.strip_prefix(MONTH));
        let day = |(name, value): (&String, &Value)| {
            let day = name.strip_prefix(DAY)?.parse().ok()?;
            Some(read_number(value).map(|scans| (day, scans)))
        };
        let days = item.iter().filter_map(day).collect::<Result<BTreeMap<u8, u64>, _>>()?;
        Ok(Self {
            month: month.ok_or_else(|| CloudError::Data("a usage item has no month".to_owned()))?.to_owned(),
            scans: item.get("used").map_or(Ok(0), read_number)?,
            days: days.into_iter().filter(|(_, scans)| *scans > 0).collect(),
        })
    }
}

impl Usage {
    /// Counters in `table`.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Counts one request against `limit`, unless that would exceed it.
    pub async fn take_rate(
        &self,
        account: &AccountId,
        limit: RateLimit,
        now: OffsetDateTime,
    ) -> Result<RateUse, CloudError> {
        let minute = now.unix_timestamp().div_euclid(60);
        let expires = (minute + 10) * 60;
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", Value::S(account.to_string()))
            .key("sk", Value::S(format!("rate#{}#{minute}", limit.name)))
            .update_expression("ADD #count :one SET expires_at = :expires")
            .condition_expression("attribute_not_exists(#count) OR #count < :limit")
            .expression_attribute_names("#count", "count")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":limit", number(limit.per_minute))
            .expression_attribute_values(":expires", Value::N(expires.to_string()))
            .return_values(ReturnValue::AllNew);
        let count = counted(update.send().await)?;
        Ok(RateUse {
            allowed: count.is_some(),
            limit: limit.per_minute,
            remaining: limit.per_minute.saturating_sub(count.unwrap_or(limit.per_minute)),
            reset_seconds: ((minute + 1) * 60 - now.unix_timestamp()).clamp(1, 60) as u64,
        })
    }

    /// How much of a month of `limit` scans (`None` is unlimited) is used.
    pub async fn quota(
        &self,
        account: &AccountId,
        limit: Option<u64>,
        now: OffsetDateTime,
    ) -> Result<QuotaUse, CloudError> {
        Ok(QuotaUse { limit, used: self.used(account, now).await?, resets_at: next_month(now) })
    }

    /// Scans used in the month of `now`.
    pub async fn used(&self, account: &AccountId, now: OffsetDateTime) -> Result<u64, CloudError> {
        let get = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("pk", Value::S(account.to_string()))
            .key("sk", Value::S(month_key(now)))
            .consistent_read(true);
        let item = get.send().await.map_err(CloudError::of("get usage"))?.item;
        item.as_ref().and_then(|item| item.get("used")).map_or(Ok(0), read_number)
    }

    /// The account's latest months in which it scanned, newest first, at most `limit`.
    pub async fn months(&self, account: &AccountId, limit: i32) -> Result<Vec<MonthUse>, CloudError> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :month)")
            .expression_attribute_values(":pk", Value::S(account.to_string()))
            .expression_attribute_values(":month", Value::S(MONTH.to_owned()))
            .scan_index_forward(false)
            .limit(limit);
        let found = query.send().await.map_err(CloudError::of("get usage"))?.items.unwrap_or_default();
        found.iter().map(MonthUse::read).collect()
    }

    /// The charge of a scan, as part of a transaction: its condition refuses it when the quota of `limit` is used up. `None`
    /// where there is none to use. See [`crate::Scans::admit`].
    pub(crate) fn charge(
        &self,
        account: &AccountId,
        limit: Option<u64>,
        now: OffsetDateTime,
    ) -> Result<Option<Update>, CloudError> {
        let mut update = self.count(account, now, number(1));
        if let Some(limit) = limit {
            let Some(room) = limit.checked_sub(1) else { return Ok(None) };
            update = update
                .condition_expression("attribute_not_exists(used) OR used <= :room")
                .expression_attribute_values(":room", number(room));
        }
        update.build().map(Some).map_err(CloudError::of("charge scan"))
    }

    /// The refund of a scan that was charged at `charged_at`, as part of a transaction; see [`crate::Scans::finalise`].
    pub(crate) fn refund(&self, account: &AccountId, charged_at: OffsetDateTime) -> Result<Update, CloudError> {
        let update = self.count(account, charged_at, Value::N("-1".to_owned()));
        update.build().map_err(CloudError::of("refund scan"))
    }

    /// Counts scans for the month and for its day: whatever changes one changes the other.
    fn count(&self, account: &AccountId, at: OffsetDateTime, scans: Value) -> UpdateBuilder {
        Update::builder()
            .table_name(&self.table)
            .key("pk", Value::S(account.to_string()))
            .key("sk", Value::S(month_key(at)))
            .update_expression("ADD used :scans, #day :scans")
            .expression_attribute_names("#day", day_attribute(at))
            .expression_attribute_values(":scans", scans)
    }
}

/// The new value of the counter `count`; `None` when the condition refused the update.
fn counted(result: Result<UpdateItemOutput, SdkError<UpdateItemError>>) -> Result<Option<u64>, CloudError> {
    match result {
        Ok(output) => {
            let value = output.attributes.as_ref().and_then(|item| item.get("count"));
            value.map_or(Ok(0), read_number).map(Some)
        }
        Err(e) if e.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception) => Ok(None),
        Err(e) => Err(CloudError::of("count request")(e)),
    }
}

fn number(n: u64) -> Value {
    Value::N(n.to_string())
}

fn read_number(value: &Value) -> Result<u64, CloudError> {
    let number = value.as_n().ok().and_then(|n| n.parse::<i64>().ok());
    number.map(|n| n.max(0) as u64).ok_or_else(|| CloudError::Data("a counter is not a number".to_owned()))
}

fn month_key(at: OffsetDateTime) -> String {
    format!("{MONTH}{}-{:02}", at.year(), u8::from(at.month()))
}

fn day_attribute(at: OffsetDateTime) -> String {
    format!("{DAY}{:02}", at.day())
}

/// Midnight (UTC) of the first day of the month after `at`.
pub fn next_month(at: OffsetDateTime) -> OffsetDateTime {
    let start = at - Duration::days(i64::from(at.day()) - 1);
    let days = i64::from(start.month().length(start.year()));
    (start + Duration::days(days)).replace_time(time::Time::MIDNIGHT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::format_description::well_known::Rfc3339;

    fn at(rfc3339: &str) -> OffsetDateTime {
        OffsetDateTime::parse(rfc3339, &Rfc3339).unwrap()
    }

    #[test]
    fn months_begin_at_midnight_utc_of_the_first() {
        assert_eq!(month_key(at("2026-02-03T04:05:00Z")), "month#2026-02");
        assert_eq!(next_month(at("2026-02-28T23:59:00Z")), at("2026-03-01T00:00:00Z"));
        assert_eq!(next_month(at("2026-12-31T12:00:00Z")), at("2027-01-01T00:00:00Z"));
        assert_eq!(next_month(at("2026-11-01T00:00:00Z")), at("2026-12-01T00:00:00Z"));
    }
}
