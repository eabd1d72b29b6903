//! `truthlens keys`: API keys, with or without a running server.

use super::accounts::PlanArg;
use super::{AccountArgs, with_tables};
use crate::installation::Installation;
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use cloud::{Accounts, Keys as KeyTable};
use scan::{Account, AccountId, KeyId, Plan};
use time::format_description::well_known::Rfc3339;

/// Make, list and revoke API keys.
///
/// Works while a server runs on the same data folder.
#[derive(Args)]
pub struct Keys {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Make a key and print it, alone, on standard output. It is shown this once.
    Create {
        #[command(flatten)]
        account: AccountArgs,
        /// The account's plan: free (50 scans a month), pro (5,000), business (unlimited) or pay-as-you-go. A new account
        /// is free unless told; an existing one keeps its plan unless told.
        #[arg(long)]
        plan: Option<PlanArg>,
    },
    /// List an account's keys: id, first characters, made when, revoked or not.
    List {
        #[command(flatten)]
        account: AccountArgs,
    },
    /// Revoke a key by its id or by its first characters, as `list` shows them.
    Revoke {
        #[command(flatten)]
        account: AccountArgs,
        /// The key's id.
        key: String,
    },
}

impl Keys {
    /// Carries the action out.
    pub async fn run(self) -> Result<()> {
        let (Action::Create { account, .. } | Action::List { account } | Action::Revoke { account, .. }) = &self.action;
        let data = account.data.data();
        with_tables(&data, async |installation| self.act(installation).await).await
    }

    async fn act(self, installation: &Installation) -> Result<()> {
        let (keys, accounts) = (installation.keys(), installation.accounts());
        match self.action {
            Action::Create { account, plan } => {
                println!("{}", create(&keys, &accounts, &account.account, plan.map(Plan::from)).await?);
            }
            Action::List { account } => {
                for key in keys.list(&account.account).await? {
                    let revoked = if key.revoked { "revoked" } else { "active" };
                    println!("{}  {}…  {}  {revoked}", key.id, key.hint, key.created_at.format(&Rfc3339)?);
                }
            }
            Action::Revoke { account, key } => revoke(&keys, &account.account, &key).await?,
        }
        Ok(())
    }
}

/// Makes a key, and the account if there is none.
async fn create(keys: &KeyTable, accounts: &Accounts, id: &AccountId, plan: Option<Plan>) -> Result<String> {
    let known = accounts.get(id).await?;
    let plan = plan.or(known.as_ref().map(|account| account.plan)).unwrap_or(Plan::Free);
    if known.as_ref().is_none_or(|account| account.plan != plan) {
        let spend_cap = known.and_then(|account| account.spend_cap);
        accounts.put(&Account { id: id.clone(), plan, spend_cap }).await?;
    }
    let (key, _) = keys.create(id).await?;
    Ok(key.reveal().to_owned())
}

async fn revoke(keys: &KeyTable, account: &AccountId, given: &str) -> Result<()> {
    let matching: Vec<KeyId> = keys
        .list(account)
        .await?
        .into_iter()
        .filter(|key| key.id.as_str() == given || key.hint == given.trim_end_matches('…'))
        .map(|key| key.id)
        .collect();
    match matching.as_slice() {
        [id] if keys.revoke(account, id).await? => {
            println!("revoked {id}");
            Ok(())
        }
        [_, _, ..] => bail!("several keys of {account} begin so; give the id that `truthlens keys list` shows"),
        _ => bail!("{account} has no such key; see `truthlens keys list --account {account}`"),
    }
}
