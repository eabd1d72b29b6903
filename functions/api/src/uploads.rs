//! `POST /v1/uploads`.

use crate::App;
use crate::error::{ApiError, answer};
use crate::extract::{AdmittedCaller, LimitedBody, Uploading, Wishes};
use crate::headers;
use crate::openapi::{UploadBody, WriteErrors};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use cloud::uploads::PERMISSION;
use cloud::{Answer, Permission};
use serde::Serialize;
use service::{Done, Fingerprint, ServiceError, UploadRequest};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// How to send the file.
#[derive(Debug, Serialize, ToSchema)]
pub struct UploadAnswer {
    /// Scan it with this.
    #[schema(format = "uuid")]
    upload_id: String,
    /// Always `PUT`.
    method: &'static str,
    /// Where to send it.
    url: String,
    /// Headers that must be sent with it.
    headers: BTreeMap<String, String>,
    /// Seconds that the permission holds.
    expires_in: u64,
}

/// Ask for permission to upload a big file.
///
/// Permits the upload of one file, and says how to send it.
#[utoipa::path(
    post,
    path = "/v1/uploads",
    params(Wishes),
    request_body = UploadBody,
    responses((status = 201, description = "How to send the file.", body = UploadAnswer), WriteErrors)
)]
pub async fn create(
    State(app): State<App>,
    AdmittedCaller { account, rate, .. }: AdmittedCaller<Uploading>,
    wishes: Result<Wishes, ApiError>,
    body: Result<LimitedBody, ApiError>,
) -> Response {
    let work = async {
        let (wishes, LimitedBody(body)) = (wishes?, body?);
        let permit = async |_| app.upload.permit(&account, &UploadRequest::parse(&body)?).await;
        let remembered = |permission: &Permission| Some(Answer::Upload(permission.clone()));
        let fingerprint = Fingerprint::of("/v1/uploads", &body);
        match app.once.run(&account.id, wishes.key, fingerprint, permit, remembered).await? {
            Done::Now(permission) => Ok(describe(&permission)),
            Done::Before(Answer::Upload(permission)) => {
                let mut response = describe(&permission);
                headers::replayed(&mut response);
                Ok(response)
            }
            Done::Before(_) => Err(ServiceError::IdempotencyMismatch.into()),
        }
    };
    answer(rate, work).await
}

fn describe(permission: &Permission) -> Response {
    let body = UploadAnswer {
        upload_id: permission.id.to_string(),
        method: "PUT",
        url: permission.url.clone(),
        headers: permission.headers.clone(),
        expires_in: PERMISSION.as_secs(),
    };
    (StatusCode::CREATED, Json(body)).into_response()
}
