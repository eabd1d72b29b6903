//! `GET /v1/scans`, `GET` and `DELETE /v1/scans/{id}`, `GET /healthz`.

use crate::App;
use crate::error::ApiError;
use crate::extract::Caller;
use crate::openapi::{NoSuchScan, ReadErrors};
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use cloud::{Filter, Found};
use scan::report::{Details, ModerationReport};
use scan::{Action, Modality, Scan, ScanId, ScanReport, Source, Verdict};
use serde::{Deserialize, Serialize};
use service::ServiceError;
use service::history::Page;
use std::time::Duration;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};
use utoipa::{IntoParams, ToSchema};

/// What a list may be asked for. Times are RFC 3339, or dates (UTC).
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Scans on a page; 20 unless told.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
    /// Scans to skip.
    #[param(maximum = 10000)]
    offset: Option<usize>,
    /// The `next_cursor` of the page before.
    #[param(value_type = Option<String>, format = "uuid")]
    cursor: Option<ScanId>,
    /// Only of this modality.
    #[param(inline)]
    modality: Option<Modality>,
    /// Only with this verdict.
    #[param(inline)]
    verdict: Option<Verdict>,
    /// Only with this action of the account's thresholds. `flag` is the review queue: what a person has decided on is
    /// not shown.
    #[param(inline)]
    action: Option<Action>,
    /// Only made at this time or later: RFC 3339, or a date (UTC).
    #[param(format = "date")]
    from: Option<String>,
    /// Only made before this time: RFC 3339, or a date (UTC).
    #[param(format = "date")]
    to: Option<String>,
}

impl ListQuery {
    fn page(self) -> Result<Page, ServiceError> {
        let (from, to) = (self.from.map(time).transpose()?, self.to.map(time).transpose()?);
        let filter = Filter {
            modality: self.modality,
            verdict: self.verdict,
            action: self.action,
            from,
            to,
            after: self.cursor,
        };
        Page::new(filter, self.limit, self.offset)
    }
}

/// A date as RFC 3339 writes it, and nothing behind it.
const DAY: &[BorrowedFormatItem] = format_description!("[year]-[month]-[day]");

fn time(text: String) -> Result<OffsetDateTime, ServiceError> {
    // In a query, a plus sign that was not encoded reads as a space.
    let text = text.replace(' ', "+");
    let day = || Some(Date::parse(&text, DAY).ok()?.midnight().assume_utc());
    OffsetDateTime::parse(&text, &Rfc3339).ok().or_else(day).ok_or_else(|| {
        ServiceError::InvalidRequest("Times must look like 2026-11-01 or 2026-11-01T12:30:00Z.".to_owned())
    })
}

/// How one scan may be asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct GetQuery {
    /// Seconds to wait for the scan to end; at most the wait budget, 25 unless configured.
    wait: Option<u64>,
}

/// A page of scans.
#[derive(Debug, Serialize, ToSchema)]
pub struct ListAnswer {
    scans: Vec<ScanSummary>,
    limit: usize,
    offset: usize,
    has_more: bool,
    /// Where the list goes on: the `cursor` of the next request.
    next_cursor: Option<String>,
}

/// A scan in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct ScanSummary {
    id: String,
    modality: String,
    status: String,
    verdict: Option<String>,
    confidence: Option<f64>,
    attribution: Option<String>,
    explanation: String,
    latency_ms: u64,
    model_pack: String,
    moderation: Option<ModerationReport>,
    source: Source,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = "date-time")]
    created_at: OffsetDateTime,
}

/// A scan, whole: the answer of detect, and the two members that only history has.
#[derive(Debug, Serialize, ToSchema)]
pub struct ScanAnswer {
    #[serde(flatten)]
    report: ScanReport,
    result_json: Details,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = "date-time")]
    created_at: OffsetDateTime,
}

