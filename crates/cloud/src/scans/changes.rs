//! What is done to scans, each with its entry in the audit trail.

use super::{ScanItem, Scans, Status, key, read};
use crate::conflict::{refused_write, retried};
use crate::{ClaimWrite, CloudError};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::{TransactWriteItemsError, TransactWriteItemsOutput};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue as Value, Delete, Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use scan::{AccountId, AuditEntry, Deed, Outcome, Review, Scan, ScanId, Stage, State};
use time::OffsetDateTime;

/// What became of a new scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admitted {
    /// Its scan is stored and charged.
    Now,
    /// What it is claimed by is another's: it was taken in before.
    Before,
    /// The month's scans are used up. Nothing was stored.
    OverQuota,
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

impl Scans {
    /// Stores a new scan, to be forgotten at `expires_at`, makes its claim if it has one, and charges it to a month of
    /// `quota` scans (`None` is unlimited): all or nothing, so that a process that dies leaves no half. A scan that has
    /// ended already, without a full verdict, costs nothing.
    pub async fn admit(
        &self,
        scan: &Scan,
        expires_at: OffsetDateTime,
        claim: Option<ClaimWrite>,
        quota: Option<u64>,
    ) -> Result<Admitted, CloudError> {
        let (mut writes, mut refusals) = (Vec::new(), Vec::new());
        if let Some(ClaimWrite(claim)) = claim {
            writes.push(TransactWriteItem::builder().put(claim).build());
            refusals.push(Admitted::Before);
        }
        if scan.state.is_charged() {
            let charge = self.usage.charge(&scan.account, quota, scan.created_at)?;
            let Some(charge) = charge else { return Ok(Admitted::OverQuota) };
            writes.push(TransactWriteItem::builder().update(charge).build());
            refusals.push(Admitted::OverQuota);
        }
        writes.extend(self.creation(scan, expires_at)?);
        match self.transact(writes).await {
            Ok(_) => Ok(Admitted::Now),
            Err(e) => match refused_write(&e).and_then(|write| refusals.get(write)) {
                Some(refusal) => Ok(*refusal),
                None => Err(CloudError::of("admit scan")(e)),
            },
        }
    }

    /// The writes that make a scan: itself, and what the trail says of it.
    fn creation(&self, scan: &Scan, expires_at: OffsetDateTime) -> Result<Vec<TransactWriteItem>, CloudError> {
        let item = ScanItem {
            pk: scan.account.clone(),
            sk: scan.id,
            status: Status::of(&scan.state),
            expires_at: expires_at.unix_timestamp(),
            scan: scan.clone(),
        };
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(serde_dynamo::to_item(item)?))
            .condition_expression("attribute_not_exists(pk)")
            .build()
            .map_err(CloudError::of("create scan"))?;
        let mut writes = vec![TransactWriteItem::builder().put(put).build()];
        for entry in [Some(scan.created()), scan.finalised()].into_iter().flatten() {
            writes.push(self.audit.entry(&scan.account, scan.id, &entry)?);
        }
        Ok(writes)
    }

    async fn transact(
        &self,
        writes: Vec<TransactWriteItem>,
    ) -> Result<TransactWriteItemsOutput, SdkError<TransactWriteItemsError>> {
        let transaction = self.client.transact_write_items().set_transact_items(Some(writes));
        retried(|| transaction.clone().send()).await
    }

    /// Forgets a scan; whether there was one. A scan that is running ends unrecorded.
    pub async fn delete(&self, account: &AccountId, id: ScanId, now: OffsetDateTime) -> Result<bool, CloudError> {
        let delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(key(account, id)))
            .condition_expression("attribute_exists(pk)")
            .build()
            .map_err(CloudError::of("delete scan"))?;
        let delete = TransactWriteItem::builder().delete(delete).build();
        let entry = self.audit.entry(account, id, &AuditEntry { at: now, deed: Deed::Erased })?;
        match self.transact(vec![delete, entry]).await {
            Ok(_) => Ok(true),
            Err(e) if refused_write(&e) == Some(0) => Ok(false),
            Err(e) => Err(CloudError::of("delete scan")(e)),
        }
    }

    /// Keeps what a person decided about a completed scan. `None` when there is no such scan, or it has no verdict.
    pub async fn review(&self, account: &AccountId, id: ScanId, review: &Review) -> Result<Option<Scan>, CloudError> {
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(key(account, id)))
            .update_expression("SET #scan.#review = :review")
            .condition_expression("#status = :completed")
            .expression_attribute_names("#scan", "scan")
            .expression_attribute_names("#review", "review")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":review", serde_dynamo::to_attribute_value(review)?)
            .expression_attribute_values(":completed", serde_dynamo::to_attribute_value(Status::Completed)?)
            .build()
            .map_err(CloudError::of("review scan"))?;
        let update = TransactWriteItem::builder().update(update).build();
        let deed = Deed::Reviewed { review: review.clone() };
        let entry = self.audit.entry(account, id, &AuditEntry { at: review.at, deed })?;
        match self.transact(vec![update, entry]).await {
            Ok(_) => self.get(account, id).await,
            Err(e) if refused_write(&e) == Some(0) => Ok(None),
            Err(e) => Err(CloudError::of("review scan")(e)),
        }
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
        match retried(|| update.clone().send()).await {
            Ok(output) => Ok(Recorded::Now(read(output.attributes.unwrap_or_default())?)),
            Err(e) => refused(e),
        }
    }

    /// Ends a scan in `state`, once. A scan that ends without a full verdict is refunded in the same transaction.
    pub async fn finalise(&self, scan: &Scan, state: State) -> Result<Recorded, CloudError> {
        let ended = Scan { state, ..scan.clone() };
        let mut writes = vec![TransactWriteItem::builder().update(self.end(scan, &ended.state)?).build()];
        if let Some(entry) = ended.finalised() {
            writes.push(self.audit.entry(&scan.account, scan.id, &entry)?);
        }
        if !ended.state.is_charged() {
            let refund = self.usage.refund(&scan.account, scan.created_at)?;
            writes.push(TransactWriteItem::builder().update(refund).build());
        }
        match self.transact(writes).await {
            Ok(_) => Ok(Recorded::Now(ended)),
            Err(e) if refused_write(&e) == Some(0) => {
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
