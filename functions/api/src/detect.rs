//! `POST /v1/detect`, and the legacy `POST /api/detect`.

use crate::App;
use crate::error::{ApiError, answer};
use crate::extract::{AdmittedCaller, ImageForm, LimitedBody, Scanning, Traced, Wishes};
use crate::headers;
use crate::observe::Accepted;
use crate::openapi::{DetectBody, ImageFormBody, WriteErrors};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use cloud::{Answer, QuotaUse};
use scan::{Account, Scan, ScanReport, Source, TraceContext, Verdict};
use serde::Serialize;
use service::{Arrival, Begun, DetectRequest, Done, Fingerprint, IdempotencyKey, ServiceError};
use time::OffsetDateTime;
use utoipa::ToSchema;

/// A scan to answer with.
struct Scanned {
    scan: Scan,
    /// `None` for a repeated request, which is not charged.
    quota: Option<QuotaUse>,
}

/// Scan a text or an image.
///
/// Scans the content and waits for the verdict: 200 when it is there within the wait budget, else 202 with the scan
/// as it stands and where to ask again. A client that prefers to does not wait.
#[utoipa::path(
    post,
    path = "/v1/detect",
    params(Wishes),
    request_body = DetectBody,
    responses(
        (status = 200, description = "The scan has ended.", body = ScanReport),
        (status = 202, description = "The scan is running; `Location` says where to ask.", body = ScanReport),
        WriteErrors,
    )
)]
pub async fn detect(
    State(app): State<App>,
    AdmittedCaller { account, rate, .. }: AdmittedCaller<Scanning>,
    Traced(trace): Traced,
    wishes: Result<Wishes, ApiError>,
    body: Result<LimitedBody, ApiError>,
) -> Response {
    let work = async {
        let (wishes, LimitedBody(body)) = (wishes?, body?);
        let budget = wishes.wait_budget(&app);
        let mut scanned = begin(&app, &account, trace, wishes.key, &body).await?;
        scanned.scan = app.detect.wait(scanned.scan, budget).await?;
        let report = ScanReport::new(&scanned.scan, OffsetDateTime::now_utc());
        let mut response = describe(&scanned, &report, wishes.respond_async);
        if wishes.respond_async {
            headers::responded_async(&mut response);
        }
        Ok(response)
    };
    answer(rate, work).await
}

async fn begin(
    app: &App,
    account: &Account,
    trace: TraceContext,
    key: Option<IdempotencyKey>,
    body: &[u8],
) -> Result<Scanned, ServiceError> {
    let arrival = Arrival::now(Source::Api).traced(trace);
    let work = async |claimed| app.detect.begin(account, DetectRequest::parse(body)?, arrival, claimed).await;
    // The key is settled in the transaction that charges and stores the scan.
    let answer = |_: &Begun| None;
    match app.once.run(&account.id, key, Fingerprint::of("/v1/detect", body), work, answer).await? {
        Done::Now(Begun { scan, quota }) => Ok(Scanned { scan, quota: Some(quota) }),
        Done::Before(Answer::Scan(id)) => Ok(Scanned { scan: app.detect.look(&account.id, id).await?, quota: None }),
        Done::Before(_) => Err(ServiceError::IdempotencyMismatch),
    }
}

/// What the legacy endpoint answers.
#[derive(Debug, Serialize, ToSchema)]
pub struct LegacyAnswer {
    /// `null` while the scan is running.
    is_ai_generated: Option<bool>,
    /// The probability of AI.
    confidence: Option<f64>,
    verdict: Option<String>,
    id: String,
    status: String,
}

impl LegacyAnswer {
    fn new(scan: &Scan) -> Self {
        let ScanReport { id, status, verdict, confidence, .. } = ScanReport::new(scan, OffsetDateTime::now_utc());
        let is_ai_generated = verdict.as_ref().map(|verdict| *verdict == Verdict::AiGenerated.to_string());
        Self { is_ai_generated, confidence, verdict, id, status }
    }
}

/// Scan an image, the older way.
///
/// Scans the file in the form field `image`, the same way and at the same price.
#[utoipa::path(
    post,
    path = "/api/detect",
    request_body(content = ImageFormBody, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "The scan has ended.", body = LegacyAnswer),
        (status = 202, description = "The scan is running; `Location` says where to ask.", body = LegacyAnswer),
        WriteErrors,
    )
)]
pub async fn legacy(
    State(app): State<App>,
    AdmittedCaller { account, rate, .. }: AdmittedCaller<Scanning>,
    Traced(trace): Traced,
    form: Result<ImageForm, ApiError>,
) -> Response {
    let work = async {
        let request = DetectRequest::Image(form?.0);
        let arrival = Arrival::now(Source::Legacy).traced(trace);
        let Begun { scan, quota } = app.detect.begin(&account, request, arrival, None).await?;
        let scan = app.detect.wait(scan, app.wait_budget).await?;
        let legacy = LegacyAnswer::new(&scan);
        Ok(describe(&Scanned { scan, quota: Some(quota) }, &legacy, false))
    };
    answer(rate, work).await
}

fn describe(Scanned { scan, quota }: &Scanned, answer: &impl Serialize, is_async: bool) -> Response {
    let accepted = is_async || !scan.is_final();
    let status = if accepted { StatusCode::ACCEPTED } else { StatusCode::OK };
    let mut response = (status, Json(answer)).into_response();
    if accepted {
        headers::location(&mut response, scan.id);
        headers::retry_after(&mut response, 1);
    }
    headers::cost(&mut response, quota.as_ref());
    response.extensions_mut().insert(Accepted(usize::from(quota.is_some())));
    response
}
