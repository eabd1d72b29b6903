//! `POST /v1/uploads`.

use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, LimitedBody};
use crate::headers;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use cloud::uploads::PERMISSION;
use serde_json::{Value, json};
use service::UploadRequest;

/// Permits the upload of one file, and says how to send it.
pub async fn create(
    State(app): State<App>,
    Caller(account): Caller,
    body: Result<LimitedBody, ApiError>,
) -> Result<Response, ApiError> {
    let rate = app.upload.admit(&account).await?;
    let permitted = async move || -> Result<Value, ApiError> {
        let permission = app.upload.permit(&account, &UploadRequest::parse(&body?.0)?).await?;
        Ok(json!({
            "upload_id": permission.id.to_string(),
            "method": "PUT",
            "url": permission.url,
            "headers": permission.headers,
            "expires_in": PERMISSION.as_secs(),
        }))
    };
    let mut response = match permitted().await {
        Ok(permission) => (StatusCode::CREATED, Json(permission)).into_response(),
        Err(error) => error.into_response(),
    };
    headers::rate(&mut response, &rate);
    Ok(response)
}
