//! The intake function on Lambda.

use aws_lambda_events::event::sqs::SqsEvent;
use cloud::Clients;
use intake::{Config, handle};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use service::{Environment, Intake};
use std::sync::Arc;

#[tokio::main]
async fn main() -> Result<(), Error> {
    telemetry::log_as_json();
    let Config { names, uploads, pack, detect, fetch, meter } = Config::read(&Environment::of_process())?;
    let intake = &Intake::of(&Clients::new(&cloud::sdk_config().await), &names, uploads, Arc::new(pack), fetch, detect);
    run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        Ok::<_, Error>(handle(intake, meter, event.payload).await)
    }))
    .await
}
