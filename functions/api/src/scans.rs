//! `GET /v1/scans`, `GET` and `DELETE /v1/scans/{id}`, `GET /healthz`.

use crate::App;
use crate::error::ApiError;
use crate::extract::Caller;
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use cloud::{Filter, Found};
use scan::report::Details;
use scan::{Modality, Scan, ScanId, ScanReport, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use service::ServiceError;
use service::history::Page;
use std::time::Duration;
use time::format_description::well_known::{Iso8601, Rfc3339};
use time::{Date, OffsetDateTime};

/// What a list may be asked for. Times are RFC 3339, or dates (UTC).
#[derive(Debug, Deserialize)]
pub struct ListQuery {
    limit: Option<usize>,
    offset: Option<usize>,
    cursor: Option<ScanId>,
    modality: Option<Modality>,
    verdict: Option<Verdict>,
    from: Option<String>,
    to: Option<String>,
}

impl ListQuery {
    fn page(self) -> Result<Page, ServiceError> {
        let (from, to) = (self.from.map(time).transpose()?, self.to.map(time).transpose()?);
        let filter = Filter { modality: self.modality, verdict: self.verdict, from, to, after: self.cursor };
        Page::new(filter, self.limit, self.offset)
    }
}

fn time(text: String) -> Result<OffsetDateTime, ServiceError> {
    // In a query, a plus sign that was not encoded reads as a space.
    let text = text.replace(' ', "+");
    let day = || Some(Date::parse(&text, &Iso8601::DATE).ok()?.midnight().assume_utc());
    OffsetDateTime::parse(&text, &Rfc3339).ok().or_else(day).ok_or_else(|| {
        ServiceError::InvalidRequest("Times must look like 2026-11-01 or 2026-11-01T12:30:00Z.".to_owned())
    })
}

/// How one scan may be asked for.
#[derive(Debug, Deserialize)]
pub struct GetQuery {
    /// Seconds to wait for the scan to end; at most the wait budget.
    wait: Option<u64>,
}

/// A page of scans.
#[derive(Debug, Serialize)]
pub struct ListAnswer {
    scans: Vec<ScanSummary>,
    limit: usize,
    offset: usize,
    has_more: bool,
    /// Where the list goes on: the `cursor` of the next request.
    next_cursor: Option<String>,
}

/// A scan in a list.
#[derive(Debug, Serialize)]
struct ScanSummary {
    id: String,
    modality: String,
    status: String,
    verdict: Option<String>,
    confidence: Option<f64>,
    attribution: Option<String>,
    explanation: String,
    latency_ms: u64,
    model_pack: String,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
}

/// A scan, whole: the answer of detect, and the two members that only history has.
#[derive(Debug, Serialize)]
pub struct ScanAnswer {
    #[serde(flatten)]
    report: ScanReport,
    result_json: Details,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
}

/// The account's scans, newest first.
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

/// One scan. An id that is none, or another account's, is not found.
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
    let report = ScanReport::new(&scan, OffsetDateTime::now_utc());
    let result_json = report.details.clone();
    Ok(Json(ScanAnswer { report, result_json, created_at: scan.created_at }))
}

/// Erases a scan: 204, and 404 from then on.
pub async fn erase(
    State(app): State<App>,
    Caller(account): Caller,
    path: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, ApiError> {
    app.history.erase(&account.id, scan_id(path)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn scan_id(path: Result<Path<String>, PathRejection>) -> Result<ScanId, ServiceError> {
    let Path(id) = path.map_err(|_| ServiceError::NotFound)?;
    id.parse().map_err(|_| ServiceError::NotFound)
}

/// Alive, and judging by which pack. Needs no key.
pub async fn health(State(app): State<App>) -> Json<Value> {
    Json(json!({ "status": "ok", "model_pack": app.model_pack }))
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
            created_at: scan.created_at,
        }
    }
}
