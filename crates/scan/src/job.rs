//! The message that asks the inference function for one stage of one scan.

use crate::{AccountId, ScanId, Stage};
use serde::{Deserialize, Serialize};

/// One neural stage of one scan. Carried as JSON in an SQS message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageJob {
    /// Whose scan.
    pub account: AccountId,
    /// Which scan.
    pub scan: ScanId,
    /// Which stage to run.
    pub stage: Stage,
    /// On what.
    pub content: JobContent,
}

/// The content itself, or where it waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobContent {
    /// In the message.
    Inline(String),
    /// Too big for a message: the key of an object in the parking bucket, which expires in a day.
    Parked(String),
}
