//! `POST /v1/detect`.

use crate::App;
use crate::error::ApiError;
use crate::extract::{AdmittedCaller, LimitedBody};
use crate::headers;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use cloud::QuotaUse;
use scan::{Account, Scan, ScanReport};
use service::{DetectRequest, ServiceError};
use time::OffsetDateTime;

/// Scans the content and waits for the verdict: 200 when it is there within the wait budget, else 202 with the scan
/// as it stands and where to ask again.
pub async fn detect(
    State(app): State<App>,
    AdmittedCaller { account, rate }: AdmittedCaller,
    body: Result<LimitedBody, ApiError>,
) -> Response {
    let received_at = OffsetDateTime::now_utc();
    let answer = match body {
        Ok(LimitedBody(body)) => scan(&app, &account, &body, received_at).await.map_err(ApiError::from),
        Err(error) => Err(error),
    };
    let mut response = match answer {
        Ok((scan, quota)) => {
            let mut response = describe(&scan);
            headers::quota(&mut response, &quota);
            response
        }
        Err(error) => error.into_response(),
    };
    headers::rate(&mut response, &rate);
    response
}

async fn scan(
    app: &App,
    account: &Account,
    body: &[u8],
    received_at: OffsetDateTime,
) -> Result<(Scan, QuotaUse), ServiceError> {
    let DetectRequest::Text(text) = DetectRequest::parse(body)? else {
        return Err(ServiceError::ModalityNotSupported);
    };
    let begun = app.detect.begin(account, &text, received_at).await?;
    let scan = app.detect.wait(begun.scan, app.wait_budget).await?;
    Ok((scan, begun.quota))
}

fn describe(scan: &Scan) -> Response {
    let report = Json(ScanReport::new(scan, OffsetDateTime::now_utc()));
    if scan.is_final() {
        return report.into_response();
    }
    let mut response = (StatusCode::ACCEPTED, report).into_response();
    headers::location(&mut response, scan.id);
    headers::retry_after(&mut response, 1);
    response
}
