//! The audit table: `pk = <account id>#<scan id>`, `sk` a UUIDv7. Entries are put in the transaction that does what they
//! tell of, and nothing here changes or deletes one. They outlive their scan, and expire after two years.

use crate::CloudError;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue as Value, Put, TransactWriteItem};
use scan::{AccountId, AuditEntry, ScanId};
use serde::{Deserialize, Serialize};
use time::Duration;
use uuid::Uuid;

/// How long entries are kept.
const KEPT: Duration = Duration::days(730);
/// The most entries of a scan that are read.
const MAX_ENTRIES: i32 = 500;

/// What was done to scans.
#[derive(Debug, Clone)]
pub struct Audit {
    client: Client,
    table: String,
}

#[derive(Serialize, Deserialize)]
struct Item {
    pk: String,
    sk: Uuid,
    expires_at: i64,
    entry: AuditEntry,
}

impl Audit {
    /// Entries in `table`.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// What was done to a scan, in that order. Empty for a scan that never was.
    pub async fn list(&self, account: &AccountId, scan: ScanId) -> Result<Vec<AuditEntry>, CloudError> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", Value::S(partition(account, scan)))
            .consistent_read(true)
            .limit(MAX_ENTRIES);
        let found = query.send().await.map_err(CloudError::of("get audit trail"))?.items.unwrap_or_default();
        found.into_iter().map(|item| Ok(serde_dynamo::from_item::<_, Item>(item)?.entry)).collect()
    }

    /// An entry as part of the transaction that does what it tells of.
    pub(crate) fn entry(
        &self,
        account: &AccountId,
        scan: ScanId,
        entry: &AuditEntry,
    ) -> Result<TransactWriteItem, CloudError> {
        let item = Item {
            pk: partition(account, scan),
            sk: Uuid::now_v7(),
            expires_at: (entry.at + KEPT).unix_timestamp(),
            entry: entry.clone(),
        };
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(serde_dynamo::to_item(item)?))
            .condition_expression("attribute_not_exists(pk)")
            .build()
            .map_err(CloudError::of("put audit entry"))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

fn partition(account: &AccountId, scan: ScanId) -> String {
    format!("{account}#{scan}")
}
