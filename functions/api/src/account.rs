//! `GET /v1/account` and `PUT /v1/account/moderation`.

use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, LimitedBody, Owner};
use crate::openapi::{AccountErrors, ModerationBody, ReadErrors};
use axum::Json;
use axum::extract::State;
use scan::{Account, Moderation};
use serde::Serialize;
use service::account_book;
use time::OffsetDateTime;
use utoipa::ToSchema;

/// An account.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountAnswer {
    id: String,
    /// `free`, `pro`, `business` or `pay_as_you_go`.
    plan: String,
    /// A decimal string of US dollars.
    spend_cap_usd: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = "date-time")]
    created_at: OffsetDateTime,
    moderation: ModerationAnswer,
}

/// From which confidence on finished scans are flagged and rejected. `null`: never.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModerationAnswer {
    flag: Option<f64>,
    reject: Option<f64>,
}

/// See the account behind the key or the sign-in.
#[utoipa::path(
    get,
    path = "/v1/account",
    tag = "account",
    responses((status = 200, description = "The account.", body = AccountAnswer), ReadErrors)
)]
pub async fn get(Caller(account): Caller) -> Json<AccountAnswer> {
    Json(AccountAnswer::new(&account))
}

/// Set what is done with content, from how likely a model made it.
///
/// Takes a sign-in; a key is not enough.
#[utoipa::path(
    put,
    path = "/v1/account/moderation",
    tag = "account",
    request_body = ModerationBody,
    security(("sign_in" = [])),
    responses((status = 200, description = "The thresholds as they are now.", body = ModerationAnswer), AccountErrors)
)]
pub async fn set_moderation(
    State(app): State<App>,
    Owner(account): Owner,
    LimitedBody(body): LimitedBody,
) -> Result<Json<ModerationAnswer>, ApiError> {
    let moderation = account_book::parse_moderation(&body)?;
    let account = app.account_book.change_moderation(&account.id, moderation).await?;
    Ok(Json(ModerationAnswer::new(account.moderation)))
}

impl AccountAnswer {
    /// Shows an account.
    pub fn new(account: &Account) -> Self {
        Self {
            id: account.id.to_string(),
            plan: account.plan.to_string(),
            spend_cap_usd: account.spend_cap.map(|cap| cap.to_string()),
            created_at: account.created_at,
            moderation: ModerationAnswer::new(account.moderation),
        }
    }
}

impl ModerationAnswer {
    fn new(moderation: Moderation) -> Self {
        Self { flag: moderation.flag().map(f64::from), reject: moderation.reject().map(f64::from) }
    }
}
