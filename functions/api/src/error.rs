//! Error codes as HTTP: status, envelope, headers.

use crate::headers;
use crate::openapi::{ErrorBody, ErrorDetail};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use cloud::RateUse;
use scan::ErrorCode;
use service::ServiceError;

/// An error on its way out. The envelope is the documented `{"detail": {"code", "message", …}}`.
#[derive(Debug)]
pub struct ApiError {
    code: ErrorCode,
    message: String,
    cause: Option<ServiceError>,
}

impl ApiError {
    /// The path exists, the method does not.
    pub fn method_not_allowed() -> Self {
        let message = "This path does not take this method.".to_owned();
        Self { code: ErrorCode::MethodNotAllowed, message, cause: None }
    }

    /// For an error that is part of a larger answer.
    pub fn into_code_and_message(self) -> (ErrorCode, String) {
        if let Some(error) = self.cause.filter(|_| self.code == ErrorCode::DetectionError) {
            tracing::error!(%error, "an item failed");
        }
        (self.code, self.message)
    }
}

impl From<ServiceError> for ApiError {
    fn from(error: ServiceError) -> Self {
        let code = error.code();
        let message = match code {
            // Our faults go to the log, not to the user.
            ErrorCode::DetectionError => "Internal error during detection. Retry after a short delay.".to_owned(),
            _ => sentence(error.to_string()),
        };
        Self { code, message, cause: Some(error) }
    }
}

/// Ends a message as people end theirs: libraries' errors have no full stop.
fn sentence(message: String) -> String {
    if message.ends_with('.') { message } else { message + "." }
}

/// Does a request's work and answers with what comes of it, telling of the rate limit in either case.
pub async fn answer(rate: RateUse, work: impl Future<Output = Result<Response, ApiError>>) -> Response {
    let mut response = work.await.unwrap_or_else(IntoResponse::into_response);
    headers::rate(&mut response, &rate);
    response
}

fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::InvalidToken => StatusCode::UNAUTHORIZED,
        ErrorCode::Forbidden => StatusCode::FORBIDDEN,
        ErrorCode::SignInUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::QuotaExceeded => StatusCode::PAYMENT_REQUIRED,
        ErrorCode::NotFound => StatusCode::NOT_FOUND,
        ErrorCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ErrorCode::ContentEncodingNotSupported => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::IdempotencyInFlight | ErrorCode::NotReviewable => StatusCode::CONFLICT,
        ErrorCode::InvalidRequest
        | ErrorCode::EmptyContent
        | ErrorCode::ContentTooLarge
        | ErrorCode::ModalityNotSupported
        | ErrorCode::InputTypeNotSupported
        | ErrorCode::IdempotencyMismatch
        | ErrorCode::TooManyKeys
        | ErrorCode::TooManyWebhooks
        | ErrorCode::InvalidBase64
        | ErrorCode::ImageTooLarge
        | ErrorCode::UnsupportedImage
        | ErrorCode::UnsupportedContent
        | ErrorCode::UrlNotAllowed
        | ErrorCode::FetchFailed => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (limit, used, retry_after) = match &self.cause {
            Some(ServiceError::RateLimited(rate)) => (Some(rate.limit), None, Some(rate.reset_seconds)),
            Some(ServiceError::QuotaExceeded(quota)) => (quota.limit, Some(quota.used), None),
            _ => (None, None, None),
        };
        let detail = ErrorDetail { code: self.code, message: self.message, limit, used, retry_after };
        let mut response = (status(self.code), Json(ErrorBody { detail })).into_response();
        response.extensions_mut().insert(self.code);
        match &self.cause {
            _ if self.code == ErrorCode::InvalidToken => headers::challenge(&mut response),
            Some(ServiceError::RateLimited(rate)) => {
                headers::rate(&mut response, rate);
                headers::retry_after(&mut response, rate.reset_seconds);
            }
            Some(ServiceError::QuotaExceeded(quota)) => headers::quota(&mut response, quota),
            Some(ServiceError::CompressedBody) => headers::accept_plain(&mut response),
            Some(ServiceError::IdempotencyInFlight | ServiceError::Identity(_)) => {
                headers::retry_after(&mut response, 1)
            }
            Some(error) if self.code == ErrorCode::DetectionError => tracing::error!(%error, "request failed"),
            _ => {}
        }
        response
    }
}
