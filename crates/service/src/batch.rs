//! Many contents in one request: refused as a whole where the quota has no room for all, then charged and scanned side by
//! side, each with its own end.

use crate::{Arrival, Detect, DetectRequest, ServiceError, json};
use cloud::QuotaUse;
use futures::{StreamExt, stream};
use scan::{Account, Scan};
use serde::Deserialize;
use std::collections::HashMap;
use std::time::Duration;

/// The most items of a batch.
pub const MAX_ITEMS: usize = 100;
/// Items that are examined at the same time.
const WORKERS: usize = 10;

/// A batch of 1 to [`MAX_ITEMS`] items, each a request or the reason for its refusal, in the order in which they came.
#[derive(Debug)]
pub struct BatchRequest(Vec<Result<DetectRequest, ServiceError>>);

/// A batch that has been charged and started.
#[derive(Debug)]
pub struct BatchBegun {
    /// Each item's scan, which may be final already, or why it has none; in the order of the request.
    pub items: Vec<Result<Scan, ServiceError>>,
    /// The account's quota when the batch came, and its scans; its refused items cost nothing.
    pub quota: QuotaUse,
}

#[derive(Deserialize)]
struct Body {
    items: Option<Vec<serde_json::Value>>,
}

impl BatchRequest {
    /// Parses JSON: `{"items": […]}`, each item what detect takes. A wrong item does not spoil the others.
    pub fn parse(json: &[u8]) -> Result<Self, ServiceError> {
        let invalid = |message: String| ServiceError::InvalidRequest(message);
        let body: Body = json::body(json)?;
        let items = body.items.ok_or_else(|| invalid("`items` is missing.".to_owned()))?;
        if !(1..=MAX_ITEMS).contains(&items.len()) {
            return Err(invalid(format!("A batch has 1 to {MAX_ITEMS} items; this one has {}.", items.len())));
        }
        Ok(Self(items.into_iter().map(DetectRequest::from_json).collect()))
    }
}

impl Detect {
    /// Starts a batch's scans, unless the quota has no room for all its items. Where others use it up meanwhile, the items
    /// that came too late are refused.
    pub async fn begin_batch(
        &self,
        account: &Account,
        BatchRequest(items): BatchRequest,
        arrival: Arrival,
    ) -> Result<BatchBegun, ServiceError> {
        let quota = self.room(account, items.len() as u64, arrival.received_at).await?;
        let start = async |item: Result<DetectRequest, ServiceError>| self.start(account, item?, arrival.clone()).await;
        let items: Vec<_> = stream::iter(items).map(start).buffered(WORKERS).collect().await;
        let quota = quota.and(items.iter().filter(|item| item.is_ok()).count() as u64);
        Ok(BatchBegun { items, quota })
    }

    /// Waits until every scan is final, at most for `budget`, reading those that are not together. In the same order.
    pub async fn wait_for_all(&self, mut scans: Vec<Scan>, budget: Duration) -> Result<Vec<Scan>, ServiceError> {
        const LONGEST_PAUSE: Duration = Duration::from_millis(500);
        let Some(account) = scans.first().map(|scan| scan.account.clone()) else { return Ok(scans) };
        let until = tokio::time::Instant::now() + budget;
        let mut pause = Duration::from_millis(20);
        loop {
            let running: Vec<_> = scans.iter().filter(|scan| !scan.is_final()).map(|scan| scan.id).collect();
            if running.is_empty() || tokio::time::Instant::now() + pause >= until {
                return Ok(scans);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
            let mut read: HashMap<_, _> =
                self.look_at_all(&account, &running).await?.into_iter().map(|scan| (scan.id, scan)).collect();
            for scan in &mut scans {
                if let Some(newer) = read.remove(&scan.id) {
                    *scan = newer;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scan::ErrorCode;

    #[test]
    fn a_wrong_item_is_refused_alone_and_a_wrong_batch_as_a_whole() {
        let text = r#"{"modality": "text", "input_type": "raw_text", "content": "one two three four five"}"#;
        let json = format!(r#"{{"items": [{text}, {{"modality": "video"}}, 7, {text}]}}"#);
        let BatchRequest(items) = BatchRequest::parse(json.as_bytes()).unwrap();
        let codes: Vec<_> = items.iter().map(|item| item.as_ref().err().map(ServiceError::code)).collect();
        assert_eq!(codes, [None, Some(ErrorCode::ModalityNotSupported), Some(ErrorCode::InvalidRequest), None]);
        let refused = |json: String| BatchRequest::parse(json.as_bytes()).unwrap_err().to_string();
        assert!(refused("{}".into()).contains("`items` is missing"));
        assert!(refused(r#"{"items": []}"#.into()).contains("1 to 100"));
        assert!(refused(format!(r#"{{"items": [{}]}}"#, vec!["1"; 101].join(","))).contains("101"));
        assert!(refused(r#"{"items": {}}"#.into()).contains("JSON"));
    }
}
