//! What endpoints take, described for the reader of the API's description. The use cases do the parsing.

use serde::Deserialize;
use utoipa::ToSchema;

/// What `POST /v1/detect` takes. Members that are not named here are ignored.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "describes what service::DetectRequest parses")]
pub enum DetectBody {
    /// A text.
    Text(TextBody),
    /// An image file in the request.
    ImageFile(ImageFileBody),
    /// An image behind a URL.
    ImageUrl(ImageUrlBody),
    /// An image that was uploaded before.
    UploadedImage(UploadedImageBody),
}

/// A text.
#[derive(Deserialize, ToSchema)]
#[allow(dead_code, reason = "describes what service::DetectRequest parses")]
pub struct TextBody {
    #[schema(pattern = "^text$")]
    modality: String,
    #[schema(pattern = "^raw_text$")]
    input_type: String,
    /// 5 words or more; 50 or more give a reliable answer.
    #[schema(max_length = 100000)]
    content: String,
}

/// An image file in the request.
#[derive(Deserialize, ToSchema)]
#[allow(dead_code, reason = "describes what service::DetectRequest parses")]
pub struct ImageFileBody {
    #[schema(pattern = "^image$")]
    modality: String,
    #[schema(pattern = "^upload$")]
    input_type: String,
    /// The file in standard base64: JPEG, PNG, WEBP, GIF or BMP, at most 20 MB.
    #[schema(content_encoding = "base64")]
    content: String,
}

/// An image behind a URL.
#[derive(Deserialize, ToSchema)]
#[allow(dead_code, reason = "describes what service::DetectRequest parses")]
pub struct ImageUrlBody {
    #[schema(pattern = "^image$")]
    modality: String,
    #[schema(pattern = "^url$")]
    input_type: String,
    /// http or https, on a public address.
    #[schema(format = "uri", max_length = 2048)]
    url: String,
}

/// An image that was uploaded before.
#[derive(Deserialize, ToSchema)]
#[allow(dead_code, reason = "describes what service::DetectRequest parses")]
pub struct UploadedImageBody {
    #[schema(pattern = "^image$")]
    modality: String,
    #[schema(pattern = "^upload$")]
    input_type: String,
    /// The `upload_id` that `POST /v1/uploads` gave.
    #[schema(format = "uuid")]
    upload_id: String,
}

/// What `POST /v1/detect/batch` takes.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes what service::BatchRequest parses")]
pub struct BatchBody {
    /// Each is what `POST /v1/detect` takes; one that is not is refused alone.
    #[schema(min_items = 1, max_items = 100)]
    items: Vec<serde_json::Value>,
}

/// What `POST /v1/uploads` takes.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes what service::UploadRequest parses")]
pub struct UploadBody {
    /// `image/jpeg`, `image/png`, `image/webp`, `image/gif` or `image/bmp`.
    #[schema(pattern = "^image/(jpeg|png|webp|gif|bmp)$")]
    content_type: String,
    /// The file's size in bytes.
    #[schema(minimum = 1, maximum = 20971520)]
    content_length: u64,
}

/// What `POST /api/detect` takes.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes what extract::ImageForm parses")]
pub struct ImageFormBody {
    /// The file.
    #[schema(content_media_type = "application/octet-stream")]
    image: Vec<u8>,
}

/// What `PUT /v1/account/moderation` takes.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes what service::account_book parses")]
pub struct ModerationBody {
    /// From this confidence on, content is flagged. `null` or nothing: never.
    #[schema(minimum = 0, maximum = 1)]
    flag: Option<f64>,
    /// From this confidence on, content is rejected: at least `flag`.
    #[schema(minimum = 0, maximum = 1)]
    reject: Option<f64>,
}

/// What `POST /v1/keys` takes.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes what service::KeyName parses")]
pub struct NewKeyBody {
    /// What you call the key.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
}

/// What `POST /v1/scans/{id}/review` takes.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes what service::ReviewRequest parses")]
pub struct ReviewBody {
    #[schema(pattern = "^(approve|reject)$")]
    decision: String,
    /// Who decided: a name of your making.
    #[schema(min_length = 1, max_length = 128)]
    reviewer: Option<String>,
    /// Why.
    #[schema(min_length = 1, max_length = 2000)]
    note: Option<String>,
}

/// What `POST /v1/webhooks` takes.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes what service::WebhookBook parses")]
pub struct NewWebhookBody {
    /// https, on a public address.
    #[schema(format = "uri", max_length = 2048)]
    url: String,
}

/// What `PUT /v1/operator/accounts/{id}/plan` takes.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes what service::PlanChange parses")]
pub struct PlanBody {
    #[schema(pattern = "^(free|pro|business|pay_as_you_go)$")]
    plan: String,
    /// The most that a pay-as-you-go account pays a month, in US dollars; without it there is no cap.
    #[schema(pattern = "^[0-9]{1,6}([.][0-9]{1,6})?$")]
    spend_cap_usd: Option<String>,
}
