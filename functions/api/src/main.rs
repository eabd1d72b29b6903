//! The api function: [`api::router`] on Lambda.

use api::{App, Config, router};
use cloud::Clients;
use std::sync::Arc;

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    tracing_subscriber::fmt().json().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();
    let config = Config::from_env()?;
    let clients = Clients::from_env().await;
    let pack = Arc::new(config.pack);
    let app = App::new(&clients, &config.names, config.pepper, pack, config.settings);
    lambda_http::run(router(app)).await
}
