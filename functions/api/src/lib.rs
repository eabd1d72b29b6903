//! The HTTP API: routes, wire formats, and the one place where error codes become HTTP statuses.
//!
//! [`router`] is the whole API as a tower service; `main.rs` runs it on Lambda, `truthlens serve` on a socket.

pub mod account;
pub mod batch;
pub mod config;
pub mod detect;
pub mod error;
pub mod extract;
pub mod headers;
pub mod keys;
pub mod observe;
pub mod openapi;
pub mod operator;
pub mod pages;
pub mod reviews;
pub mod scans;
pub mod sign_in;
pub mod uploads;
pub mod usage;
pub mod webhooks;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::response::Redirect;
use axum::routing::{delete, get, post, put};
use cloud::{Accounts, Audit, Clients, Idempotency, Keys, Names, Pepper, Scans, Uploads, Usage, Webhooks};
use error::ApiError;
use fetch::{FetchLimits, Fetcher, Poster};
use scan::Pack;
use service::{
    AccountBook, Authenticate, Detect, History, KeyRing, Once, Reviews, ServiceError, SignIn, Statements, Upload,
    WebhookBook, WebhookDelivery,
};
use std::sync::Arc;
use std::time::Duration;
use telemetry::Meter;

pub use config::{Config, Settings, SignInSettings};

/// What the handlers share.
#[derive(Debug, Clone)]
pub struct App {
    authenticate: Authenticate,
    sign_in: Option<SignInSettings>,
    account_book: AccountBook,
    key_ring: KeyRing,
    detect: Detect,
    upload: Upload,
    once: Once,
    history: History,
    reviews: Reviews,
    webhook_book: WebhookBook,
    statements: Statements,
    model_pack: String,
    wait_budget: Duration,
    meter: Meter,
}

impl App {
    /// Puts the API together.
    pub fn new(clients: &Clients, names: &Names, pepper: Pepper, pack: Arc<Pack>, settings: Settings) -> Self {
        let Settings { detect, fetch, wait_budget, meter, sign_in } = settings;
        let tables = clients.dynamodb.clone();
        let scans = Scans::of(clients, names);
        let uploads = Uploads::new(clients.s3.clone(), names.parking.clone());
        let fetcher = Fetcher::new(fetch.clone(), FetchLimits::default());
        let poster = Poster::new(fetch, WebhookDelivery::PATIENCE);
        let webhooks = Webhooks::new(tables.clone(), names.accounts.clone());
        let keys = Keys::new(tables.clone(), names.keys.clone(), pepper);
        let accounts = Accounts::new(tables.clone(), names.accounts.clone());
        Self {
            key_ring: KeyRing::new(keys.clone()),
            account_book: AccountBook::new(accounts.clone()),
            authenticate: Authenticate::new(keys, accounts, sign_in.clone().map(SignIn::from)),
            sign_in,
            model_pack: pack.label(),
            detect: Detect::new(pack, clients, names, fetcher, detect),
            upload: Upload::new(uploads),
            once: Once::new(Idempotency::new(tables.clone(), names.idempotency.clone())),
            history: History::new(scans.clone(), Audit::new(tables.clone(), names.audit.clone())),
            reviews: Reviews::new(scans),
            webhook_book: WebhookBook::new(webhooks, poster),
            statements: Statements::new(Usage::new(tables, names.usage.clone())),
            wait_budget,
            meter,
        }
    }
}

/// The API.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/healthz", get(scans::health))
        .route("/openapi.json", get(openapi::json))
        .route("/", get(async || Redirect::temporary("/dashboard")))
        .route("/dashboard", get(pages::dashboard))
        .route("/dashboard/{file}", get(pages::dashboard_file))
        .route("/docs", get(pages::docs))
        .route("/docs.js", get(pages::docs_file))
        .route("/docs.css", get(pages::docs_file))
        .route("/v1/detect", post(detect::detect))
        .route("/v1/detect/batch", post(batch::batch))
        .route("/api/detect", post(detect::legacy))
        .route("/v1/usage", get(usage::get))
        .route("/v1/sign-in", get(sign_in::get))
        .route("/v1/account", get(account::get))
        .route("/v1/account/moderation", put(account::set_moderation))
        .route("/v1/keys", get(keys::list).post(keys::create))
        .route("/v1/keys/{id}", delete(keys::revoke))
        .route("/v1/operator/accounts/{id}", get(operator::account))
        .route("/v1/operator/accounts/{id}/usage", get(operator::usage))
        .route("/v1/operator/accounts/{id}/plan", put(operator::set_plan))
        .route("/v1/uploads", post(uploads::create))
        .route("/v1/scans", get(scans::list))
        .route("/v1/scans/{id}", get(scans::get).delete(scans::erase))
        .route("/v1/scans/{id}/review", post(reviews::record))
        .route("/v1/scans/{id}/audit", get(reviews::trail))
        .route("/v1/webhooks", get(webhooks::list).post(webhooks::create))
        .route("/v1/webhooks/{id}", delete(webhooks::remove))
        .route("/v1/webhooks/{id}/rotate", post(webhooks::rotate))
        .fallback(async || ApiError::from(ServiceError::NoSuchPath))
        .method_not_allowed_fallback(async || ApiError::method_not_allowed())
        // `extract::LimitedBody` has the limit, and reads on so that clients see the refusal.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(app.meter, observe::observe))
        .with_state(app)
}
