//! Many contents in one request: refused as a whole where the quota has no room for all, then charged and scanned side by
//! side, each with its own end.

use crate::examine::Examined;
use crate::{Arrival, Detect, DetectRequest, ServiceError, json};
use cloud::{Claimed, ClaimedItem, QuotaUse};
use futures::{StreamExt, stream};
use scan::{Account, Scan, ScanId};
use serde::Deserialize;
use serde_json::value::RawValue;
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
    /// The account's quota when the batch came, and the scans that it started; its refused items cost nothing.
    pub quota: QuotaUse,
}

#[derive(Deserialize)]
struct Body {
    items: Option<Vec<Box<RawValue>>>,
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
        Ok(Self(items.iter().map(|item| DetectRequest::from_json(item)).collect()))
    }
}

impl Detect {
    /// Starts a batch's scans, unless the quota has no room for all its items. Where others use it up meanwhile, the items
    /// that came too late are refused. Under a key, each item is claimed in the transaction that charges it: a batch whose
    /// process died goes on where it was when it is sent again, and what was started is found, and charged no more.
    pub async fn begin_batch(
        &self,
        account: &Account,
        BatchRequest(items): BatchRequest,
        arrival: Arrival,
        claimed: Option<&Claimed>,
    ) -> Result<BatchBegun, ServiceError> {
        let mut started = self.started(account, claimed, items.len()).await?;
        let before = started.len() as u64;
        let quota = self.room(account, items.len() as u64 - before, arrival.received_at).await?;
        let mut numbered = Vec::with_capacity(items.len());
        for (request, index) in items.into_iter().zip(0..) {
            let item = claimed.map(|claimed| claimed.item(index)).transpose()?;
            let scan = item.as_ref().and_then(|item| started.remove(&item.scan));
            numbered.push((request, item, scan));
        }
        let start = async |(request, item, scan): (Result<DetectRequest, ServiceError>, _, _)| match scan {
            Some(scan) => self.resume(account, request?, scan).await,
            None => self.start(account, request?, arrival.clone(), item).await,
        };
        let items: Vec<_> = stream::iter(numbered).map(start).buffered(WORKERS).collect().await;
        let begun = items.iter().filter(|item| item.is_ok()).count() as u64;
        Ok(BatchBegun { items, quota: quota.and(begun.saturating_sub(before)) })
    }

    /// Charges and starts an item. One that another attempt has claimed meanwhile is gone on with.
    async fn start(
        &self,
        account: &Account,
        request: DetectRequest,
        arrival: Arrival,
        item: Option<ClaimedItem>,
    ) -> Result<Scan, ServiceError> {
        let mut examined = self.examine(account, request, arrival.received_at).await?;
        let claim = item.map(|ClaimedItem { scan, write }| {
            examined.scan.id = scan;
            write
        });
        match self.launch(account, &examined, arrival, claim).await? {
            Some(scan) => Ok(scan),
            None => {
                let scan = self.look(&account.id, examined.scan.id).await?;
                Ok(self.go_on(scan, &examined).await)
            }
        }
    }

    /// Goes on with an item that was started before.
    async fn resume(&self, account: &Account, request: DetectRequest, scan: Scan) -> Result<Scan, ServiceError> {
        if scan.is_final() {
            return Ok(scan);
        }
        match self.examine(account, request, scan.created_at).await {
            Ok(examined) => Ok(self.go_on(scan, &examined).await),
            // It ends by its deadline.
            Err(_) => Ok(scan),
        }
    }

    /// The jobs of a running scan may never have been sent, because the process that stored it died: they are sent again.
    /// Those that had been sent cost their workers one read each.
    async fn go_on(&self, scan: Scan, examined: &Examined) -> Scan {
        if scan.is_final() { scan } else { self.send_off(scan, examined.content.as_ref()).await }
    }

    /// Those of a batch's scans that an earlier attempt has started, by their ids.
    async fn started(
        &self,
        account: &Account,
        claimed: Option<&Claimed>,
        items: usize,
    ) -> Result<HashMap<ScanId, Scan>, ServiceError> {
        let Some(claimed) = claimed.filter(|claimed| claimed.is_resumed()) else { return Ok(HashMap::new()) };
        let ids: Vec<ScanId> = (0..).take(items).map(|index| claimed.scan_of_item(index)).collect();
        Ok(self.look_at_all(&account.id, &ids).await?.into_iter().map(|scan| (scan.id, scan)).collect())
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
        let half = r#"{"modality": "text", "input_type": "raw_text", "content": "one two three four five \ud83d"}"#;
        let json = format!(r#"{{"items": [{text}, {{"modality": "video"}}, 7, {text}, {half}]}}"#);
        let BatchRequest(items) = BatchRequest::parse(json.as_bytes()).unwrap();
        let codes: Vec<_> = items.iter().map(|item| item.as_ref().err().map(ServiceError::code)).collect();
        let invalid = Some(ErrorCode::InvalidRequest);
        assert_eq!(codes, [None, Some(ErrorCode::ModalityNotSupported), invalid, None, invalid]);
        let refused = |json: String| BatchRequest::parse(json.as_bytes()).unwrap_err().to_string();
        assert!(refused("{}".into()).contains("`items` is missing"));
        assert!(refused(r#"{"items": []}"#.into()).contains("1 to 100"));
        assert!(refused(format!(r#"{{"items": [{}]}}"#, vec!["1"; 101].join(","))).contains("101"));
        assert!(refused(r#"{"items": {}}"#.into()).contains("JSON"));
    }
}
