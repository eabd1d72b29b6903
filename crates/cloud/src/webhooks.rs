//! Where accounts want their events sent: items of the accounts table, `pk = <account id>`, `sk = webhook#<id>`, and the
//! queue of events on their way there.

mod queue;
mod secret;

pub use queue::{WebhookMessage, WebhookQueue};
pub use secret::Secret;

use crate::CloudError;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue as Value, ReturnValue};
use scan::{AccountId, WebhookId};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use time::{Duration, OffsetDateTime};

/// What the sort keys begin with.
const PREFIX: &str = "webhook#";
/// How long a secret still signs after another has taken its place.
const OVERLAP: Duration = Duration::hours(24);
/// How often a rotation is tried that meets others of the same webhook.
const ROTATIONS: usize = 10;

/// Webhooks, by account.
#[derive(Debug, Clone)]
pub struct Webhooks {
    client: Client,
    table: String,
}

/// A place that events are sent to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Webhook {
    /// Its public name.
    pub id: WebhookId,
    /// Where events are sent, by POST.
    pub url: String,
    /// What events are signed with, newest first.
    secrets: Vec<Dated>,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// Since when every delivery has failed.
    #[serde(with = "time::serde::rfc3339::option", default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<OffsetDateTime>,
    /// When it was given up. Nothing is sent there any more.
    #[serde(with = "time::serde::rfc3339::option", default, skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<OffsetDateTime>,
}

/// A secret, and until when it signs if another has taken its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Dated {
    secret: Secret,
    #[serde(with = "time::serde::rfc3339::option", default, skip_serializing_if = "Option::is_none")]
    until: Option<OffsetDateTime>,
}

#[derive(Serialize, Deserialize)]
struct Item {
    pk: AccountId,
    sk: String,
    webhook: Webhook,
}

impl Webhook {
    /// A new one, with a new secret.
    pub fn new(url: String, now: OffsetDateTime) -> Result<Self, CloudError> {
        let id = format!("wh_{}", uuid::Uuid::now_v7().simple());
        let id = WebhookId::try_from(id).map_err(|e| CloudError::Data(e.to_string()))?;
        let secrets = vec![Dated { secret: Secret::generate(), until: None }];
        Ok(Self { id, url, secrets, created_at: now, failing_since: None, disabled_at: None })
    }

    /// The secret that signs first.
    pub fn newest_secret(&self) -> Option<&Secret> {
        self.secrets.first().map(|dated| &dated.secret)
    }

    /// Puts a new secret in the place of the newest, which signs beside it for a day; so does every one before it that still
    /// has time.
    fn rotate(&mut self, now: OffsetDateTime) {
        self.secrets.retain(|dated| dated.until.is_none_or(|until| now < until));
        for dated in self.secrets.iter_mut().filter(|dated| dated.until.is_none()) {
            dated.until = Some(now + OVERLAP);
        }
        self.secrets.insert(0, Dated { secret: Secret::generate(), until: None });
    }

    /// The secrets that sign at `now`, newest first.
    pub fn signing(&self, now: OffsetDateTime) -> impl Iterator<Item = &Secret> {
        let signs = move |dated: &&Dated| dated.until.is_none_or(|until| now < until);
        self.secrets.iter().filter(signs).map(|dated| &dated.secret)
    }
}

