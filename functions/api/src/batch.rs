//! `POST /v1/detect/batch`.

use crate::App;
use crate::error::{ApiError, answer};
use crate::extract::{AdmittedCaller, Batching, LimitedBody, Traced, Wishes};
use crate::headers;
use crate::observe::Accepted;
use crate::openapi::{BatchBody, WriteErrors};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use cloud::{Answer, BatchItem, Claimed, QuotaUse};
use scan::{Account, ErrorCode, Scan, ScanId, ScanReport, Source, State as ScanState, TraceContext};
use serde::Serialize;
use service::{Arrival, BatchBegun, BatchRequest, Done, Fingerprint, IdempotencyKey, ServiceError};
use std::collections::HashMap;
use std::time::Duration;
use time::OffsetDateTime;
use utoipa::ToSchema;

/// The documented answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct BatchAnswer {
    total: usize,
    succeeded: usize,
    failed: usize,
    results: Vec<ItemAnswer>,
}

/// What became of one item: a `result` where `success` is true, else an `error`.
#[derive(Debug, Serialize, ToSchema)]
pub struct ItemAnswer {
    index: usize,
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<ScanReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ItemError>,
}

/// Why an item was refused.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ItemError {
    code: ErrorCode,
    message: String,
}

/// What became of an item: a scan, running or final, or an error.
type Item = Result<Scan, ItemError>;

/// Scan up to 100 texts and images.
///
/// Scans every item and waits for all verdicts within the wait budget; what takes longer is answered as `processing`,
/// with its id. Items fail alone.
#[utoipa::path(
    post,
    path = "/v1/detect/batch",
    params(Wishes),
    request_body = BatchBody,
    responses(
        (status = 200, description = "Every item has ended or is told as `processing`.", body = BatchAnswer),
        (status = 202, description = "The scans are running.", body = BatchAnswer),
        WriteErrors,
    )
)]
pub async fn batch(
    State(app): State<App>,
    AdmittedCaller { account, rate, .. }: AdmittedCaller<Batching>,
    Traced(trace): Traced,
    wishes: Result<Wishes, ApiError>,
    body: Result<LimitedBody, ApiError>,
) -> Response {
    let work = async {
        let (wishes, LimitedBody(body)) = (wishes?, body?);
        let budget = wishes.wait_budget(&app);
        let (items, quota) = begin(&app, &account, trace, wishes.key, &body).await?;
        let accepted = if quota.is_some() { items.iter().filter(|item| item.is_ok()).count() } else { 0 };
        let items = wait(&app, items, budget).await?;
        let status = if wishes.respond_async { StatusCode::ACCEPTED } else { StatusCode::OK };
        let mut response = (status, Json(BatchAnswer::new(items))).into_response();
        headers::cost(&mut response, quota.as_ref());
        response.extensions_mut().insert(Accepted(accepted));
        if wishes.respond_async {
            headers::responded_async(&mut response);
        }
        Ok(response)
    };
    answer(rate, work).await
}

/// Starts the batch, or finds what it came to when it was sent before; that is not charged and has no quota to show.
async fn begin(
    app: &App,
    account: &Account,
    trace: TraceContext,
    key: Option<IdempotencyKey>,
    body: &[u8],
) -> Result<(Vec<Item>, Option<QuotaUse>), ServiceError> {
    let arrival = Arrival::now(Source::Batch).traced(trace);
    let work = async |claimed: Option<Claimed>| {
        let request = BatchRequest::parse(body)?;
        let BatchBegun { items, quota } = app.detect.begin_batch(account, request, arrival, claimed.as_ref()).await?;
        Ok((items.into_iter().map(|item| item.map_err(ItemError::from)).collect::<Vec<_>>(), quota))
    };
    let answer = |(items, _): &(Vec<Item>, QuotaUse)| Some(Answer::Batch(items.iter().map(remembered).collect()));
    match app.once.run(&account.id, key, Fingerprint::of("/v1/detect/batch", body), work, answer).await? {
        Done::Now((items, quota)) => Ok((items, Some(quota))),
        Done::Before(Answer::Batch(items)) => Ok((recalled(app, account, items).await?, None)),
        Done::Before(_) => Err(ServiceError::IdempotencyMismatch),
    }
}

fn remembered(item: &Item) -> BatchItem {
    match item {
        Ok(scan) => BatchItem::Scan(scan.id),
        Err(ItemError { code, message }) => BatchItem::Refused { code: *code, message: message.clone() },
    }
}

/// The scans of a batch that was sent before, as they are now.
async fn recalled(app: &App, account: &Account, items: Vec<BatchItem>) -> Result<Vec<Item>, ServiceError> {
    let id = |item: &BatchItem| match item {
        BatchItem::Scan(id) => Some(*id),
        BatchItem::Refused { .. } => None,
    };
    let ids: Vec<ScanId> = items.iter().filter_map(id).collect();
    let scans = app.detect.look_at_all(&account.id, &ids).await?;
    let mut scans: HashMap<ScanId, Scan> = scans.into_iter().map(|scan| (scan.id, scan)).collect();
    let recall = |item| match item {
        BatchItem::Scan(id) => scans.remove(&id).ok_or_else(|| ItemError::from(ServiceError::NotFound)),
        BatchItem::Refused { code, message } => Err(ItemError { code, message }),
    };
    Ok(items.into_iter().map(recall).collect())
}

/// The items, with those scans ended that end in time.
async fn wait(app: &App, items: Vec<Item>, budget: Duration) -> Result<Vec<Item>, ServiceError> {
    let scans: Vec<Scan> = items.iter().filter_map(|item| item.as_ref().ok().cloned()).collect();
    let mut ended = app.detect.wait_for_all(scans, budget).await?.into_iter();
    Ok(items.into_iter().map(|item| item.map(|scan| ended.next().unwrap_or(scan))).collect())
}

impl BatchAnswer {
    fn new(items: Vec<Item>) -> Self {
        let now = OffsetDateTime::now_utc();
        let results: Vec<ItemAnswer> =
            items.into_iter().enumerate().map(|(index, item)| ItemAnswer::new(index, item, now)).collect();
        let succeeded = results.iter().filter(|result| result.success).count();
        Self { total: results.len(), succeeded, failed: results.len() - succeeded, results }
    }
}

impl ItemAnswer {
    fn new(index: usize, item: Item, now: OffsetDateTime) -> Self {
        let item = item.and_then(|scan| match scan.state {
            // No stage could run; that is refunded.
            ScanState::Failed { .. } => Err(ItemError::from(ServiceError::Stopped)),
            _ => Ok(ScanReport::new(&scan, now)),
        });
        match item {
            Ok(report) => Self { index, success: true, result: Some(report), error: None },
            Err(error) => Self { index, success: false, result: None, error: Some(error) },
        }
    }
}

impl From<ServiceError> for ItemError {
    fn from(error: ServiceError) -> Self {
        let (code, message) = ApiError::from(error).into_code_and_message();
        Self { code, message }
    }
}
