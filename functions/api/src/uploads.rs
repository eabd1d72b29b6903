//! `POST /v1/uploads`.

use crate::App;
use crate::error::ApiError;
use crate::extract::{AdmittedCaller, LimitedBody, Uploading, Wishes};
use crate::headers;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use cloud::uploads::PERMISSION;
use cloud::{Answer, Permission};
use serde_json::json;
use service::{Done, Fingerprint, ServiceError, UploadRequest};

/// Permits the upload of one file, and says how to send it.
pub async fn create(
    State(app): State<App>,
    AdmittedCaller { account, rate, .. }: AdmittedCaller<Uploading>,
    wishes: Result<Wishes, ApiError>,
    body: Result<LimitedBody, ApiError>,
) -> Response {
    let answer = async move || -> Result<Response, ApiError> {
        let (wishes, LimitedBody(body)) = (wishes?, body?);
        let work = async { app.upload.permit(&account, &UploadRequest::parse(&body)?).await };
        let remembered = |permission: &Permission| Answer::Upload(permission.clone());
        let fingerprint = Fingerprint::of("/v1/uploads", &body);
        match app.once.run(&account.id, wishes.key, fingerprint, work, remembered).await? {
            Done::Now(permission) => Ok(describe(&permission)),
            Done::Before(Answer::Upload(permission)) => {
                let mut response = describe(&permission);
                headers::replayed(&mut response);
                Ok(response)
            }
            Done::Before(_) => Err(ServiceError::IdempotencyMismatch.into()),
        }
    };
    let mut response = answer().await.unwrap_or_else(IntoResponse::into_response);
    headers::rate(&mut response, &rate);
    response
}

fn describe(permission: &Permission) -> Response {
    let body = json!({
        "upload_id": permission.id.to_string(),
        "method": "PUT",
        "url": permission.url,
        "headers": permission.headers,
        "expires_in": PERMISSION.as_secs(),
    });
    (StatusCode::CREATED, Json(body)).into_response()
}
