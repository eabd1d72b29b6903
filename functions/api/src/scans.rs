//! `GET /v1/scans`, `GET /v1/scans/{id}`, `GET /healthz`.

use crate::App;
use crate::error::ApiError;
use crate::extract::Caller;
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use scan::report::Details;
use scan::{Scan, ScanReport};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use service::ServiceError;
use service::history::Page;
use time::OffsetDateTime;

/// The documented query parameters.
#[derive(Debug, Deserialize)]
pub struct ListQuery {
    limit: Option<usize>,
    offset: Option<usize>,
}

/// A page of scans.
#[derive(Debug, Serialize)]
pub struct ListAnswer {
    scans: Vec<ScanSummary>,
    limit: usize,
    offset: usize,
    has_more: bool,
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
    let page = Page::new(query.limit, query.offset)?;
    let (scans, has_more) = app.history.list(&account.id, page).await?;
    let now = OffsetDateTime::now_utc();
    let scans = scans.iter().map(|scan| ScanSummary::new(scan, now)).collect();
    Ok(Json(ListAnswer { scans, limit: page.limit(), offset: page.offset(), has_more }))
}

/// One scan. An id that is none, or another account's, is not found.
pub async fn get(
    State(app): State<App>,
    Caller(account): Caller,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<ScanAnswer>, ApiError> {
    let Path(id) = path.map_err(|_| ServiceError::NotFound)?;
    let id = id.parse().map_err(|_| ServiceError::NotFound)?;
    let scan = app.detect.look(&account.id, id).await?;
    let report = ScanReport::new(&scan, OffsetDateTime::now_utc());
    let result_json = report.details.clone();
    Ok(Json(ScanAnswer { report, result_json, created_at: scan.created_at }))
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
