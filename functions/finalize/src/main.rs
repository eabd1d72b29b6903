//! The finalize function on Lambda.

use aws_lambda_events::event::sqs::SqsEvent;
use cloud::{Clients, Scans};
use finalize::{Config, handle};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use service::{Environment, Finalize, Recorder};
use std::sync::Arc;

#[tokio::main]
async fn main() -> Result<(), Error> {
    telemetry::log_as_json();
    let config = Config::read(&Environment::of_process())?;
    let scans = Scans::of(&Clients::new(&cloud::sdk_config().await), &config.names);
    let finalize = &Finalize::new(scans.clone(), Recorder::new(scans, Arc::new(config.pack)));
    run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        Ok::<_, Error>(handle(finalize, config.meter, event.payload).await)
    }))
    .await
}
