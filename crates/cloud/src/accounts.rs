//! The accounts table: `pk = <account id>`, `sk = account`. Each change writes what it changes and nothing else, so
//! that an operator and the account's owner do not undo each other's.

use crate::CloudError;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue as Value, ReturnValue};
use scan::{Account, AccountId, Moderation, Plan, Usd};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use time::OffsetDateTime;

const SORT_KEY: &str = "account";

/// Accounts: what they pay for and what they want.
#[derive(Debug, Clone)]
pub struct Accounts {
    client: Client,
    table: String,
}

#[derive(Serialize, Deserialize)]
struct AccountItem {
    pk: AccountId,
    sk: String,
    plan: Plan,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    spend_cap: Option<Usd>,
    #[serde(default)]
    moderation: Moderation,
    #[serde(with = "time::serde::rfc3339", default = "unknown")]
    created_at: OffsetDateTime,
}

/// Accounts made before their time was kept.
fn unknown() -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH
}

impl Accounts {
    /// Accounts in `table`.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// The account of that id.
    pub async fn get(&self, id: &AccountId) -> Result<Option<Account>, CloudError> {
        let get = self.client.get_item().table_name(&self.table);
        let get = get.key("pk", Value::S(id.to_string())).key("sk", Value::S(SORT_KEY.to_owned()));
        let item = get.send().await.map_err(CloudError::of("get account"))?.item;
        item.map(read).transpose()
    }

    /// Creates the account, unless there is one of its id. Returns the one that there is now.
    pub async fn open(&self, account: Account) -> Result<Account, CloudError> {
        let Account { id, plan, spend_cap, moderation, created_at } = account.clone();
        let item = AccountItem { pk: id, sk: SORT_KEY.to_owned(), plan, spend_cap, moderation, created_at };
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(serde_dynamo::to_item(item)?))
            .condition_expression("attribute_not_exists(pk)");
        match put.send().await.map_err(|error| error.into_service_error()) {
            Ok(_) => Ok(account),
            Err(PutItemError::ConditionalCheckFailedException(_)) => {
                let gone = || CloudError::Data("an account went away while it was opened".to_owned());
                self.get(&account.id).await?.ok_or_else(gone)
            }
            Err(error) => Err(CloudError::of("open account")(error)),
        }
    }

    /// Changes what the account pays for. `None` if there is no such account.
    pub async fn set_plan(
        &self,
        id: &AccountId,
        plan: Plan,
        spend_cap: Option<Usd>,
    ) -> Result<Option<Account>, CloudError> {
        let update = self.update(id).expression_attribute_values(":plan", serde_dynamo::to_attribute_value(plan)?);
        let update = match spend_cap {
            None => update.update_expression("SET #plan = :plan REMOVE spend_cap"),
            Some(cap) => update
                .update_expression("SET #plan = :plan, spend_cap = :cap")
                .expression_attribute_values(":cap", serde_dynamo::to_attribute_value(cap)?),
        };
        changed(update.expression_attribute_names("#plan", "plan")).await
    }

    /// Changes what the account wants done with content. `None` if there is no such account.
    pub async fn set_moderation(&self, id: &AccountId, moderation: Moderation) -> Result<Option<Account>, CloudError> {
        let update = self
            .update(id)
            .update_expression("SET moderation = :moderation")
            .expression_attribute_values(":moderation", serde_dynamo::to_attribute_value(moderation)?);
        changed(update).await
    }

    fn update(&self, id: &AccountId) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .key("pk", Value::S(id.to_string()))
            .key("sk", Value::S(SORT_KEY.to_owned()))
            .condition_expression("attribute_exists(pk)")
            .return_values(ReturnValue::AllNew)
    }
}

async fn changed(update: UpdateItemFluentBuilder) -> Result<Option<Account>, CloudError> {
    match update.send().await.map_err(|error| error.into_service_error()) {
        Ok(done) => done.attributes.map(read).transpose(),
        Err(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(None),
        Err(error) => Err(CloudError::of("change account")(error)),
    }
}

fn read(item: HashMap<String, Value>) -> Result<Account, CloudError> {
    let AccountItem { pk, plan, spend_cap, moderation, created_at, .. } = serde_dynamo::from_item(item)?;
    Ok(Account { id: pk, plan, spend_cap, moderation, created_at })
}
