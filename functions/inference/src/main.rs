//! The inference function on Lambda. `run_concurrent` lets Lambda Managed Instances hand one environment several
//! batches at a time, which the engine then merges.

use aws_lambda_events::event::sqs::SqsEvent;
use cloud::{Clients, Parking, Scans};
use inference::{Config, handle, load::load};
use lambda_runtime::{Error, LambdaEvent, run_concurrent, service_fn};
use service::{Environment, Inference, Recorder};
use std::sync::Arc;

#[tokio::main]
async fn main() -> Result<(), Error> {
    telemetry::log_as_json();
    let config = Config::read(&Environment::of_process())?;
    let clients = Clients::new(&cloud::sdk_config().await);
    // Before the first invocation: a pack is loaded once per environment.
    let (pack, engine) = load(config.pack, config.stages, &clients).await?;
    let (pack, engine) = (Arc::new(pack), Arc::new(engine));
    let scans = Scans::of(&clients, &config.names);
    let parking = Parking::new(clients.s3, config.names.parking);
    let inference = Inference::new(engine, pack.clone(), parking, Recorder::new(scans, pack));
    let meter = config.meter;
    run_concurrent(service_fn(move |event: LambdaEvent<SqsEvent>| {
        let inference = inference.clone();
        async move { Ok::<_, Error>(handle(&inference, meter, event.payload).await) }
    }))
    .await
}
