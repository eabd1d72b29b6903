//! The inference function on Lambda. `run_concurrent` lets Lambda Managed Instances hand one environment several
//! batches at a time, which the engine then merges.

use aws_lambda_events::event::sqs::SqsEvent;
use cloud::{Clients, Parking, Scans};
use engine::{Device, Engine};
use inference::{Config, handle};
use lambda_runtime::{Error, LambdaEvent, run_concurrent, service_fn};
use scan::Pack;
use service::{Inference, Recorder};
use std::sync::Arc;

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing_subscriber::fmt().json().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();
    let config = Config::from_env()?;
    let pack = Arc::new(Pack::parse(&std::fs::read_to_string(config.pack.join("pack.toml"))?)?);
    // Before the first invocation: a pack is loaded once per environment.
    let engine = Arc::new(Engine::load(&pack, &config.pack, Device::cuda_if_available(0)?)?);
    let clients = Clients::from_env().await;
    let scans = Scans::of(&clients, &config.names);
    let parking = Parking::new(clients.s3, config.names.parking);
    let inference = Inference::new(engine, pack.clone(), parking, Recorder::new(scans, pack));
    run_concurrent(service_fn(move |event: LambdaEvent<SqsEvent>| {
        let inference = inference.clone();
        async move { Ok::<_, Error>(handle(&inference, event.payload).await) }
    }))
    .await
}
