//! `truthlens token`: what a sign-in would give, without a browser.

use super::DataArgs;
use crate::dev_issuer::{SigningKey, issuer_url};
use anyhow::{Result, bail};
use clap::Args;
use scan::AccountId;

/// Print an access token of the development issuer, good for an hour.
///
/// For scripts that do what the dashboard or a billing system does. Takes a server that runs on the data folder.
#[derive(Args)]
pub struct Token {
    /// For the owner of this account, as if they had signed in.
    #[arg(long, value_name = "NAME", required_unless_present = "operator", conflicts_with = "operator")]
    account: Option<AccountId>,
    /// With the operator scope, as a billing system has it.
    #[arg(long)]
    operator: bool,
    #[command(flatten)]
    data: DataArgs,
}

impl Token {
    /// Prints it, alone, on standard output.
    pub fn run(self) -> Result<()> {
        let data = self.data.data();
        data.create()?;
        if data.lock()?.is_some() {
            bail!("no server runs on {}; start one with `truthlens serve`", data.root().display());
        }
        let issuer = issuer_url(&data.published()?.api);
        let key = SigningKey::of(&data)?;
        println!(
            "{}",
            match &self.account {
                Some(account) => key.account_token(&issuer, account)?,
                None => key.operator_token(&issuer)?,
            }
        );
        Ok(())
    }
}
