//! The scans table: `pk = <account id>`, `sk = <scan id>`, a UUIDv7, so that newest first is a descending query.
//!
//! Two rules are conditions on writes, so that they hold whatever SQS delivers twice or out of order: the first
//! outcome of a stage stays, and a scan leaves `processing` once.

use crate::{CloudError, Usage};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue as Value, KeysAndAttributes, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    Update,
};
use scan::{AccountId, Modality, Outcome, Scan, ScanId, Stage, State, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use time::OffsetDateTime;

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
}

/// What became of a write that happens at most once.
#[derive(Debug, Clone, PartialEq)]
pub enum Recorded {
    /// It was written; this is the scan since.
    Now(Scan),
    /// It had been written before, or the scan had ended; this is the scan as it was found.
    Before(Scan),
    /// There is no such scan: it was erased.
    Gone,
}

/// Which scans of an account. The default is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this modality.
    pub modality: Option<Modality>,
    /// Completed with this verdict.
    pub verdict: Option<Verdict>,
    /// Made at this time or later.
    pub from: Option<OffsetDateTime>,
    /// Made before this time.
    pub to: Option<OffsetDateTime>,
    /// Older than this one: where another list ended.
    pub after: Option<ScanId>,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The scans.
    pub scans: Vec<Scan>,
    /// Where the list goes on, if it does.
    pub next: Option<ScanId>,
}

impl Filter {
    /// The first and the last id that can pass; `None` when none can.
    fn range(&self) -> Option<(ScanId, ScanId)> {
        let low = ScanId::bound(self.from.unwrap_or(OffsetDateTime::UNIX_EPOCH));
        let before = self.to.map_or_else(ScanId::last, ScanId::bound);
        // Not DynamoDB's start key, which must lie within the range that is asked for.
        let high = self.after.map_or(before, |after| before.min(after.preceding()));
        (low <= high).then_some((low, high))
    }

    /// Adds the conditions that the key does not tell.
    fn narrow(&self, mut query: QueryFluentBuilder) -> Result<QueryFluentBuilder, CloudError> {
        let mut conditions = Vec::new();
        if let Some(modality) = self.modality {
            conditions.push("#scan.#modality = :modality");
            query = query
                .expression_attribute_names("#modality", "modality")
                .expression_attribute_values(":modality", serde_dynamo::to_attribute_value(modality)?);
        }
        if let Some(verdict) = self.verdict {
            conditions.push("#scan.#state.#completed.#verdict = :verdict");
            query = query
                .expression_attribute_names("#state", "state")
                .expression_attribute_names("#completed", "completed")
                .expression_attribute_names("#verdict", "verdict")
                .expression_attribute_values(":verdict", serde_dynamo::to_attribute_value(verdict)?);
        }
        if !conditions.is_empty() {
            query = query.expression_attribute_names("#scan", "scan").filter_expression(conditions.join(" AND "));
        }
        Ok(query)
    }
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
    /// Scans in `table`; failed ones are refunded in `usage`.
    pub fn new(client: Client, table: String, usage: Usage) -> Self {
        Self { client, table, usage }
    }

    /// Stores a new scan, to be forgotten at `expires_at`.
    pub async fn create(&self, scan: &Scan, expires_at: OffsetDateTime) -> Result<(), CloudError> {
        let item = ScanItem {
            pk: scan.account.clone(),
            sk: scan.id,
            status: Status::of(&scan.state),
            expires_at: expires_at.unix_timestamp(),
            scan: scan.clone(),
        };
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(serde_dynamo::to_item(item)?))
            .condition_expression("attribute_not_exists(pk)");
        put.send().await.map_err(CloudError::of("create scan"))?;
        Ok(())
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
        let is_sparse = filter.modality.is_some() || filter.verdict.is_some();
        let page_size = if is_sparse { MAX_PAGE } else { (offset + limit + 1).min(MAX_PAGE) };
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

