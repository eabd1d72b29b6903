//! Why a use case did not do what it was asked.

use cloud::{CloudError, QuotaUse, RateUse};
use scan::ErrorCode;
use scan::calibration::MissingFeature;
use scan::text::TextError;

/// A refusal or a fault. [`ServiceError::code`] is what users program against.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// No key, or one that does not open anything.
    #[error("API key is missing, invalid, or revoked. Send it as `Authorization: Bearer tl_live_…`.")]
    InvalidToken,
    /// Too many requests in this minute.
    #[error("Too many requests: the limit is {} a minute. Try again in {} seconds.", .0.limit, .0.reset_seconds)]
    RateLimited(RateUse),
    /// The month's scans are used up.
    #[error("Monthly scan limit reached ({} of {}). Upgrade or wait for the reset.", .0.used, .0.limit.unwrap_or(0))]
    QuotaExceeded(QuotaUse),
    /// The request is not what the endpoint takes.
    #[error("{0}")]
    InvalidRequest(String),
    /// The modality is unknown or not there yet.
    #[error("Requested modality is not yet available; `modality` must be \"text\".")]
    ModalityNotSupported,
    /// The input type does not exist for the modality.
    #[error("`input_type` must be \"raw_text\" for text.")]
    InputTypeNotSupported,
    /// The text is out of bounds.
    #[error("{0}.")]
    Text(#[from] TextError),
    /// The request body is over the limit.
    #[error("The request body is larger than {limit} bytes.")]
    BodyTooLarge {
        /// The limit.
        limit: usize,
    },
    /// This account has no such scan.
    #[error("No such scan.")]
    NotFound,
    /// A service that we rest on failed.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// Pack and code do not belong together.
    #[error(transparent)]
    Pack(#[from] MissingFeature),
}

impl ServiceError {
    /// The documented code.
    pub fn code(&self) -> ErrorCode {
        match self {
            ServiceError::InvalidToken => ErrorCode::InvalidToken,
            ServiceError::RateLimited(_) => ErrorCode::RateLimited,
            ServiceError::QuotaExceeded(_) => ErrorCode::QuotaExceeded,
            ServiceError::InvalidRequest(_) => ErrorCode::InvalidRequest,
            ServiceError::ModalityNotSupported => ErrorCode::ModalityNotSupported,
            ServiceError::InputTypeNotSupported => ErrorCode::InputTypeNotSupported,
            ServiceError::Text(TextError::TooLong) | ServiceError::BodyTooLarge { .. } => ErrorCode::ContentTooLarge,
            ServiceError::Text(_) => ErrorCode::EmptyContent,
            ServiceError::NotFound => ErrorCode::NotFound,
            ServiceError::Cloud(_) | ServiceError::Pack(_) => ErrorCode::DetectionError,
        }
    }
}
