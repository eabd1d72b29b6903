//! Claims that have been made, and what they let one write.

use super::{Answer, Item};
use crate::CloudError;
use aws_sdk_dynamodb::types::{AttributeValue as Value, Put};
use scan::ScanId;
use time::{Duration, OffsetDateTime};

/// A key that a request under way has claimed.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    pub(super) table: String,
    pub(super) item: Item,
    pub(super) is_resumed: bool,
}

/// A write that claims something, as part of the transaction that does what is claimed: it cancels the transaction when
/// somebody else has made the claim.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimWrite(pub(crate) Put);

/// The claim of one item of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedItem {
    /// The scan that the item comes to, however often the batch is sent.
    pub scan: ScanId,
    /// Claims the item for that scan.
    pub write: ClaimWrite,
}

impl Claimed {
    /// Settles the key with what the request came to, alone or as part of a transaction: its condition refuses it when the
    /// claim was lost, because the request took so long that it counted as dead.
    pub fn settle(&self, answer: Answer) -> Result<ClaimWrite, CloudError> {
        let item = Item { answer: Some(answer), ..self.item.clone() };
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(serde_dynamo::to_item(item)?))
            .condition_expression("#until = :until AND attribute_not_exists(answer)")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":until", Value::N(self.item.until.to_string()))
            .build();
        put.map(ClaimWrite).map_err(CloudError::of("settle idempotency key"))
    }

    /// Whether the same request was under way before, and ended without an answer: some of its items may have been started.
    pub fn is_resumed(&self) -> bool {
        self.is_resumed
    }

    /// The scan that an item comes to. It follows from account, key, request and index, and from when the key was first
    /// claimed.
    pub fn scan_of_item(&self, index: u16) -> ScanId {
        let Item { pk, sk, request, since, .. } = &self.item;
        let since = OffsetDateTime::UNIX_EPOCH + Duration::milliseconds(*since);
        ScanId::derived(since, index, &[pk.as_str(), sk, request])
    }

    /// The claim of an item. Unlike the scan itself, it outlives the scan's erasure.
    pub fn item(&self, index: u16) -> Result<ClaimedItem, CloudError> {
        let scan = self.scan_of_item(index);
        let item = Item {
            // The space keeps it apart from every key of a client.
            sk: format!("{} {} {index}", self.item.sk, self.item.since),
            answer: Some(Answer::Scan(scan)),
            ..self.item.clone()
        };
        Ok(ClaimedItem { scan, write: new_item(&self.table, item)? })
    }
}

/// The write of an item that must not be there.
pub(super) fn new_item(table: &str, item: Item) -> Result<ClaimWrite, CloudError> {
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(serde_dynamo::to_item(item)?))
        .condition_expression("attribute_not_exists(pk)")
        .build();
    put.map(ClaimWrite).map_err(CloudError::of("make a claim"))
}
