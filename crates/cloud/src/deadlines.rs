//! The deadlines queue: one message for each scan, which comes when the scan should have ended.

use crate::CloudError;
use aws_sdk_sqs::Client;
use scan::{AccountId, ScanId, TraceContext};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

/// The longest that SQS delays a message.
const LONGEST_DELAY: Duration = Duration::seconds(900);
/// Between a deadline and its message, so that the message never comes too early.
const SLACK: Duration = Duration::seconds(2);

/// The longest that a scan may run: what can be said to SQS in one message.
pub const LONGEST_DEADLINE: std::time::Duration = std::time::Duration::from_secs(890);

/// Scans whose time will be up.
#[derive(Debug, Clone)]
pub struct Deadlines {
    client: Client,
    queue: Option<String>,
}

/// A scan whose time is up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    /// Whose.
    pub account: AccountId,
    /// Which.
    pub scan: ScanId,
    /// The operation that accepted it.
    #[serde(default)]
    pub trace: TraceContext,
}

impl Deadlines {
    /// Messages go to the queue of that URL. Without one, a scan that hangs ends when somebody asks for it.
    pub fn new(client: Client, queue: Option<String>) -> Self {
        Self { client, queue }
    }

    /// Has the scan looked at once its deadline has passed. To be called before the scan is stored, so that none is
    /// stored without; a message about a scan that never was does no harm.
    pub async fn set(&self, deadline: &Deadline, at: OffsetDateTime, now: OffsetDateTime) -> Result<(), CloudError> {
        let Some(queue) = &self.queue else { return Ok(()) };
        // Rounded up: a message delayed by less than its time would come too early.
        let delay = (at + SLACK - now + Duration::SECOND).clamp(Duration::ZERO, LONGEST_DELAY);
        let body = serde_json::to_string(deadline).map_err(|e| CloudError::Data(e.to_string()))?;
        let send = self.client.send_message().queue_url(queue).message_body(body);
        let send = send.delay_seconds(delay.whole_seconds() as i32);
        send.send().await.map(drop).map_err(CloudError::of("set deadline"))
    }
}
