//! The message that asks the inference function for one stage of one scan.

use crate::{AccountId, Pixels, ScanId, Stage, TraceContext};
use serde::{Deserialize, Serialize};
use std::fmt;

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
    /// Because of what. A message of a version without it begins a new trace.
    #[serde(default)]
    pub trace: TraceContext,
}

/// The content itself, or where it waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobContent {
    /// In the message.
    Inline(Content),
    /// Too big for a message: the key of an object in the parking bucket, which expires in a day. The object is a
    /// [`Content`] as JSON.
    Parked(String),
}

/// What a neural stage looks at.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// A text as it was sent.
    Text(String),
    /// Views of an image.
    Pixels(Pixels),
}

/// Content is private: its debug form tells its size only.
impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Content::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Content::Pixels(pixels) => pixels.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_a_version_without_traces_is_still_read() {
        let (scan, content) = ("0199c1e4-7c5e-7b52-9a64-3f1f0c8b2a11", serde_json::json!({"parked": "jobs/1"}));
        let job = serde_json::json!({"account": "demo", "scan": scan, "stage": "roberta", "content": content});
        let job: StageJob = serde_json::from_value(job).unwrap();
        let again: StageJob = serde_json::from_str(&serde_json::to_string(&job).unwrap()).unwrap();
        assert_eq!(again, job);
    }
}
