//! `POST /v1/scans/{id}/review` and `GET /v1/scans/{id}/audit`.

use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, LimitedBody};
use crate::openapi::{NoSuchScan, NotReviewable, ReadErrors, ReviewBody};
use crate::scans::{ScanAnswer, scan_id};
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use scan::AuditEntry;
use serde::Serialize;
use service::ReviewRequest;
use utoipa::ToSchema;

/// What was done to a scan.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditAnswer {
    /// Oldest first.
    entries: Vec<AuditEntry>,
}

/// Record what a person decided about a completed scan.
///
/// The action that the thresholds gave stays as it was; the scan leaves the review queue. A later decision takes the
/// place of an earlier one, and the audit trail keeps both.
#[utoipa::path(
    post,
    path = "/v1/scans/{id}/review",
    tag = "moderation",
    params(("id" = String, Path, description = "The scan's id.", format = "uuid")),
    request_body = ReviewBody,
    responses(
        (status = 200, description = "The scan with its review.", body = ScanAnswer), ReadErrors, NoSuchScan, NotReviewable
    )
)]
pub async fn record(
    State(app): State<App>,
    Caller(account): Caller,
    path: Result<Path<String>, PathRejection>,
    LimitedBody(body): LimitedBody,
) -> Result<Json<ScanAnswer>, ApiError> {
    let id = scan_id(path)?;
    let scan = app.reviews.record(&account.id, id, ReviewRequest::parse(&body)?).await?;
    Ok(Json(ScanAnswer::new(&scan)))
}

/// See what was done to a scan.
///
/// When it was accepted, ended, reviewed and erased. Entries are only ever added, and outlive the scan.
#[utoipa::path(
    get,
    path = "/v1/scans/{id}/audit",
    tag = "moderation",
    params(("id" = String, Path, description = "The scan's id.", format = "uuid")),
    responses((status = 200, description = "The trail.", body = AuditAnswer), ReadErrors, NoSuchScan)
)]
pub async fn trail(
    State(app): State<App>,
    Caller(account): Caller,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<AuditAnswer>, ApiError> {
    Ok(Json(AuditAnswer { entries: app.history.trail(&account.id, scan_id(path)?).await? }))
}
