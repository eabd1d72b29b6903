//! The keys table. Two items a key: `pk = HMAC of the key, sk = key` to authenticate with, and
//! `pk = account#<id>, sk = <key id>` to list and revoke by. Both are written in one transaction.

use crate::{ApiKey, CloudError, Pepper};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{AttributeValue as Value, Put, TransactWriteItem, Update};
use scan::{AccountId, KeyId};
use serde::{Deserialize, Serialize};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

const SORT_KEY: &str = "key";
/// A key's last use is noted again after this long: one write in ten minutes instead of one a request.
const NOTED_EVERY: Duration = Duration::minutes(10);
/// How long lists show a revoked key.
const SHOWN_REVOKED: Duration = Duration::days(30);

/// API keys, of which only digests are kept.
#[derive(Debug, Clone)]
pub struct Keys {
    client: Client,
    table: String,
    pepper: Pepper,
}

/// What may be known of a key after it was shown once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyInfo {
    /// Names the key; not a secret.
    pub id: KeyId,
    /// Whose it is.
    pub account: AccountId,
    /// What its owner calls it.
    #[serde(default)]
    pub name: String,
    /// The key's first characters, to recognise it by.
    pub hint: String,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it was last used, to within ten minutes.
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub last_used_at: Option<OffsetDateTime>,
    /// Whether it has been revoked.
    pub revoked: bool,
    /// When.
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub revoked_at: Option<OffsetDateTime>,
}

#[derive(Serialize, Deserialize)]
struct KeyItem {
    pk: String,
    sk: String,
    digest: String,
    key: KeyInfo,
}

impl Keys {
    /// Keys in `table`, hashed with `pepper`.
    pub fn new(client: Client, table: String, pepper: Pepper) -> Self {
        Self { client, table, pepper }
    }

    /// Makes a key for `account`, which calls it `name`. The key is in the returned value and nowhere else.
    pub async fn create(&self, account: &AccountId, name: &str) -> Result<(ApiKey, KeyInfo), CloudError> {
        let key = ApiKey::generate();
        let id = format!("key_{}", uuid::Uuid::now_v7().simple());
        let info = KeyInfo {
            id: KeyId::try_from(id).map_err(|e| CloudError::Data(e.to_string()))?,
            account: account.clone(),
            name: name.to_owned(),
            hint: key.hint().to_owned(),
            created_at: OffsetDateTime::now_utc(),
            last_used_at: None,
            revoked: false,
            revoked_at: None,
        };
        let digest = self.pepper.digest(&key);
        let item = |pk: String, sk: &str| KeyItem { pk, sk: sk.to_owned(), digest: digest.clone(), key: info.clone() };
        let by_digest = self.put(item(digest.clone(), SORT_KEY))?;
        let by_account = self.put(item(account_partition(account), info.id.as_str()))?;
        let both = self.client.transact_write_items().transact_items(by_digest).transact_items(by_account);
        both.send().await.map_err(CloudError::of("put key"))?;
        Ok((key, info))
    }

    /// What is known of a presented key; `None` if it was never made. A revoked key is found, as revoked.
    pub async fn find(&self, key: &ApiKey) -> Result<Option<KeyInfo>, CloudError> {
        let pk = Value::S(self.pepper.digest(key));
        let get = self.client.get_item().table_name(&self.table).key("pk", pk).key("sk", Value::S(SORT_KEY.into()));
        // Consistent, so that revocation holds from the next request on.
        let item = get.consistent_read(true).send().await.map_err(CloudError::of("get key"))?.item;
        Ok(item.map(serde_dynamo::from_item::<_, KeyItem>).transpose()?.map(|item| item.key))
    }

