//! The scans table: `pk = <account id>`, `sk = <scan id>`, a UUIDv7, so that newest first is a descending query.
//!
//! Two rules are conditions on writes, so that they hold whatever SQS delivers twice or out of order: the first
//! outcome of a stage stays, and a scan leaves `processing` once.

use crate::{CloudError, Usage};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue as Value, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use scan::{AccountId, Outcome, Scan, ScanId, Stage, State};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use time::OffsetDateTime;

type Item = HashMap<String, Value>;

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

    /// The account's scans, newest first: at most `limit` after skipping `offset`, and whether there are more.
    pub async fn list(
        &self,
        account: &AccountId,
        limit: usize,
        offset: usize,
    ) -> Result<(Vec<Scan>, bool), CloudError> {
        let wanted = offset + limit + 1;
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", Value::S(account.to_string()))
            .scan_index_forward(false)
            .limit(wanted.min(500) as i32);
        let mut pages = query.into_paginator().send();
        let (mut items, mut skip) = (Vec::new(), offset);
        while items.len() <= limit {
            let Some(page) = pages.next().await else { break };
            let page = page.map_err(CloudError::of("list scans"))?.items.unwrap_or_default();
            let skipped = skip.min(page.len());
            skip -= skipped;
            items.extend(page.into_iter().skip(skipped).take(limit + 1 - items.len()));
        }
        let more = items.len() > limit;
        items.truncate(limit);
        Ok((items.into_iter().map(read).collect::<Result<_, _>>()?, more))
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
