//! What is kept where: one type per DynamoDB table, SQS queue and S3 bucket, named for what it keeps.
//!
//! Every table has a partition key `pk` and a sort key `sk`, both strings, so that one definition creates them
//! all. Whatever must hold under concurrency is one conditional write or one transaction here, and nowhere else.

pub mod accounts;
pub mod api_key;
pub mod audit;
mod conflict;
pub mod deadlines;
pub mod error;
pub mod event_bus;
pub mod filter;
pub mod idempotency;
pub mod inbox;
pub mod jobs;
pub mod keys;
pub mod names;
mod objects;
pub mod parking;
pub mod scans;
pub mod uploads;
pub mod usage;
pub mod webhooks;

pub use accounts::Accounts;
pub use api_key::{ApiKey, Pepper};
pub use audit::Audit;
pub use deadlines::{Deadline, Deadlines};
pub use error::CloudError;
pub use event_bus::EventBus;
pub use filter::Filter;
pub use idempotency::{Answer, BatchItem, Claim, ClaimWrite, Claimed, ClaimedItem, EventKey, Idempotency};
pub use inbox::Inbox;
pub use jobs::Jobs;
pub use keys::{KeyInfo, Keys};
pub use names::{Names, NamesError};
pub use parking::Parking;
pub use scans::{Admitted, Found, Recorded, Scans};
pub use uploads::{Permission, Uploads};
pub use usage::{MonthUse, QuotaUse, RateLimit, RateUse, Usage};
pub use webhooks::{Secret, Webhook, WebhookMessage, WebhookQueue, Webhooks};

use aws_config::SdkConfig;

/// The AWS clients, made once per process and cheap to clone.
#[derive(Debug, Clone)]
pub struct Clients {
    /// Tables.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// Queues.
    pub sqs: aws_sdk_sqs::Client,
    /// Buckets.
    pub s3: aws_sdk_s3::Client,
}

/// The SDK's configuration by the environment that a Lambda function runs in: made once per process. Endpoints can be
/// redirected with the SDK's own variables (`AWS_ENDPOINT_URL_DYNAMODB`, …).
pub async fn sdk_config() -> SdkConfig {
    aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await
}

impl Clients {
    /// Clients of that configuration.
    pub fn new(config: &SdkConfig) -> Self {
        // Path-style addresses reach buckets on endpoints that have no wildcard name; AWS takes them too.
        let s3 = aws_sdk_s3::config::Builder::from(config).force_path_style(true).build();
        Self {
            dynamodb: aws_sdk_dynamodb::Client::new(config),
            sqs: aws_sdk_sqs::Client::new(config),
            s3: aws_sdk_s3::Client::from_conf(s3),
        }
    }
}
