//! Everything that runs behind the API: the functions, each fed from its sources as in AWS.

use crate::data::DataDir;
use crate::embedded::{Embedded, ObjectCreated};
use crate::installation::Installation;
use crate::pump::pump;
use crate::stream::Stream;
use anyhow::{Context, Result};
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use cloud::{EventBus, Inbox, WebhookQueue, Webhooks};
use engine::Engine;
use fetch::{AddressPolicy, Poster};
use publish::Publisher;
use scan::Pack;
use serde_json::json;
use service::{DetectSettings, Finalize, Inference, Intake, Publish, Recorder, WebhookDelivery};
use std::sync::Arc;
use std::time::Duration;
use telemetry::Meter;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// How long the stream is read on after everything else has ended, so that events of the last scans are out.
const LAST_EVENTS: Duration = Duration::from_secs(2);

/// The functions at work. They end when [`Pumps::stop`] is called, having finished what is under way.
pub struct Pumps {
    queues: JoinSet<()>,
    stream: JoinSet<()>,
    stop_queues: watch::Sender<bool>,
    stop_stream: watch::Sender<bool>,
}

/// What the functions are set up with.
pub struct Functions<'a> {
    /// Tables, queues and buckets.
    pub installation: &'a Installation,
    /// The folder that holds the events and how far the stream was read.
    pub data: &'a DataDir,
    /// The pack that scans are judged by.
    pub pack: Arc<Pack>,
    /// What runs neural stages; `None` leaves their jobs in the queues.
    pub engine: Option<Arc<Engine>>,
    /// How scans are run.
    pub detect: DetectSettings,
    /// Where URLs and webhooks may lead.
    pub fetch: AddressPolicy,
}

impl Functions<'_> {
    /// Starts all of them.
    pub fn start(self, embedded: &mut Embedded) -> Result<Pumps> {
        let (stop_queues, queues_stopped) = watch::channel(false);
        let (stop_stream, stream_stopped) = watch::channel(false);
        let mut pumps = Pumps { queues: JoinSet::new(), stream: JoinSet::new(), stop_queues, stop_stream };
        let installation = self.installation;
        let scans = installation.scans();
        let recorder = Recorder::new(scans.clone(), self.pack.clone());
        let uploads = installation.names.uploads.clone().context("the uploads bucket has no name")?;
        let sources = installation.intake.as_ref().context("only the tables are there")?;

        let mut feed = Feed { queues: &mut pumps.queues, installation, stopped: queues_stopped };
        if let Some(engine) = self.engine {
            let inference = Inference::new(engine, self.pack.clone(), installation.parking(), recorder.clone());
            for queue in installation.names.queues.values() {
                feed.from(queue, &inference, |inference, event| async move {
                    inference::handle(&inference, Meter::Off, event).await
                });
            }
        }
        let finalize = Finalize::new(scans, recorder);
        let given_up = installation.queues.values().map(|queue| &queue.dead_letters);
        for queue in given_up.chain(&installation.names.deadlines) {
            feed.from(queue, &finalize, |finalize, event| async move {
                finalize::handle(&finalize, Meter::Off, event).await
            });
        }
        let (clients, names) = (&installation.clients, &installation.names);
        let intake = Intake::of(clients, names, uploads.clone(), self.pack, self.fetch.clone(), self.detect);
        for queue in [&sources.uploads, &sources.moderation] {
            feed.from(queue, &intake, |intake, event| async move { intake::handle(&intake, Meter::Off, event).await });
        }
        let webhooks = Webhooks::new(clients.dynamodb.clone(), names.accounts.clone());
        let queue = names.webhooks.clone().context("the webhooks queue has no URL")?;
        let waiting = WebhookQueue::new(clients.sqs.clone(), queue.clone());
        let inbox = Inbox::new(clients.s3.clone(), uploads.clone());
        let bus = EventBus::file(self.data.root().join("events.jsonl"));
        let publisher = Publisher {
            publish: Publish::new(bus, webhooks.clone(), waiting.clone(), inbox),
            delivery: WebhookDelivery::new(webhooks, Poster::new(self.fetch, WebhookDelivery::PATIENCE)),
            queue: waiting,
            meter: Meter::Off,
        };
        feed.from(&queue, &publisher, |publisher, event| async move { publish::deliver(&publisher, event).await });
        if let Some(created) = embedded.created() {
            let stopped = feed.stopped.clone();
            pumps.queues.spawn(notify(clients.sqs.clone(), sources.uploads.clone(), uploads, created, stopped));
        }
        let position = self.data.root().join("stream-position");
        let stream = Stream::new(embedded.streams(), names.scans.clone(), position);
        pumps.stream.spawn(stream.pump(
            with(publisher, |publisher, event| async move { publish::tell(&publisher, event).await }),
            stream_stopped,
        ));
        Ok(pumps)
    }
}

/// What a pump needs beside its queue and its handler.
struct Feed<'a> {
    queues: &'a mut JoinSet<()>,
    installation: &'a Installation,
    stopped: watch::Receiver<bool>,
}

impl Feed<'_> {
    fn from<T, H, F>(&mut self, queue: &str, function: &T, handler: H)
    where
        T: Clone + Send + Sync + 'static,
        H: Fn(T, SqsEvent) -> F + Send + Sync + 'static,
        F: Future<Output = SqsBatchResponse> + Send + 'static,
    {
        let client = self.installation.clients.sqs.clone();
        self.queues.spawn(pump(client, queue.to_owned(), with(function.clone(), handler), self.stopped.clone()));
    }
}

/// A handler with a function to give to it: each event gets a clone, since events are handled at the same time.
fn with<T: Clone, E, F>(function: T, handler: impl Fn(T, E) -> F) -> impl Fn(E) -> F {
    move |event| handler(function.clone(), event)
}

impl Pumps {
    /// Lets what is under way finish, then lets the events of it out.
    pub async fn stop(mut self) {
        self.stop_queues.send_replace(true);
        while self.queues.join_next().await.is_some() {}
        self.stop_stream.send_replace(true);
        let told = async { while self.stream.join_next().await.is_some() {} };
        // What is not told by then is told by the next start.
        let _ = tokio::time::timeout(LAST_EVENTS, told).await;
    }
}

/// Tells the intake function of new objects in the bucket `uploads`, as S3 does.
async fn notify(
    client: aws_sdk_sqs::Client,
    queue: String,
    uploads: String,
    mut created: mpsc::Receiver<ObjectCreated>,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        let object = tokio::select! {
            object = created.recv() => object,
            _ = stop.changed() => None,
        };
        let Some(ObjectCreated { bucket, key, size, sequencer }) = object else { return };
        if bucket != uploads {
            continue;
        }
        let object = json!({"key": encode(&key), "size": size, "sequencer": sequencer});
        let s3 = json!({"s3SchemaVersion": "1.0", "bucket": {"name": bucket}, "object": object});
        let record = json!({"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": s3});
        let body = json!({"Records": [record]}).to_string();
        if let Err(error) = client.send_message().queue_url(&queue).message_body(body).send().await {
            tracing::error!(error = %aws_sdk_sqs::error::DisplayErrorContext(error), "an upload went unnoticed");
        }
    }
}

/// A key as S3's notifications have it.
fn encode(key: &str) -> String {
    key.bytes()
        .map(|byte| match byte {
            b' ' => "+".to_owned(),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' | b'/' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}
