//! Where the embedded services listen, and how the AWS SDK is pointed there.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use cloud::Clients;
use serde::{Deserialize, Serialize};

/// The key that requests are signed with; only S3 checks it.
pub(super) const ACCESS_KEY: &str = "test";
/// The secret of [`ACCESS_KEY`].
pub(super) const SECRET_KEY: &str = "test";

/// The URLs of the three services, such as `http://127.0.0.1:40123`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    /// Of DynamoDB.
    pub dynamodb: String,
    /// Of SQS.
    pub sqs: String,
    /// Of S3, path style.
    pub s3: String,
}

impl Endpoints {
    /// Clients of the three. The environment's AWS settings are not looked at.
    pub fn clients(&self) -> Clients {
        let s3 = aws_sdk_s3::config::Builder::from(&sdk_config(&self.s3)).force_path_style(true).build();
        Clients {
            dynamodb: aws_sdk_dynamodb::Client::new(&sdk_config(&self.dynamodb)),
            sqs: aws_sdk_sqs::Client::new(&sdk_config(&self.sqs)),
            s3: aws_sdk_s3::Client::from_conf(s3),
        }
    }
}

/// The SDK's settings for the service at `endpoint`.
pub(super) fn sdk_config(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "embedded");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(endpoint)
        .build()
}
