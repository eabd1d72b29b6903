//! The accounts table: `pk = <account id>`, `sk = account`.

use crate::CloudError;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue as Value;
use scan::{Account, AccountId, Plan};
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
        Ok(Some(Account { id: item.pk, plan: item.plan }))
    }

    /// Creates the account or changes its plan.
    pub async fn put(&self, account: &Account) -> Result<(), CloudError> {
        let item = AccountItem { pk: account.id.clone(), sk: SORT_KEY.to_owned(), plan: account.plan };
        let item = serde_dynamo::to_item(item)?;
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item)).send().await;
        put.map_err(CloudError::of("put account"))?;
        Ok(())
    }
}
