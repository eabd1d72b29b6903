//! The job queues: one per neural stage, so that each scales and fails on its own.

use crate::{CloudError, Names};
use aws_sdk_sqs::Client;
use scan::{Content, Stage, StageJob};
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

    /// Whether content fits a message beside the rest of a job.
    pub fn fits(content: &Content) -> bool {
        const ENVELOPE: usize = 1024;
        /// Counts instead of writing, so that megabytes of pixels are not copied to be counted.
        struct Length(usize);
        impl std::io::Write for Length {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0 += bytes.len();
                Ok(bytes.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let mut length = Length(ENVELOPE);
        serde_json::to_writer(&mut length, content).is_ok() && length.0 <= MAX_MESSAGE_BYTES
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
    use scan::{JobContent, Pixels, ScanId, TraceContext};

    #[test]
    fn what_fits_makes_a_message_within_the_limit() {
        let text = |text: &str, n| Content::Text(text.repeat(n));
        let pixels = |views: usize| Content::Pixels(Pixels::new(224, vec![0; views * 3 * 224 * 224]).unwrap());
        for content in [text("x", 255_000), text("\u{1}", 43_000), text("\"", 130_000), text("漢", 86_000), pixels(1)]
        {
            assert!(Jobs::fits(&content));
            let (account, scan) = ("demo".parse().unwrap(), ScanId::new());
            let (content, trace) = (JobContent::Inline(content), TraceContext::new());
            let job = StageJob { account, scan, stage: Stage::Roberta, content, trace };
            assert!(serde_json::to_string(&job).unwrap().len() <= MAX_MESSAGE_BYTES);
        }
        assert!(!Jobs::fits(&text("漢", 100_000)));
        assert!(!Jobs::fits(&pixels(2)));
    }
}
