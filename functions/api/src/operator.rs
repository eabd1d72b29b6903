//! `/v1/operator`: what a billing system does. Takes a token with the operator scope, which the sign-in service gives to
//! that system alone (OAuth 2.0 client credentials, RFC 6749, section 4.4).

use crate::App;
use crate::account::AccountAnswer;
use crate::error::ApiError;
use crate::extract::{LimitedBody, Operator};
use crate::openapi::{NoSuchAccount, OperatorErrors, PlanBody};
use crate::usage::UsageAnswer;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use scan::AccountId;
use service::{PlanChange, ServiceError};
use time::OffsetDateTime;

/// See an account.
#[utoipa::path(
    get,
    path = "/v1/operator/accounts/{id}",
    tag = "operator",
    params(("id" = String, Path, description = "The account's id.")),
    security(("operator" = [])),
    responses((status = 200, description = "The account.", body = AccountAnswer), OperatorErrors, NoSuchAccount)
)]
pub async fn account(
    State(app): State<App>,
    _: Operator,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<AccountAnswer>, ApiError> {
    Ok(Json(AccountAnswer::new(&app.account_book.find(&account_id(path)?).await?)))
}

/// See what an account has used and owes.
#[utoipa::path(
    get,
    path = "/v1/operator/accounts/{id}/usage",
    tag = "operator",
    params(("id" = String, Path, description = "The account's id.")),
    security(("operator" = [])),
    responses((status = 200, description = "The account's use.", body = UsageAnswer), OperatorErrors, NoSuchAccount)
)]
pub async fn usage(
    State(app): State<App>,
    _: Operator,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<UsageAnswer>, ApiError> {
    let account = app.account_book.find(&account_id(path)?).await?;
    Ok(Json(UsageAnswer::new(&app.statements.of(&account, OffsetDateTime::now_utc()).await?)))
}

/// Change what an account pays for.
///
/// From the next scan on. What it used this month stays counted.
#[utoipa::path(
    put,
    path = "/v1/operator/accounts/{id}/plan",
    tag = "operator",
    params(("id" = String, Path, description = "The account's id.")),
    request_body = PlanBody,
    security(("operator" = [])),
    responses((status = 200, description = "The account as it is now.", body = AccountAnswer), OperatorErrors, NoSuchAccount)
)]
pub async fn set_plan(
    State(app): State<App>,
    _: Operator,
    path: Result<Path<String>, PathRejection>,
    LimitedBody(body): LimitedBody,
) -> Result<Json<AccountAnswer>, ApiError> {
    let id = account_id(path)?;
    let account = app.account_book.change_plan(&id, PlanChange::parse(&body)?).await?;
    tracing::info!(account = %id, plan = %account.plan, "an operator changed the plan");
    Ok(Json(AccountAnswer::new(&account)))
}

fn account_id(path: Result<Path<String>, PathRejection>) -> Result<AccountId, ServiceError> {
    let Path(id) = path.map_err(|_| ServiceError::NoSuchAccount)?;
    AccountId::try_from(id).map_err(|_| ServiceError::NoSuchAccount)
}
