//! `truthlens keys`: API keys, with or without a running server.

use super::accounts::PlanArg;
use super::{AccountArgs, with_tables};
use crate::installation::Installation;
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use cloud::{Accounts, Keys as KeyTable};
use scan::{Account, AccountId, KeyId, Plan};
use service::KeyName;
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
        /// What the key is called in lists.
        #[arg(long, default_value = "command line")]
        name: String,
    },
    /// List an account's keys: id, first characters, made when, revoked or not, name.
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
            Action::Create { account, plan, name } => {
                let name = KeyName::new(&name)?;
                prepare(&accounts, &account.account, plan.map(Plan::from)).await?;
                println!("{}", keys.create(&account.account, name.as_str()).await?.0.reveal());
            }
            Action::List { account } => {
                for key in keys.list(&account.account).await? {
                    let revoked = if key.revoked { "revoked" } else { "active" };
                    println!(
                        "{}  {}…  {}  {revoked}  {}",
                        key.id,
                        key.hint,
                        key.created_at.format(&Rfc3339)?,
                        key.name
                    );
                }
            }
            Action::Revoke { account, key } => revoke(&keys, &account.account, &key).await?,
        }
        Ok(())
    }
}

/// Makes the account if there is none, and changes its plan if one is given.
async fn prepare(accounts: &Accounts, id: &AccountId, plan: Option<Plan>) -> Result<()> {
    let account = accounts.open(Account::new(id.clone(), plan.unwrap_or(Plan::Free))).await?;
    if let Some(plan) = plan.filter(|plan| *plan != account.plan) {
        accounts.set_plan(id, plan, account.spend_cap).await?;
    }
    Ok(())
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
