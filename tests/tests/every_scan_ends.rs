//! Whatever dies, comes twice or comes late: every scan ends, once, and is told of; and what was charged is what finished.
//! Here a worker dies at chosen points of its work, in this process; `killed_processes.rs` kills the compiled functions.

use aws_lambda_events::event::dynamodb::Event;
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use cloud::{Clients, EventBus, Inbox, Scans, WebhookQueue, Webhooks};
use end_to_end::ends::{self, Told};
use end_to_end::faults::{Dice, throttled};
use end_to_end::mortal::failed_at;
use end_to_end::product::data;
use end_to_end::{Stack, packs, texts};
use fetch::{AddressPolicy, FetchLimits, Fetcher, Poster};
use futures::future::join_all;
use publish::Publisher;
use scan::{Failure, Outcome, Plan, Probability, Source, Stage, StageJob, StageScore, Text};
use serde_json::Value;
use service::{Arrival, Detect, DetectRequest, DetectSettings, Finalize, Publish, Recorder, WebhookDelivery};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use telemetry::Meter;
use truthlens::embedded::Endpoints;
use truthlens::pump::pump;

const SCANS: usize = 300;
const DEADLINE: Duration = Duration::from_secs(6);

/// A worker that dies at any point of its work: what it had is delivered again, or ends among the dead letters.
async fn work(recorder: Recorder, scans: Scans, dice: Arc<Dice>, event: SqsEvent) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    for record in event.records {
        let job: StageJob = serde_json::from_str(&record.body.unwrap()).unwrap();
        if !survives(&recorder, &scans, &dice, &job).await {
            response.add_failure(record.message_id.unwrap());
        }
    }
    response
}

/// Whether the worker lived to see its job done.
async fn survives(recorder: &Recorder, scans: &Scans, dice: &Dice, job: &StageJob) -> bool {
    if dice.fall(25) {
        return false; // died before it did anything
    }
    let score = StageScore {
        probability: Probability::new(0.4).unwrap(),
        features: [].into(),
        segments: vec![],
        sighting: None,
    };
    let outcome = if dice.fall(10) { Outcome::Failed(Failure::Broken) } else { Outcome::Scored(score) };
    if dice.fall(20) {
        // Died between recording and finalising.
        let _ = scans.record(&job.account, job.scan, job.stage, &outcome).await;
        return false;
    }
    if dice.fall(10) {
        tokio::time::sleep(Duration::from_millis(1500)).await; // outlives its visibility, so that another has it too
    }
    let recorded = recorder.record(&job.account, job.scan, job.stage, &outcome).await.is_ok();
    recorded && !dice.fall(15) // died before its message was deleted
}

#[tokio::test(flavor = "multi_thread")]
async fn every_scan_ends_once_is_charged_once_and_is_told_of() {
    let folder = data();
    let stack = Stack::start(&packs::waiting(folder.path()), Duration::from_secs(1)).await;
    let account = stack.account("steady", Plan::Business).await;
    let dice = Arc::new(Dice::default());
    let endpoints = Endpoints {
        dynamodb: throttled(stack.endpoints().dynamodb.clone(), dice.clone()).await,
        ..stack.endpoints().clone()
    };
    let clients: Clients = endpoints.clients();
    let scans = Scans::of(&clients, &stack.names);
    let recorder = Recorder::new(scans.clone(), stack.pack.clone());
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut running = tokio::task::JoinSet::new();

    let finalize = Finalize::new(scans.clone(), recorder.clone());
    let queues = &stack.queues[&Stage::Roberta];
    for queue in [&queues.dead_letters, stack.names.deadlines.as_ref().unwrap()] {
        let finalize = finalize.clone();
        let handler = move |event| {
            let finalize = finalize.clone();
            async move { finalize::handle(&finalize, Meter::Off, event).await }
        };
        running.spawn(pump(clients.sqs.clone(), queue.clone(), handler, stopped.clone()));
    }
    let (worker, faults, table) = (recorder.clone(), dice.clone(), scans.clone());
    let handler = move |event| {
        let (worker, faults, table) = (worker.clone(), faults.clone(), table.clone());
        async move { work(worker, table, faults, event).await }
    };
    running.spawn(pump(clients.sqs.clone(), queues.url.clone(), handler, stopped.clone()));

    let webhooks = Webhooks::new(clients.dynamodb.clone(), stack.names.accounts.clone());
    let queue = WebhookQueue::new(clients.sqs.clone(), stack.names.webhooks.clone().unwrap());
    let inbox = Inbox::new(clients.s3.clone(), stack.names.uploads.clone().unwrap());
    let told = stack.folder().join("events.jsonl");
    let publisher = Publisher {
        publish: Publish::new(EventBus::file(told.clone()), webhooks.clone(), queue.clone(), inbox),
        delivery: WebhookDelivery::new(webhooks, Poster::new(AddressPolicy::public_only(), Duration::from_secs(1))),
        queue,
        meter: Meter::Off,
    };
    let faults = dice.clone();
    let tell = move |event: Event| {
        let (publisher, faults) = (publisher.clone(), faults.clone());
        async move {
            let first = event.records[0].change.sequence_number.clone();
            if faults.fall(30) {
                return failed_at(first); // died between read and send
            }
            let response = publish::tell(&publisher, event).await;
            if faults.fall(30) { failed_at(first) } else { response } // died before it wrote down how far it had come
        }
    };
    running.spawn(stack.stream().pump(tell, stopped.clone()));

    let settings = DetectSettings { deadline: DEADLINE, ..DetectSettings::default() };
    let fetcher = Fetcher::new(AddressPolicy::public_only(), FetchLimits::default());
    let detect = Detect::new(stack.pack.clone(), &clients, &stack.names, fetcher, settings);
    let begun = AtomicUsize::new(0);
    for _ in 0..SCANS / 20 {
        join_all((0..20).map(async |_: u32| {
            let text = DetectRequest::Text(Text::parse(texts::MODEL.to_owned()).unwrap());
            // A request that throttling defeats is refused, and costs nothing.
            if detect.begin(&account, text, Arrival::now(Source::Api), None).await.is_ok() {
                begun.fetch_add(1, Ordering::Relaxed);
            }
        }))
        .await;
    }
    let begun = begun.into_inner();
    assert!(begun > SCANS * 9 / 10, "{begun} began");

    let stored = ends::ended(&stack, &account, DEADLINE + Duration::from_secs(60)).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    stop.send_replace(true);
    running.join_all().await;

    let mut events = Told::default();
    for line in std::fs::read_to_string(told).unwrap().lines() {
        ends::count(&mut events, &serde_json::from_str::<Value>(line).unwrap()["detail"]);
    }
    let completed = ends::check(&stack, &account, &stored, &events).await;
    assert_eq!(events.len(), stored.len(), "one event each, however often it was sent");
    let repeated = events.values().filter(|count| **count > 1).count();
    println!("{} scans, {completed} completed, {repeated} told of more than once", stored.len());
}
