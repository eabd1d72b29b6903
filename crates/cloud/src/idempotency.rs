//! The idempotency table: `pk = <account id>`, `sk = <idempotency key>`: what a request with that key came to. Items
//! expire in a day.

use crate::{CloudError, Permission};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue as Value, Put, ReturnValuesOnConditionCheckFailure};
use scan::{AccountId, ErrorCode, ScanId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

/// How long an answer is remembered.
const REMEMBERED: Duration = Duration::days(1);
/// A request that has neither ended nor been given up after this has died; API Gateway allows 30 s.
const IN_FLIGHT: Duration = Duration::seconds(60);

/// How long an event is remembered: longer than any queue keeps one (14 days).
const EVENT_REMEMBERED: Duration = Duration::days(15);

/// What tells an event from all others of an account. Holds a space, which no idempotency key of a client does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventKey(String);

impl EventKey {
    /// Of an event of some kind, told from others of its kind by `parts`.
    pub fn of(kind: &str, parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            // With its length, so that no two lists of parts read the same.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(format!("{kind} {}", hex::encode(hash.finalize())))
    }
}

/// Requests by idempotency key.
#[derive(Debug, Clone)]
pub struct Idempotency {
    client: Client,
    table: String,
}

/// What the first request with a key came to: enough to give its answer again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// One scan.
    Scan(ScanId),
    /// A batch, item by item.
    Batch(Vec<BatchItem>),
    /// Permission to upload.
    Upload(Permission),
}

/// What became of an item of a batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchItem {
    /// It was scanned.
    Scan(ScanId),
    /// It was refused.
    Refused {
        /// For programs.
        code: ErrorCode,
        /// For people.
        message: String,
    },
}

/// What is known of a key.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// Nothing: the request is the first with it, and nobody else will be until it settles or releases the key.
    First(Claimed),
    /// The first request with it is still under way.
    InFlight,
    /// It belongs to another request.
    Mismatch,
    /// The first request with it has been answered.
    Answered(Answer),
}

/// A key that a request under way has claimed.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    table: String,
    item: Item,
}

impl Claimed {
    /// Settles the key with what the request came to, alone or as part of a transaction: its condition refuses it when the
    /// claim was lost, because the request took so long that it counted as dead.
    pub fn settle(&self, answer: Answer) -> Result<Put, CloudError> {
        let item = Item { answer: Some(answer), ..self.item.clone() };
        Put::builder()
            .table_name(&self.table)
            .set_item(Some(serde_dynamo::to_item(item)?))
            .condition_expression("#until = :until AND attribute_not_exists(answer)")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":until", Value::N(self.item.until.to_string()))
            .build()
            .map_err(CloudError::of("settle idempotency key"))
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Item {
    pk: AccountId,
    sk: String,
    /// SHA-256 of path and body, in hexadecimal.
    request: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<Answer>,
    /// When an unanswered request counts as dead.
    until: i64,
    expires_at: i64,
}

impl Idempotency {
    /// Keys in `table`.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Claims a key for a request, by one conditional write. Items past their time count as gone, whether DynamoDB has
    /// removed them or not.
    pub async fn claim(
        &self,
        account: &AccountId,
        key: &str,
        request: &str,
        now: OffsetDateTime,
    ) -> Result<Claim, CloudError> {
        let item = item(account, key, request, None, now);
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(serde_dynamo::to_item(&item)?))
            .condition_expression(
                "attribute_not_exists(pk) OR expires_at < :now OR (attribute_not_exists(answer) AND #until < :now)",
            )
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":now", Value::N(now.unix_timestamp().to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let error = match put.send().await {
            Ok(_) => return Ok(Claim::First(Claimed { table: self.table.clone(), item })),
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(refusal)) => {
                let found: Item = serde_dynamo::from_item(refusal.item.clone().unwrap_or_default())?;
                Ok(match found.answer {
                    _ if found.request != request => Claim::Mismatch,
                    None => Claim::InFlight,
                    Some(answer) => Claim::Answered(answer),
                })
            }
            _ => Err(CloudError::of("claim idempotency key")(error)),
        }
    }

    /// The claim of something that comes by itself and may come again, as part of a transaction: its condition cancels
    /// the transaction when the claim has been made before.
    pub fn claim_of_event(
        &self,
        account: &AccountId,
        event: &EventKey,
        scan: ScanId,
        now: OffsetDateTime,
    ) -> Result<Put, CloudError> {
        let mut item = item(account, &event.0, &event.0, Some(Answer::Scan(scan)), now);
        item.expires_at = (now + EVENT_REMEMBERED).unix_timestamp();
        Put::builder()
            .table_name(&self.table)
            .set_item(Some(serde_dynamo::to_item(item)?))
            .condition_expression("attribute_not_exists(pk)")
            .build()
            .map_err(CloudError::of("claim an event"))
    }

    /// The scan that an event came to, if it came before.
    pub async fn scan_of_event(&self, account: &AccountId, event: &EventKey) -> Result<Option<ScanId>, CloudError> {
        let get = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("pk", Value::S(account.to_string()))
            .key("sk", Value::S(event.0.clone()))
            .consistent_read(true);
        let found = get.send().await.map_err(CloudError::of("look up an event"))?.item;
        match found.map(serde_dynamo::from_item::<_, Item>).transpose()?.and_then(|item| item.answer) {
            Some(Answer::Scan(id)) => Ok(Some(id)),
            _ => Ok(None),
        }
    }

    /// Remembers what the request that claimed a key came to. A claim that was lost settles nothing.
    pub async fn complete(&self, claimed: &Claimed, answer: Answer) -> Result<(), CloudError> {
        let put = claimed.settle(answer)?;
        let put = self
            .client
            .put_item()
            .table_name(put.table_name)
            .set_item(Some(put.item))
            .set_condition_expression(put.condition_expression)
            .set_expression_attribute_names(put.expression_attribute_names)
            .set_expression_attribute_values(put.expression_attribute_values);
        match put.send().await {
            Err(e) if !e.as_service_error().is_some_and(PutItemError::is_conditional_check_failed_exception) => {
                Err(CloudError::of("complete idempotency key")(e))
            }
            _ => Ok(()),
        }
    }

    /// Forgets a key whose request was refused, so that it may be tried again; unless it has come to something after all,
    /// as when only the answer to the write was lost.
    pub async fn release(&self, claimed: &Claimed) -> Result<(), CloudError> {
        let delete = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key("pk", Value::S(claimed.item.pk.to_string()))
            .key("sk", Value::S(claimed.item.sk.clone()))
            .condition_expression("#until = :until AND attribute_not_exists(answer)")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":until", Value::N(claimed.item.until.to_string()));
        match delete.send().await {
            Err(e) if !e.as_service_error().is_some_and(DeleteItemError::is_conditional_check_failed_exception) => {
                Err(CloudError::of("release idempotency key")(e))
            }
            _ => Ok(()),
        }
    }
}

fn item(account: &AccountId, key: &str, request: &str, answer: Option<Answer>, now: OffsetDateTime) -> Item {
    Item {
        pk: account.clone(),
        sk: key.to_owned(),
        request: request.to_owned(),
        answer,
        until: (now + IN_FLIGHT).unix_timestamp(),
        expires_at: (now + REMEMBERED).unix_timestamp(),
    }
}
