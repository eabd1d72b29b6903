//! Why a use case did not do what it was asked.

use cloud::{CloudError, QuotaUse, RateUse};
use detectors::image::DecodeError;
use fetch::FetchError;
use identity::IdentityError;
use scan::calibration::MissingFeature;
use scan::image::PixelsError;
use scan::text::TextError;
use scan::{ErrorCode, Modality};

/// A refusal or a fault. [`ServiceError::code`] is what users program against.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// No key, or one that does not open anything.
    #[error("API key is missing, invalid, or revoked. Send it as `Authorization: Bearer tl_live_…`.")]
    InvalidToken,
    /// A token that is not believed, or could not be judged.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A key was presented where only its owner may act.
    #[error("An API key cannot do this: sign in to the dashboard.")]
    SignInNeeded,
    /// Somebody else than an operator asks for what operators do.
    #[error("Only an operator may do this.")]
    OperatorNeeded,
    /// An operator asks for what accounts do.
    #[error("An operator's token has no account: use an API key, or sign in as its owner.")]
    NoAccount,
    /// There is no account of that id.
    #[error("No such account.")]
    NoSuchAccount,
    /// The account has as many active keys as it may.
    #[error("This account has {} active keys, as many as it may. Revoke one first.", crate::KeyRing::MAX_ACTIVE)]
    TooManyKeys,
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
    #[error("Requested modality is not yet available; `modality` must be \"text\" or \"image\".")]
    ModalityNotSupported,
    /// The input type does not exist for the modality.
    #[error("`input_type` must be {} for {modality}.", match modality {
        Modality::Text => "\"raw_text\"",
        Modality::Image => "\"upload\" or \"url\"",
    })]
    InputTypeNotSupported {
        /// The modality.
        modality: Modality,
    },
    /// The text is out of bounds.
    #[error(transparent)]
    Text(#[from] TextError),
    /// `content` is no base64.
    #[error("`content` is not valid base64: send the file in standard base64, without a `data:` prefix.")]
    InvalidBase64,
    /// There is no image in the request.
    #[error("The image is empty: send the bytes of the file.")]
    EmptyImage,
    /// The image file is over the limit.
    #[error("Image exceeds 20 MB limit. Send a smaller file; over 4 MB, upload it through POST /v1/uploads.")]
    ImageTooLarge,
    /// The file is no image that is read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The URL could not be fetched, or must not be.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// This account has uploaded no such file, or it has expired.
    #[error("No such upload: send the file to the URL that POST /v1/uploads gave, then ask for its scan within a day.")]
    UploadNotFound,
    /// The request body is over the limit.
    #[error("The request body is larger than {limit} bytes.")]
    BodyTooLarge {
        /// The limit.
        limit: usize,
    },
    /// The request body is compressed.
    #[error("The body is compressed, which this API does not take: send it as it is, without `Content-Encoding`.")]
    CompressedBody,
    /// Nothing is at this path.
    #[error("There is no such path in this API: /docs lists those that there are.")]
    NoSuchPath,
    /// A file is neither an image that is read nor a text.
    #[error("The file is neither a text in UTF-8 nor an image: JPEG, PNG, WEBP, GIF or BMP.")]
    UnsupportedContent,
    /// A scan without a verdict was to be reviewed.
    #[error("Only a completed scan can be reviewed.")]
    NotReviewable,
    /// The account has as many webhooks as it may.
    #[error("This account has {} webhooks, as many as it may. Delete one first.", crate::WebhookBook::MAX)]
    TooManyWebhooks,
    /// This account has no such webhook.
    #[error("No such webhook.")]
    NoSuchWebhook,
    /// The first request with this idempotency key is still under way.
    #[error("A request with this `Idempotency-Key` is still under way; send it again in a moment.")]
    IdempotencyInFlight,
    /// The idempotency key belongs to another request.
    #[error("This `Idempotency-Key` was used for another request; use a new key for a new request.")]
    IdempotencyMismatch,
    /// This account has no such key.
    #[error("No such key.")]
    NoSuchKey,
    /// Nobody signs in here.
    #[error("Sign-in is not set up here: an operator makes the keys.")]
    NoSignIn,
    /// This account has no such scan.
    #[error("No such scan.")]
    NotFound,
    /// A service that we rest on failed.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// Pack and code do not belong together.
    #[error(transparent)]
    Pack(#[from] MissingFeature),
    /// The pack's classifier wants views that no image gives.
    #[error(transparent)]
    Pixels(#[from] PixelsError),
    /// Work on another thread ended before its time.
    #[error("a thread ended before its work was done")]
    Stopped,
}

impl ServiceError {
    /// A body, or an item of one, that is not the JSON that the endpoint takes.
    pub(crate) fn not_json(what: &str, error: &serde_json::Error) -> Self {
        ServiceError::InvalidRequest(format!("The {what} is not the JSON that this endpoint takes: {error}."))
    }

    /// The documented code.
    pub fn code(&self) -> ErrorCode {
        match self {
            ServiceError::InvalidToken => ErrorCode::InvalidToken,
            ServiceError::Identity(error) if error.is_unavailable() => ErrorCode::SignInUnavailable,
            ServiceError::Identity(_) => ErrorCode::InvalidToken,
            ServiceError::SignInNeeded | ServiceError::OperatorNeeded | ServiceError::NoAccount => ErrorCode::Forbidden,
            ServiceError::TooManyKeys => ErrorCode::TooManyKeys,
            ServiceError::RateLimited(_) => ErrorCode::RateLimited,
            ServiceError::QuotaExceeded(_) => ErrorCode::QuotaExceeded,
            ServiceError::InvalidRequest(_) => ErrorCode::InvalidRequest,
            ServiceError::ModalityNotSupported => ErrorCode::ModalityNotSupported,
            ServiceError::InputTypeNotSupported { .. } => ErrorCode::InputTypeNotSupported,
            ServiceError::Text(TextError::TooLong) | ServiceError::BodyTooLarge { .. } => ErrorCode::ContentTooLarge,
            ServiceError::CompressedBody => ErrorCode::ContentEncodingNotSupported,
            ServiceError::Text(_) => ErrorCode::EmptyContent,
            ServiceError::InvalidBase64 => ErrorCode::InvalidBase64,
            ServiceError::EmptyImage => ErrorCode::EmptyContent,
            ServiceError::ImageTooLarge | ServiceError::Decode(DecodeError::TooManyPixels { .. }) => {
                ErrorCode::ImageTooLarge
            }
            ServiceError::Decode(_) => ErrorCode::UnsupportedImage,
            ServiceError::Fetch(FetchError::TooLarge { .. }) => ErrorCode::ImageTooLarge,
            ServiceError::Fetch(error) if error.is_refusal() => ErrorCode::UrlNotAllowed,
            ServiceError::Fetch(_) => ErrorCode::FetchFailed,
            ServiceError::IdempotencyInFlight => ErrorCode::IdempotencyInFlight,
            ServiceError::IdempotencyMismatch => ErrorCode::IdempotencyMismatch,
            ServiceError::UnsupportedContent => ErrorCode::UnsupportedContent,
            ServiceError::NotReviewable => ErrorCode::NotReviewable,
            ServiceError::TooManyWebhooks => ErrorCode::TooManyWebhooks,
            ServiceError::UploadNotFound
            | ServiceError::NoSuchWebhook
            | ServiceError::NotFound
            | ServiceError::NoSuchPath
            | ServiceError::NoSuchKey
            | ServiceError::NoSuchAccount
            | ServiceError::NoSignIn => ErrorCode::NotFound,
            ServiceError::Cloud(CloudError::TooLarge { .. }) => ErrorCode::ImageTooLarge,
            ServiceError::Cloud(_) | ServiceError::Pack(_) | ServiceError::Pixels(_) | ServiceError::Stopped => {
                ErrorCode::DetectionError
            }
        }
    }
}
