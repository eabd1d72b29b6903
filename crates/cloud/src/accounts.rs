//! The accounts table: `pk = <account id>`, `sk = account`.

use crate::CloudError;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue as Value;
use scan::{Account, AccountId, Plan, Usd};
use serde::{Deserialize, Serialize};

const SORT_KEY: &str = "account";

/// Accounts and their plans.
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
}

impl Accounts {
    /// Accounts in `table`.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// The account of that id.
    pub async fn get(&self, id: &AccountId) -> Result<Option<Account>, CloudError> {
        let key = [("pk", id.as_str()), ("sk", SORT_KEY)];
        let key = key.map(|(name, value)| (name.to_owned(), Value::S(value.to_owned())));
        let found = self.client.get_item().table_name(&self.table).set_key(Some(key.into())).send().await;
        let item = found.map_err(CloudError::of("get account"))?.item;
        let Some(item) = item else { return Ok(None) };
        let item: AccountItem = serde_dynamo::from_item(item)?;
        Ok(Some(Account { id: item.pk, plan: item.plan, spend_cap: item.spend_cap }))
    }

    /// Creates the account or changes its plan and spend cap.
    pub async fn put(&self, account: &Account) -> Result<(), CloudError> {
        let Account { id, plan, spend_cap } = account.clone();
        let item = serde_dynamo::to_item(AccountItem { pk: id, sk: SORT_KEY.to_owned(), plan, spend_cap })?;
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item)).send().await;
        put.map_err(CloudError::of("put account"))?;
        Ok(())
    }
}
