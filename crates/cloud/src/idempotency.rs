//! The idempotency table: `pk = <account id>`, `sk = <idempotency key>`: what a request with that key came to. Items
//! expire in a day.

mod claimed;

pub use claimed::{ClaimWrite, Claimed, ClaimedItem};

use crate::{CloudError, Permission};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue as Value, ReturnValuesOnConditionCheckFailure};
use claimed::new_item;
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
    patience: Duration,
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

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Item {
    pk: AccountId,
    sk: String,
    /// SHA-256 of path and body, in hexadecimal.
    request: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<Answer>,
    /// When an unanswered request counts as dead; 0 once it was refused.
    until: i64,
    /// When the key was first claimed for this request, in milliseconds since 1970.
    #[serde(default)]
    since: i64,
    expires_at: i64,
}

impl Idempotency {
    /// Keys in `table`.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table, patience: IN_FLIGHT }
    }

    /// The same, where a request that has not ended counts as dead after `patience`.
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Claims a key for a request, by one conditional write. Items past their time count as gone, whether DynamoDB has
    /// removed them or not. The claim of a request that died is taken over.
    pub async fn claim(
        &self,
        account: &AccountId,
        key: &str,
        request: &str,
        now: OffsetDateTime,
    ) -> Result<Claim, CloudError> {
        let item = item(account, key, request, None, now, self.patience);
        let put = self
            .put(&item)?
            .condition_expression("attribute_not_exists(pk) OR expires_at < :now")
            .expression_attribute_values(":now", Value::N(now.unix_timestamp().to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let error = match put.send().await {
            Ok(_) => return Ok(Claim::First(self.claimed(item, false))),
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(refusal)) => {
                let found: Item = serde_dynamo::from_item(refusal.item.clone().unwrap_or_default())?;
                let is_alive = found.until > now.unix_timestamp();
                match found.answer {
                    None if !is_alive => self.take_over(found, item).await,
                    _ if found.request != request => Ok(Claim::Mismatch),
                    None => Ok(Claim::InFlight),
                    Some(answer) => Ok(Claim::Answered(answer)),
                }
            }
            _ => Err(CloudError::of("claim idempotency key")(error)),
        }
    }

    /// Claims a key whose request has ended without an answer. For the same request it stays the claim that it was, with
    /// what was started under it.
    async fn take_over(&self, dead: Item, mut item: Item) -> Result<Claim, CloudError> {
        let is_resumed = dead.request == item.request;
        if is_resumed {
            (item.since, item.expires_at) = (dead.since, dead.expires_at);
        }
        let put = self
            .put(&item)?
            .condition_expression("#until = :dead AND attribute_not_exists(answer)")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":dead", Value::N(dead.until.to_string()));
        match put.send().await {
            Ok(_) => Ok(Claim::First(self.claimed(item, is_resumed))),
            Err(e) if e.as_service_error().is_some_and(PutItemError::is_conditional_check_failed_exception) => {
                Ok(Claim::InFlight)
            }
            Err(e) => Err(CloudError::of("claim idempotency key")(e)),
        }
    }

    fn put(&self, item: &Item) -> Result<PutItemFluentBuilder, CloudError> {
        Ok(self.client.put_item().table_name(&self.table).set_item(Some(serde_dynamo::to_item(item)?)))
    }

    fn claimed(&self, item: Item, is_resumed: bool) -> Claimed {
        Claimed { table: self.table.clone(), item, is_resumed }
    }

    /// The claim of something that comes by itself and may come again, as part of a transaction: its condition cancels
    /// the transaction when the claim has been made before.
    pub fn claim_of_event(
        &self,
        account: &AccountId,
        event: &EventKey,
        scan: ScanId,
        now: OffsetDateTime,
    ) -> Result<ClaimWrite, CloudError> {
        let mut item = item(account, &event.0, &event.0, Some(Answer::Scan(scan)), now, self.patience);
        item.expires_at = (now + EVENT_REMEMBERED).unix_timestamp();
        new_item(&self.table, item)
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
        let ClaimWrite(put) = claimed.settle(answer)?;
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

    /// Frees a key whose request was refused, so that it may be tried again; unless it has come to something after all, as
    /// when only the answer to the write was lost. What was started under it, if it comes again, is remembered.
    pub async fn release(&self, claimed: &Claimed) -> Result<(), CloudError> {
        let free = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", Value::S(claimed.item.pk.to_string()))
            .key("sk", Value::S(claimed.item.sk.clone()))
            .update_expression("SET #until = :free")
            .condition_expression("#until = :until AND attribute_not_exists(answer)")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":free", Value::N("0".to_owned()))
            .expression_attribute_values(":until", Value::N(claimed.item.until.to_string()));
        match free.send().await {
            Err(e) if !e.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception) => {
                Err(CloudError::of("release idempotency key")(e))
            }
            _ => Ok(()),
        }
    }
}

fn item(
    account: &AccountId,
    key: &str,
    request: &str,
    answer: Option<Answer>,
    now: OffsetDateTime,
    patience: Duration,
) -> Item {
    Item {
        pk: account.clone(),
        sk: key.to_owned(),
        request: request.to_owned(),
        answer,
        until: (now + patience).unix_timestamp(),
        since: i64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or(0),
        expires_at: (now + REMEMBERED).unix_timestamp(),
    }
}