    /// Forgets a scan; whether there was one. A scan that is running ends unrecorded.
    pub async fn delete(&self, account: &AccountId, id: ScanId) -> Result<bool, CloudError> {
        let delete = self.client.delete_item().table_name(&self.table).set_key(Some(key(account, id)));
        let deleted = delete.return_values(ReturnValue::AllOld).send().await.map_err(CloudError::of("delete scan"))?;
        Ok(deleted.attributes.is_some_and(|item| !item.is_empty()))
    }

    /// Records the outcome of a stage, unless it has one or the scan has ended.
    pub async fn record(
        &self,
        account: &AccountId,
        id: ScanId,
        stage: Stage,
        outcome: &Outcome,
    ) -> Result<Recorded, CloudError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(account, id)))
            .update_expression("SET #scan.outcomes.#stage = :outcome")
            // An awaited stage is there as null; a stage that the scan does not run is not there at all.
            .condition_expression("#status = :processing AND attribute_type(#scan.outcomes.#stage, :null)")
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#scan", "scan")
            .expression_attribute_names("#stage", stage.name())
            .expression_attribute_values(":outcome", serde_dynamo::to_attribute_value(outcome)?)
            .expression_attribute_values(":processing", serde_dynamo::to_attribute_value(Status::Processing)?)
            .expression_attribute_values(":null", Value::S("NULL".to_owned()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match update.send().await {
            Ok(output) => Ok(Recorded::Now(read(output.attributes.unwrap_or_default())?)),
            Err(e) => refused(e),
        }
    }

    /// Ends a scan in `state`, once. A scan that ends as failed is refunded in the same transaction.
    pub async fn finalise(&self, scan: &Scan, state: State) -> Result<Recorded, CloudError> {
        let mut transaction = self
            .client
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().update(self.end(scan, &state)?).build());
        if matches!(state, State::Failed { .. }) {
            let refund = self.usage.refund_one(&scan.account, scan.created_at)?;
            transaction = transaction.transact_items(TransactWriteItem::builder().update(refund).build());
        }
        match transaction.send().await {
            Ok(_) => Ok(Recorded::Now(Scan { state, ..scan.clone() })),
            Err(e) if ended_before(&e) => {
                Ok(self.get(&scan.account, scan.id).await?.map_or(Recorded::Gone, Recorded::Before))
            }
            Err(e) => Err(CloudError::of("finalise scan")(e)),
        }
    }

    fn end(&self, scan: &Scan, state: &State) -> Result<Update, CloudError> {
        Update::builder()
            .table_name(&self.table)
            .set_key(Some(key(&scan.account, scan.id)))
            .update_expression("SET #status = :status, #scan.#state = :state")
            .condition_expression("#status = :processing")
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#scan", "scan")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":status", serde_dynamo::to_attribute_value(Status::of(state))?)
            .expression_attribute_values(":state", serde_dynamo::to_attribute_value(state)?)
            .expression_attribute_values(":processing", serde_dynamo::to_attribute_value(Status::Processing)?)
            .build()
            .map_err(CloudError::of("finalise scan"))
    }
}

fn key(account: &AccountId, id: ScanId) -> Item {
    HashMap::from([("pk".to_owned(), Value::S(account.to_string())), ("sk".to_owned(), Value::S(id.to_string()))])
}

fn read(item: Item) -> Result<Scan, CloudError> {
    Ok(serde_dynamo::from_item::<_, ScanItem>(item)?.scan)
}

/// A refused condition says what it found.
fn refused(error: SdkError<UpdateItemError>) -> Result<Recorded, CloudError> {
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(refusal)) => match &refusal.item {
            Some(item) if !item.is_empty() => Ok(Recorded::Before(read(item.clone())?)),
            _ => Ok(Recorded::Gone),
        },
        _ => Err(CloudError::of("record outcome")(error)),
    }
}

/// Whether a transaction was cancelled by its first condition, that the scan is still processing.
fn ended_before(error: &SdkError<TransactWriteItemsError>) -> bool {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() else {
        return false;
    };
    cancelled.cancellation_reasons().first().and_then(|reason| reason.code()) == Some("ConditionalCheckFailed")
}
