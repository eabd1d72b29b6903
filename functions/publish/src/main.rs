//! The publish function on Lambda.

use cloud::{Clients, EventBus, Inbox, WebhookQueue, Webhooks};
use fetch::Poster;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use publish::{Config, Publisher, handle};
use serde_json::Value;
use service::{Environment, Publish, WebhookDelivery};

#[tokio::main]
async fn main() -> Result<(), Error> {
    telemetry::log_as_json();
    let Config { names, event_bus, webhooks: queue, uploads, fetch, meter } = Config::read(&Environment::of_process())?;
    let sdk = cloud::sdk_config().await;
    let clients = Clients::new(&sdk);
    let webhooks = Webhooks::new(clients.dynamodb, names.accounts);
    let queue = WebhookQueue::new(clients.sqs, queue);
    let bus = EventBus::bridge(&sdk, event_bus);
    let publisher = &Publisher {
        publish: Publish::new(bus, webhooks.clone(), queue.clone(), Inbox::new(clients.s3, uploads)),
        delivery: WebhookDelivery::new(webhooks, Poster::new(fetch, WebhookDelivery::PATIENCE)),
        queue,
        meter,
    };
    run(service_fn(move |event: LambdaEvent<Value>| async move {
        // Boxed: in one piece with the SDK's futures, it is nested deeper than the compiler looks.
        Ok::<_, Error>(Box::pin(handle(publisher, event.payload)).await?)
    }))
    .await
}
