//! The job queues: one per neural stage, so that each scales and fails on its own.

use crate::{CloudError, Names};
use aws_sdk_sqs::Client;
use scan::{Stage, StageJob};
use std::collections::BTreeMap;

/// The largest message that is sent, in bytes. SQS took 256 KiB for most of its life, and emulators still do.
pub const MAX_MESSAGE_BYTES: usize = 256 * 1024;

/// Stage jobs on their way to the inference function.
#[derive(Debug, Clone)]
pub struct Jobs {
    client: Client,
    queues: BTreeMap<Stage, String>,
}

impl Jobs {
    /// The queues of `names`.
    pub fn new(client: Client, names: &Names) -> Self {
        Self { client, queues: names.queues.clone() }
    }

    /// Whether a text fits a message beside the rest of a job. JSON may escape one byte as six.
    pub fn fits(text: &str) -> bool {
        const ENVELOPE: usize = 1024;
        let escaped = |b: u8| if b < 0x20 { 6 } else { 1 + usize::from(b == b'"' || b == b'\\') };
        ENVELOPE + text.bytes().map(escaped).sum::<usize>() <= MAX_MESSAGE_BYTES
    }

    /// Queues a job for its stage.
    pub async fn send(&self, job: &StageJob) -> Result<(), CloudError> {
        let queue = self.queues.get(&job.stage).ok_or(CloudError::NoQueue(job.stage))?;
        let body = serde_json::to_string(job).map_err(|e| CloudError::Data(e.to_string()))?;
        let sent = self.client.send_message().queue_url(queue).message_body(body).send().await;
        sent.map_err(CloudError::of("send job"))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scan::{JobContent, ScanId};

    #[test]
    fn what_fits_makes_a_message_within_the_limit() {
        for text in ["x".repeat(255_000), "\u{1}".repeat(43_000), "\"".repeat(130_000), "漢".repeat(86_000)] {
            let job = StageJob {
                account: "demo".parse().unwrap(),
                scan: ScanId::new(),
                stage: Stage::Roberta,
                content: JobContent::Inline(text.clone()),
            };
            assert!(Jobs::fits(&text));
            assert!(serde_json::to_string(&job).unwrap().len() <= MAX_MESSAGE_BYTES);
        }
        assert!(!Jobs::fits(&"漢".repeat(100_000)));
    }
}
