//! The api function: [`api::router`] on Lambda.

use api::{App, Config, router};
use cloud::Clients;
use service::Environment;
use std::sync::Arc;

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::log_as_json();
    let config = Config::read(&Environment::of_process())?;
    let clients = Clients::new(&cloud::sdk_config().await);
    let pack = Arc::new(config.pack);
    let app = App::new(&clients, &config.names, config.pepper, pack, config.settings);
    lambda_http::run(router(app)).await
}
