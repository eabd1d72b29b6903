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
pub mod openapi;
pub mod operator;
pub mod pages;
pub mod scans;
pub mod sign_in;
pub mod uploads;
pub mod usage;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::Redirect;
use axum::routing::{delete, get, post, put};
use cloud::{Accounts, Clients, Idempotency, Jobs, Keys, Names, Parking, Pepper, Scans, Uploads, Usage};
use error::ApiError;
use fetch::{FetchLimits, Fetcher};
use scan::Pack;
use service::{
    AccountBook, Authenticate, Detect, History, KeyRing, Once, ServiceError, SignIn, Sources, Statements, Upload,
};
use std::sync::Arc;
use std::time::Duration;

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
    statements: Statements,
    model_pack: String,
    wait_budget: Duration,
}

impl App {
    /// Puts the API together.
    pub fn new(clients: &Clients, names: &Names, pepper: Pepper, pack: Arc<Pack>, settings: Settings) -> Self {
        let Settings { detect, fetch, wait_budget, sign_in } = settings;
        let tables = clients.dynamodb.clone();
        let usage = Usage::new(tables.clone(), names.usage.clone());
        let scans = Scans::new(tables.clone(), names.scans.clone(), usage.clone());
        let jobs = Jobs::new(clients.sqs.clone(), names);
        let parking = Parking::new(clients.s3.clone(), names.parking.clone());
        let uploads = Uploads::new(clients.s3.clone(), names.parking.clone());
        let sources = Sources::new(Fetcher::new(fetch, FetchLimits::default()), uploads.clone());
        let keys = Keys::new(tables.clone(), names.keys.clone(), pepper);
        let accounts = Accounts::new(tables.clone(), names.accounts.clone());
        Self {
            key_ring: KeyRing::new(keys.clone()),
            account_book: AccountBook::new(accounts.clone()),
            authenticate: Authenticate::new(keys, accounts, sign_in.clone().map(SignIn::from)),
            sign_in,
            model_pack: pack.label(),
            detect: Detect::new(pack, usage.clone(), scans.clone(), jobs, parking, sources, detect),
            upload: Upload::new(uploads),
            once: Once::new(Idempotency::new(tables, names.idempotency.clone())),
            history: History::new(scans),
            statements: Statements::new(usage),
            wait_budget,
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
        .fallback(async || ApiError::from(ServiceError::NotFound))
        .method_not_allowed_fallback(async || ApiError::method_not_allowed())
        // `extract::LimitedBody` has the limit, and reads on so that clients see the refusal.
        .layer(DefaultBodyLimit::disable())
        .with_state(app)
}
