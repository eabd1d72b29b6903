//! The scans table: `pk = <account id>`, `sk = <scan id>`, a UUIDv7, so that newest first is a descending query.
//!
//! Two rules are conditions on writes, so that they hold whatever SQS delivers twice or out of order: the first
//! outcome of a stage stays, and a scan leaves `processing` once.

mod changes;

pub use changes::{Admitted, Recorded};

use crate::{Audit, Clients, CloudError, Filter, Names, Usage};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue as Value, KeysAndAttributes};
use scan::{AccountId, Scan, ScanId, State};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

type Item = HashMap<String, Value>;

/// Keys that one BatchGetItem takes.
const MAX_KEYS: usize = 100;
/// Items of a page of a list.
const MAX_PAGE: usize = 500;
/// Pages of a list that are read for one answer.
const MAX_PAGES: usize = 20;

/// Scans, running and finished.
#[derive(Debug, Clone)]
pub struct Scans {
    client: Client,
    table: String,
    usage: Usage,
    audit: Audit,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The scans.
    pub scans: Vec<Scan>,
    /// Where the list goes on, if it does.
    pub next: Option<ScanId>,
}

#[derive(Serialize, Deserialize)]
struct ScanItem {
    pk: AccountId,
    sk: ScanId,
    status: Status,
    #[serde(default)]
    expires_at: i64,
    scan: Scan,
}

/// The attribute that conditions look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Processing,
    Completed,
    Failed,
}

impl Status {
    fn of(state: &State) -> Self {
        match state {
            State::Processing => Status::Processing,
            State::Completed(_) => Status::Completed,
            State::Failed { .. } => Status::Failed,
        }
    }
}

impl Scans {
    /// The scans of these names.
    pub fn of(clients: &Clients, names: &Names) -> Self {
        let (tables, usage) = (&clients.dynamodb, Usage::new(clients.dynamodb.clone(), names.usage.clone()));
        Self::new(tables.clone(), names.scans.clone(), usage, Audit::new(tables.clone(), names.audit.clone()))
    }

    /// Scans in `table`; failed ones are refunded in `usage`, and what happens to any is told in `audit`.
    pub fn new(client: Client, table: String, usage: Usage, audit: Audit) -> Self {
        Self { client, table, usage, audit }
    }

    /// The scan of that id, if this account has it.
    pub async fn get(&self, account: &AccountId, id: ScanId) -> Result<Option<Scan>, CloudError> {
        let get = self.client.get_item().table_name(&self.table).set_key(Some(key(account, id))).consistent_read(true);
        let item = get.send().await.map_err(CloudError::of("get scan"))?.item;
        item.map(read).transpose()
    }

    /// Those of the scans that this account has, read together; in no particular order.
    pub async fn get_many(&self, account: &AccountId, ids: &[ScanId]) -> Result<Vec<Scan>, CloudError> {
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(MAX_KEYS) {
            let keys = ids.iter().map(|id| key(account, *id)).collect();
            let keys = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
            let mut wanted = HashMap::from([(self.table.clone(), keys.map_err(CloudError::of("get scans"))?)]);
            // DynamoDB answers 16 MB at a time, and less under load.
            while !wanted.is_empty() {
                let get = self.client.batch_get_item().set_request_items(Some(wanted)).send().await;
                let got = get.map_err(CloudError::of("get scans"))?;
                for item in got.responses.unwrap_or_default().into_values().flatten() {
                    found.push(read(item)?);
                }
                wanted = got.unprocessed_keys.unwrap_or_default();
            }
        }
        Ok(found)
    }

    /// The account's scans that pass the filter, newest first: at most `limit` after skipping `offset`.
    pub async fn list(
        &self,
        account: &AccountId,
        filter: &Filter,
        limit: usize,
        offset: usize,
    ) -> Result<Found, CloudError> {
        let (mut scans, mut skip) = (Vec::new(), offset);
        let page_size = if filter.is_sparse() { MAX_PAGE } else { (offset + limit + 1).min(MAX_PAGE) };
        let Some((low, high)) = filter.range() else { return Ok(Found { scans, next: None }) };
        let mut start = None;
        for _ in 0..MAX_PAGES {
            let query = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("pk = :pk AND sk BETWEEN :low AND :high")
                .expression_attribute_values(":pk", Value::S(account.to_string()))
                .expression_attribute_values(":low", Value::S(low.to_string()))
                .expression_attribute_values(":high", Value::S(high.to_string()))
                .scan_index_forward(false);
            let query = filter.narrow(query)?;
            let page = query.set_exclusive_start_key(start).limit(page_size as i32).send().await;
            let page = page.map_err(CloudError::of("list scans"))?;
            for item in page.items.unwrap_or_default() {
                if skip > 0 {
                    skip -= 1;
                } else if scans.len() == limit {
                    return Ok(Found { next: scans.last().map(|scan: &Scan| scan.id), scans });
                } else {
                    scans.push(read(item)?);
                }
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(Found { scans, next: None });
            }
        }
        // A rare match in a long history: whoever asks goes on from here.
        let next = start.as_ref().and_then(|key| key.get("sk")?.as_s().ok()?.parse().ok());
        Ok(Found { scans, next })
    }
}

fn key(account: &AccountId, id: ScanId) -> Item {
    HashMap::from([("pk".to_owned(), Value::S(account.to_string())), ("sk".to_owned(), Value::S(id.to_string()))])
}

/// The scan in an item of the table, such as a stream record carries.
pub fn from_image(item: serde_dynamo::Item) -> Result<Scan, CloudError> {
    Ok(serde_dynamo::from_item::<_, ScanItem>(item)?.scan)
}

fn read(item: Item) -> Result<Scan, CloudError> {
    Ok(serde_dynamo::from_item::<_, ScanItem>(item)?.scan)
}