    /// Notes that a key, as [`Keys::find`] found it, is used at `now`. Seldom writes.
    pub async fn note_use(&self, key: &ApiKey, found: &KeyInfo, now: OffsetDateTime) -> Result<(), CloudError> {
        if found.last_used_at.is_some_and(|last| now - last < NOTED_EVERY) {
            return Ok(());
        }
        let note = |pk: &str, sk: &str| {
            let update = update(&self.table, pk, sk).update_expression("SET #key.last_used_at = :now");
            transact(update.expression_attribute_values(":now", timestamp(now)?))
        };
        let both = self
            .client
            .transact_write_items()
            .transact_items(note(&self.pepper.digest(key), SORT_KEY)?)
            .transact_items(note(&account_partition(&found.account), found.id.as_str())?);
        both.send().await.map(drop).map_err(CloudError::of("note key use"))
    }

    /// The keys of an account, oldest first.
    pub async fn list(&self, account: &AccountId) -> Result<Vec<KeyInfo>, CloudError> {
        let pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", Value::S(account_partition(account)))
            .into_paginator()
            .items()
            .send();
        let items = pages.try_collect().await.map_err(CloudError::of("list keys"))?;
        let items: Vec<KeyItem> = serde_dynamo::from_items(items)?;
        Ok(items.into_iter().map(|item| item.key).collect())
    }

    /// Revokes a key: the next request with it is refused. `false` if the account has no such key; revoking twice is no
    /// error. After thirty days lists forget it.
    pub async fn revoke(&self, account: &AccountId, id: &KeyId) -> Result<bool, CloudError> {
        let pk = Value::S(account_partition(account));
        let get = self.client.get_item().table_name(&self.table).key("pk", pk).key("sk", Value::S(id.as_str().into()));
        let Some(item) = get.send().await.map_err(CloudError::of("get key"))?.item else { return Ok(false) };
        let item: KeyItem = serde_dynamo::from_item(item)?;
        if item.key.revoked {
            return Ok(true);
        }
        let now = OffsetDateTime::now_utc();
        let both = self
            .client
            .transact_write_items()
            .transact_items(self.set_revoked(&item.digest, SORT_KEY, now)?)
            .transact_items(self.set_revoked(&item.pk, &item.sk, now)?);
        match both.send().await {
            Ok(_) => Ok(true),
            // Gone between the read and the write.
            Err(e) if e.code() == Some("TransactionCanceledException") => Ok(false),
            Err(e) => Err(CloudError::of("revoke key")(e)),
        }
    }

    fn put(&self, item: KeyItem) -> Result<TransactWriteItem, CloudError> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(serde_dynamo::to_item(item)?))
            .condition_expression("attribute_not_exists(pk)")
            .build()
            .map_err(CloudError::of("put key"))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    fn set_revoked(&self, pk: &str, sk: &str, now: OffsetDateTime) -> Result<TransactWriteItem, CloudError> {
        let expires = (now + SHOWN_REVOKED).unix_timestamp();
        let update = update(&self.table, pk, sk)
            .update_expression("SET #key.revoked = :true, #key.revoked_at = :now, expires_at = :expires")
            .expression_attribute_values(":true", Value::Bool(true))
            .expression_attribute_values(":now", timestamp(now)?)
            .expression_attribute_values(":expires", Value::N(expires.to_string()));
        transact(update)
    }
}

/// A change of what is known of a key, one of its two items.
fn update(table: &str, pk: &str, sk: &str) -> UpdateBuilder {
    Update::builder()
        .table_name(table)
        .key("pk", Value::S(pk.to_owned()))
        .key("sk", Value::S(sk.to_owned()))
        .condition_expression("attribute_exists(pk)")
        .expression_attribute_names("#key", "key")
}

fn transact(update: UpdateBuilder) -> Result<TransactWriteItem, CloudError> {
    let update = update.build().map_err(CloudError::of("change key"))?;
    Ok(TransactWriteItem::builder().update(update).build())
}

fn timestamp(time: OffsetDateTime) -> Result<Value, CloudError> {
    time.format(&Rfc3339).map(Value::S).map_err(|error| CloudError::Data(error.to_string()))
}

fn account_partition(account: &AccountId) -> String {
    format!("account#{account}")
}
