//! Whatever dies, comes twice or comes late: every scan ends, once, and is told of; and what was charged is what finished.
//! Workers die at random points of their work, tables throttle, and the stream's reader dies between read and send.

use aws_lambda_events::event::dynamodb::Event;
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use aws_lambda_events::event::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use cloud::{Audit, Clients, EventBus, Filter, Inbox, Scans, WebhookQueue, Webhooks};
use end_to_end::product::data;
use end_to_end::{Stack, packs, texts};
use fetch::{AddressPolicy, FetchLimits, Fetcher, Poster};
use futures::future::join_all;
use publish::Publisher;
use scan::{Deed, Failure, Outcome, Plan, Probability, Scan, Source, Stage, StageJob, StageScore, Text};
use serde_json::Value;
use service::{Arrival, Detect, DetectRequest, DetectSettings, Finalize, Publish, Recorder, WebhookDelivery};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use telemetry::Meter;
use time::OffsetDateTime;
use truthlens::embedded::Endpoints;
use truthlens::pump::pump;

const SCANS: usize = 300;
const DEADLINE: Duration = Duration::from_secs(6);

/// Numbers that look random and are the same each time.
#[derive(Default)]
struct Dice(AtomicU64);

impl Dice {
    /// Whether something that happens in so many per cent of cases happens now.
    fn fall(&self, per_cent: u64) -> bool {
        let mut x = self.0.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % 100 < per_cent
    }
}

/// DynamoDB, throttling one request in twenty.
async fn throttled(endpoint: String, dice: Arc<Dice>) -> String {
    let client = reqwest::Client::new();
    let pass = move |headers: HeaderMap, body: Bytes| async move {
        if dice.fall(5) {
            let refusal = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow down"}"#;
            return (StatusCode::BAD_REQUEST, [("content-type", "application/x-amz-json-1.0")], refusal)
                .into_response();
        }
        let mut request = client.post(&endpoint).body(body.to_vec());
        for name in ["x-amz-target", "content-type", "authorization", "x-amz-date"] {
            if let Some(value) = headers.get(name) {
                request = request.header(name, value.as_bytes());
            }
        }
        let answer = request.send().await.unwrap();
        let status = StatusCode::from_u16(answer.status().as_u16()).unwrap();
        let passed = answer.headers().clone();
        let mut response: Response = (status, answer.bytes().await.unwrap()).into_response();
        for name in ["content-type", "x-amz-crc32"] {
            if let Some(value) = passed.get(name) {
                response.headers_mut().insert(name, value.as_bytes().try_into().unwrap());
            }
        }
        response
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(pass)).await });
    url
}

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
    let score = StageScore { probability: Probability::new(0.4).unwrap(), features: [].into(), segments: vec![] };
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
    let begun = Mutex::new(Vec::new());
    for _ in 0..SCANS / 20 {
        join_all((0..20).map(async |_: u32| {
            let text = DetectRequest::Text(Text::parse(texts::MODEL.to_owned()).unwrap());
            // A request that throttling defeats is refused, and costs nothing.
            if let Ok(done) = detect.begin(&account, text, Arrival::now(Source::Api), None).await {
                begun.lock().unwrap().push(done.scan.id);
            }
        }))
        .await;
    }
    let begun = begun.into_inner().unwrap();
    assert!(begun.len() > SCANS * 9 / 10, "{} began", begun.len());

    // Nobody asks for any of them.
    let all = async || -> Vec<Scan> {
        let mut found = Vec::new();
        for page in begun.chunks(100) {
            found.extend(stack.scans().get_many(&account.id, page).await.unwrap());
        }
        found
    };
    let patience = tokio::time::Instant::now() + DEADLINE + Duration::from_secs(60);
    while all().await.iter().any(|scan| !scan.is_final()) {
        let left = all().await.iter().filter(|scan| !scan.is_final()).count();
        assert!(tokio::time::Instant::now() < patience, "{left} scans hang");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    stop.send_replace(true);
    running.join_all().await;

    let stored = stack.scans().list(&account.id, &Filter::default(), 10_000, 0).await.unwrap().scans;
    assert!(stored.iter().all(Scan::is_final));
    let completed = stored.iter().filter(|scan| scan.conclusion().is_some()).count() as u64;
    assert_eq!(stack.usage().used(&account.id, OffsetDateTime::now_utc()).await.unwrap(), completed, "quota is exact");
    let audit = Audit::new(stack.clients.dynamodb.clone(), stack.names.audit.clone());
    for scan in &stored {
        let trail = audit.list(&account.id, scan.id).await.unwrap();
        let ends = trail.iter().filter(|entry| matches!(entry.deed, Deed::Finalised { .. })).count();
        assert_eq!(ends, 1, "{trail:?}");
    }
    let mut events: HashMap<String, usize> = HashMap::new();
    for line in std::fs::read_to_string(told).unwrap().lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        *events.entry(event["detail"]["id"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    for scan in &stored {
        assert!(events.contains_key(&format!("{}.{}", scan.id, scan.state.name())), "{} was not told of", scan.id);
    }
    assert_eq!(events.len(), stored.len(), "one event each, however often it was sent");
    let repeated = events.values().filter(|count| **count > 1).count();
    println!("{} scans, {completed} completed, {repeated} told of more than once", stored.len());
}

/// The batch is read again from this record on.
fn failed_at(first: Option<String>) -> DynamoDbEventResponse {
    let mut failure = DynamoDbBatchItemFailure::default();
    failure.item_identifier = first;
    let mut response = DynamoDbEventResponse::default();
    response.batch_item_failures = vec![failure];
    response
}