/// List your scans, newest first.
#[utoipa::path(
    get,
    path = "/v1/scans",
    params(ListQuery),
    responses((status = 200, description = "A page of scans.", body = ListAnswer), ReadErrors)
)]
pub async fn list(
    State(app): State<App>,
    Caller(account): Caller,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<ListAnswer>, ApiError> {
    let Query(query) = query.map_err(|e| ServiceError::InvalidRequest(format!("{e}.")))?;
    let page = query.page()?;
    let Found { scans, next } = app.history.list(&account.id, &page).await?;
    let now = OffsetDateTime::now_utc();
    Ok(Json(ListAnswer {
        scans: scans.iter().map(|scan| ScanSummary::new(scan, now)).collect(),
        limit: page.limit(),
        offset: page.offset(),
        has_more: next.is_some(),
        next_cursor: next.map(|id| id.to_string()),
    }))
}

/// Get one scan, whole.
///
/// An id that is none, or another account's, is not found.
#[utoipa::path(
    get,
    path = "/v1/scans/{id}",
    params(("id" = String, Path, description = "The scan's id.", format = "uuid"), GetQuery),
    responses((status = 200, description = "The scan as it stands.", body = ScanAnswer), ReadErrors, NoSuchScan)
)]
pub async fn get(
    State(app): State<App>,
    Caller(account): Caller,
    path: Result<Path<String>, PathRejection>,
    query: Result<Query<GetQuery>, QueryRejection>,
) -> Result<Json<ScanAnswer>, ApiError> {
    let Query(query) = query.map_err(|e| ServiceError::InvalidRequest(format!("{e}.")))?;
    let scan = app.detect.look(&account.id, scan_id(path)?).await?;
    let wait = Duration::from_secs(query.wait.unwrap_or(0)).min(app.wait_budget);
    let scan = app.detect.wait(scan, wait).await?;
    Ok(Json(ScanAnswer::new(&scan)))
}

impl ScanAnswer {
    /// Shows a scan.
    pub fn new(scan: &Scan) -> Self {
        let report = ScanReport::new(scan, OffsetDateTime::now_utc());
        Self { result_json: report.details.clone(), report, created_at: scan.created_at }
    }
}

/// Erase a scan.
///
/// From then on it is not found. What it cost stays spent.
#[utoipa::path(
    delete,
    path = "/v1/scans/{id}",
    params(("id" = String, Path, description = "The scan's id.", format = "uuid")),
    responses((status = 204, description = "It is gone."), ReadErrors, NoSuchScan)
)]
pub async fn erase(
    State(app): State<App>,
    Caller(account): Caller,
    path: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, ApiError> {
    app.history.erase(&account.id, scan_id(path)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The id in a path.
pub(crate) fn scan_id(path: Result<Path<String>, PathRejection>) -> Result<ScanId, ServiceError> {
    let Path(id) = path.map_err(|_| ServiceError::NotFound)?;
    id.parse().map_err(|_| ServiceError::NotFound)
}

/// What `GET /healthz` answers.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`.
    status: &'static str,
    /// The pack that judges: name and version.
    model_pack: String,
}

/// Ask whether the API is alive, and by which pack it judges. Needs no key.
#[utoipa::path(
    get,
    path = "/healthz",
    security(()),
    responses((status = 200, description = "It is.", body = Health))
)]
pub async fn health(State(app): State<App>) -> Json<Health> {
    Json(Health { status: "ok", model_pack: app.model_pack })
}

impl ScanSummary {
    fn new(scan: &Scan, now: OffsetDateTime) -> Self {
        let report = ScanReport::new(scan, now);
        Self {
            id: report.id,
            modality: report.modality,
            status: report.status,
            verdict: report.verdict,
            confidence: report.confidence,
            attribution: report.attribution,
            explanation: report.explanation,
            latency_ms: report.latency_ms,
            model_pack: report.model_pack,
            moderation: report.moderation,
            source: report.source,
            created_at: scan.created_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_as_it_is_meant_or_refused() {
        let read = |text: &str| time(text.to_owned()).map(OffsetDateTime::unix_timestamp).ok();
        assert_eq!(read("2026-11-28"), Some(1_795_824_000));
        for hour in
            ["2026-11-28T23:00:00Z", "2026-11-28T23:00:00.0Z", "2026-11-28t23:00:00z", "2026-11-29T00:00:00 01:00"]
        {
            assert_eq!(read(hour), Some(1_795_824_000 + 23 * 3600), "{hour}");
        }
        for wrong in [
            "2026-11-28T23:00:00",
            "2026-11-28T23:00Z",
            "2026-11-28T23",
            "2026-11-28T23:59:60Z",
            "2026-11-28T24:00:00Z",
            "2026-11-28T23:00:00+25:00",
            "2026-11-28T23:00:00Zulu",
            "2026-11-28Z",
            "2026-11-28 ",
            "2026-11-31",
            "2026-1-1",
            "20261128",
            "2026-W48-6",
            "2026-332",
            "+12026-11-28",
            "",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