impl Webhooks {
    /// Webhooks in `table`.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// The account's webhooks, oldest first.
    pub async fn list(&self, account: &AccountId) -> Result<Vec<Webhook>, CloudError> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", Value::S(account.to_string()))
            .expression_attribute_values(":prefix", Value::S(PREFIX.to_owned()))
            .consistent_read(true);
        let found = query.send().await.map_err(CloudError::of("list webhooks"))?.items.unwrap_or_default();
        found.into_iter().map(read).collect()
    }

    /// The webhook of that id, if this account has it.
    pub async fn get(&self, account: &AccountId, id: &WebhookId) -> Result<Option<Webhook>, CloudError> {
        let get = self.client.get_item().table_name(&self.table).set_key(Some(key(account, id))).consistent_read(true);
        let item = get.send().await.map_err(CloudError::of("get webhook"))?.item;
        item.map(read).transpose()
    }

    /// Keeps a new webhook.
    pub async fn add(&self, account: &AccountId, webhook: &Webhook) -> Result<(), CloudError> {
        let item = Item { pk: account.clone(), sk: sort_key(&webhook.id), webhook: webhook.clone() };
        let put = self.client.put_item().table_name(&self.table).set_item(Some(serde_dynamo::to_item(item)?));
        put.send().await.map(drop).map_err(CloudError::of("add webhook"))
    }

    /// Forgets a webhook; whether there was one.
    pub async fn remove(&self, account: &AccountId, id: &WebhookId) -> Result<bool, CloudError> {
        let delete = self.client.delete_item().table_name(&self.table).set_key(Some(key(account, id)));
        let deleted = delete.return_values(ReturnValue::AllOld).send().await;
        let deleted = deleted.map_err(CloudError::of("remove webhook"))?;
        Ok(deleted.attributes.is_some_and(|item| !item.is_empty()))
    }

    /// Puts a new secret in the place of the newest, which signs beside it for a day. `None` if there is no such webhook.
    pub async fn rotate(
        &self,
        account: &AccountId,
        id: &WebhookId,
        now: OffsetDateTime,
    ) -> Result<Option<Webhook>, CloudError> {
        for _ in 0..ROTATIONS {
            let Some(mut webhook) = self.get(account, id).await? else { return Ok(None) };
            let before = serde_dynamo::to_attribute_value(&webhook.secrets)?;
            webhook.rotate(now);
            let update = self
                .update(account, id)
                .update_expression("SET webhook.secrets = :secrets")
                // Another rotation at the same moment has secrets too, of which none may be lost.
                .condition_expression("webhook.secrets = :before")
                .expression_attribute_values(":before", before)
                .expression_attribute_values(":secrets", serde_dynamo::to_attribute_value(webhook.secrets)?);
            if let Some(webhook) = changed(update).await? {
                return Ok(Some(webhook));
            }
        }
        Err(CloudError::Data("a webhook is being rotated many times at once".to_owned()))
    }

    /// Notes that a delivery failed at `now`. The webhook since; `None` if there is no such webhook.
    pub async fn note_failure(
        &self,
        account: &AccountId,
        id: &WebhookId,
        now: OffsetDateTime,
    ) -> Result<Option<Webhook>, CloudError> {
        let update = self
            .update(account, id)
            .update_expression("SET webhook.failing_since = if_not_exists(webhook.failing_since, :now)")
            .expression_attribute_values(":now", time(now)?);
        changed(update).await
    }

    /// Notes that a delivery succeeded.
    pub async fn note_success(&self, account: &AccountId, id: &WebhookId) -> Result<(), CloudError> {
        changed(self.update(account, id).update_expression("REMOVE webhook.failing_since")).await.map(drop)
    }

    /// Gives a webhook up.
    pub async fn disable(&self, account: &AccountId, id: &WebhookId, now: OffsetDateTime) -> Result<(), CloudError> {
        let update = self
            .update(account, id)
            .update_expression("SET webhook.disabled_at = if_not_exists(webhook.disabled_at, :now)")
            .expression_attribute_values(":now", time(now)?);
        changed(update).await.map(drop)
    }

    fn update(&self, account: &AccountId, id: &WebhookId) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(account, id)))
            .condition_expression("attribute_exists(pk)")
            .return_values(ReturnValue::AllNew)
    }
}

async fn changed(update: UpdateItemFluentBuilder) -> Result<Option<Webhook>, CloudError> {
    match update.send().await.map_err(|error| error.into_service_error()) {
        Ok(done) => done.attributes.map(read).transpose(),
        Err(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(None),
        Err(error) => Err(CloudError::of("change webhook")(error)),
    }
}

fn time(at: OffsetDateTime) -> Result<Value, CloudError> {
    let text = at.format(&time::format_description::well_known::Rfc3339);
    text.map(Value::S).map_err(|e| CloudError::Data(e.to_string()))
}

fn sort_key(id: &WebhookId) -> String {
    format!("{PREFIX}{id}")
}

fn key(account: &AccountId, id: &WebhookId) -> HashMap<String, Value> {
    HashMap::from([("pk".to_owned(), Value::S(account.to_string())), ("sk".to_owned(), Value::S(sort_key(id)))])
}

fn read(item: HashMap<String, Value>) -> Result<Webhook, CloudError> {
    Ok(serde_dynamo::from_item::<_, Item>(item)?.webhook)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_was_replaced_signs_for_a_day_more() {
        let now = OffsetDateTime::now_utc();
        let mut webhook = Webhook::new("https://example.com".to_owned(), now).unwrap();
        webhook.secrets.push(Dated { secret: Secret::generate(), until: Some(now + OVERLAP) });
        assert_eq!(webhook.signing(now).count(), 2);
        assert_eq!(webhook.signing(now + OVERLAP).count(), 1);
        webhook.rotate(now + Duration::hours(1));
        webhook.rotate(now + Duration::hours(2));
        assert_eq!(webhook.signing(now + Duration::hours(2)).count(), 4, "every secret that has time is kept");
        assert_eq!(webhook.signing(now + Duration::hours(24)).count(), 3);
        assert_eq!(webhook.signing(now + Duration::hours(26)).count(), 1);
        webhook.rotate(now + Duration::hours(27));
        assert_eq!(webhook.secrets.len(), 2, "what has no time left is forgotten");
        assert!(!format!("{webhook:?}").contains(&webhook.secrets[0].secret.reveal()), "secrets are not shown");
    }
}
