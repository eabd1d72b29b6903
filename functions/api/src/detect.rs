//! `POST /v1/detect`, and the legacy `POST /api/detect`.

use crate::App;
use crate::error::ApiError;
use crate::extract::{AdmittedCaller, ImageForm, LimitedBody};
use crate::headers;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use cloud::QuotaUse;
use scan::{Scan, ScanReport, Verdict};
use serde::Serialize;
use service::DetectRequest;
use time::OffsetDateTime;

/// Scans the content and waits for the verdict: 200 when it is there within the wait budget, else 202 with the scan
/// as it stands and where to ask again.
pub async fn detect(State(app): State<App>, caller: AdmittedCaller, body: Result<LimitedBody, ApiError>) -> Response {
    let request = body.and_then(|LimitedBody(body)| Ok(DetectRequest::parse(&body)?));
    scan(&app, caller, request, |scan| ScanReport::new(scan, OffsetDateTime::now_utc())).await
}

/// What the legacy endpoint answers.
#[derive(Debug, Serialize)]
struct LegacyAnswer {
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

/// Scans the file in the form field `image`, the same way and at the same price.
pub async fn legacy(State(app): State<App>, caller: AdmittedCaller, form: Result<ImageForm, ApiError>) -> Response {
    let request = form.map(|ImageForm(image)| DetectRequest::Image(image));
    scan(&app, caller, request, LegacyAnswer::new).await
}

async fn scan<T: Serialize>(
    app: &App,
    AdmittedCaller { account, rate }: AdmittedCaller,
    request: Result<DetectRequest, ApiError>,
    answer: impl Fn(&Scan) -> T,
) -> Response {
    let received_at = OffsetDateTime::now_utc();
    let scanned = async move || -> Result<(Scan, QuotaUse), ApiError> {
        let begun = app.detect.begin(&account, request?, received_at).await?;
        Ok((app.detect.wait(begun.scan, app.wait_budget).await?, begun.quota))
    };
    let mut response = match scanned().await {
        Ok((scan, quota)) => {
            let mut response = describe(&scan, &answer(&scan));
            headers::quota(&mut response, &quota);
            response
        }
        Err(error) => error.into_response(),
    };
    headers::rate(&mut response, &rate);
    response
}

fn describe(scan: &Scan, answer: &impl Serialize) -> Response {
    if scan.is_final() {
        return Json(answer).into_response();
    }
    let mut response = (StatusCode::ACCEPTED, Json(answer)).into_response();
    headers::location(&mut response, scan.id);
    headers::retry_after(&mut response, 1);
    response
}
