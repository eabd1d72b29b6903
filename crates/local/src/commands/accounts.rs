//! `truthlens accounts`: what accounts pay for, with or without a running server.

use super::{AccountArgs, with_tables};
use crate::installation::Installation;
use anyhow::{Context, Result};
use clap::{Args, Subcommand, ValueEnum};
use scan::{Account, Plan, Usd};
use service::{AccountBook, PlanChange};

/// Show accounts and change their plans: an operator's command.
///
/// Works while a server runs on the same data folder.
#[derive(Args)]
pub struct Accounts {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Show an account: its plan, its limit, what it used this month.
    Show {
        #[command(flatten)]
        account: AccountArgs,
    },
    /// Change an account's plan, from the next scan on. What it used this month stays counted.
    SetPlan {
        #[command(flatten)]
        account: AccountArgs,
        /// Free (50 scans a month), pro (5,000), business (unlimited) or pay-as-you-go (unlimited, each scan paid for).
        plan: PlanArg,
        /// The most that a pay-as-you-go account pays a month, in US dollars; without it there is no cap.
        #[arg(long, value_name = "USD")]
        spend_cap: Option<Usd>,
    },
}

/// A plan as the command line names it.
#[derive(Clone, Copy, ValueEnum)]
pub enum PlanArg {
    /// 50 scans a month.
    Free,
    /// 5,000 scans a month.
    Pro,
    /// Unlimited.
    Business,
    /// Unlimited, each scan paid for.
    PayAsYouGo,
}

impl From<PlanArg> for Plan {
    fn from(plan: PlanArg) -> Self {
        match plan {
            PlanArg::Free => Plan::Free,
            PlanArg::Pro => Plan::Pro,
            PlanArg::Business => Plan::Business,
            PlanArg::PayAsYouGo => Plan::PayAsYouGo,
        }
    }
}

impl Accounts {
    /// Carries the action out.
    pub async fn run(self) -> Result<()> {
        let (Action::Show { account } | Action::SetPlan { account, .. }) = &self.action;
        let data = account.data.data();
        with_tables(&data, async |installation| self.act(installation).await).await
    }

    async fn act(&self, installation: &Installation) -> Result<()> {
        let accounts = installation.accounts();
        let (Action::Show { account: AccountArgs { account: id, .. } }
        | Action::SetPlan { account: AccountArgs { account: id, .. }, .. }) = &self.action;
        let found = accounts.get(id).await?;
        let account = found.with_context(|| format!("there is no account {id}; `truthlens keys create` makes one"))?;
        if let Action::SetPlan { plan, spend_cap, .. } = &self.action {
            let change = PlanChange::new(Plan::from(*plan), *spend_cap)?;
            let changed = AccountBook::new(accounts).change_plan(&account.id, change).await?;
            return show(installation, &changed).await;
        }
        show(installation, &account).await
    }
}

async fn show(installation: &Installation, account: &Account) -> Result<()> {
    let used = installation.usage().used(&account.id, time::OffsetDateTime::now_utc()).await?;
    let limit = account.monthly_quota().map_or("unlimited".to_owned(), |limit| limit.to_string());
    print!("{}  plan {}  scans this month {used} of {limit}", account.id, account.plan);
    match account.plan.unit_price() {
        Some(price) => println!("  at {price} USD: {} USD", price.times(used)),
        None => println!(),
    }
    Ok(())
}
