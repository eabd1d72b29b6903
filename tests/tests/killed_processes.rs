//! The whole product as its compiled functions, every one of which is killed at random moments, while tables throttle and
//! messages come late and twice: every scan ends, once, is charged once and is told of.

use end_to_end::ends::{self, Told};
use end_to_end::faults::{Dice, repeating, throttled};
use end_to_end::{Mortal, Receiver, Stack, event, packs, texts};
use futures::future::join_all;
use scan::{Account, Plan, ScanId, Stage};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use truthlens::pump::pump;

const ACCOUNTS: usize = 8;
/// Of each account: well below the rate limit, so that requests may be repeated.
const SCANS: usize = 25;
const DEADLINE: Duration = Duration::from_secs(40);
/// How long a process lives on that was handed an event and will be killed: about as long as the event takes it.
const SHORT: Duration = Duration::from_millis(15);
const LONG: Duration = Duration::from_millis(400);

/// The sample HTTP API event with a text that no other scan has, to be answered at once, and an idempotency key.
fn request(key: &str, number: usize) -> Value {
    let text: Vec<_> = texts::MODEL.split(' ').take(24).collect();
    let body = json!({"modality": "text", "input_type": "raw_text", "content": format!("{number} {}", text.join(" "))});
    let mut event = event("api-detect.json");
    event["headers"]["authorization"] = json!(format!("Bearer {key}"));
    event["headers"]["idempotency-key"] = json!(format!("scan-{number}"));
    event["headers"]["prefer"] = json!("respond-async");
    event["body"] = json!(body.to_string());
    event
}

/// Asks until there is an answer, as the README tells clients to; the scan. None: a process died with the request in its
/// hands, which for a minute forbids to carry it out again, longer than this client waits.
async fn ask(api: &Mortal, request: Value) -> Option<ScanId> {
    for _ in 0..12 {
        let Some(answer) = api.invoke(request.clone()).await else { continue };
        match answer["statusCode"].as_u64().unwrap() {
            202 | 200 => {
                let scan: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
                return Some(scan["id"].as_str().unwrap().parse().unwrap());
            }
            409 => return None,
            500 => {}
            other => panic!("{other}: {answer}"),
        }
    }
    None
}

/// Ids of the events that the bus was sent.
async fn told(bus: &Receiver) -> Told {
    let mut told = Told::default();
    for put in bus.received(0).await {
        let put: Value = serde_json::from_str(&put.body).unwrap();
        for entry in put["Entries"].as_array().unwrap() {
            ends::count(&mut told, &serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap());
        }
    }
    told
}

/// The functions behind the API, each with the event sources that feed it.
fn start(
    stack: &Arc<Stack>,
    function: impl Fn(&'static str, Option<Stage>, Duration) -> Arc<Mortal>,
    stopped: &watch::Receiver<bool>,
) -> (JoinSet<()>, Vec<(&'static str, Arc<Mortal>)>) {
    let (mut running, mut functions) = (JoinSet::new(), Vec::new());
    let mut feed = |queue: &str, function: &Arc<Mortal>| {
        let function = function.clone();
        let handler = move |event| {
            let function = function.clone();
            async move { function.batch(event).await }
        };
        running.spawn(pump(stack.clients.sqs.clone(), queue.to_owned(), handler, stopped.clone()));
    };
    let finalize = function("finalize", None, SHORT);
    feed(stack.names.deadlines.as_ref().unwrap(), &finalize);
    for (name, stage) in [("inference of roberta", Stage::Roberta), ("inference of binoculars", Stage::Binoculars)] {
        let worker = function("inference", Some(stage), LONG);
        feed(&stack.queues[&stage].url, &worker);
        feed(&stack.queues[&stage].dead_letters, &finalize);
        functions.push((name, worker));
    }
    let publish = function("publish", None, SHORT);
    functions.extend([("finalize", finalize), ("publish", publish.clone())]);
    let handler = move |event| {
        let publish = publish.clone();
        async move { publish.changes(event).await }
    };
    running.spawn(stack.stream().pump(handler, stopped.clone()));
    (running, functions)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_function_may_be_killed_at_any_moment_and_nothing_is_lost_or_charged_twice() {
    let stack = Arc::new(Stack::start(&packs::compact(), Duration::from_secs(4)).await);
    let (dice, bus) = (Arc::new(Dice::default()), Receiver::start(&[]).await);
    let variables = [
        ("AWS_ENDPOINT_URL_DYNAMODB", throttled(stack.endpoints().dynamodb.clone(), dice.clone()).await),
        ("AWS_ENDPOINT_URL_SQS", repeating(stack.endpoints().sqs.clone(), dice.clone()).await),
        ("AWS_ENDPOINT_URL_EVENTBRIDGE", format!("http://{}", bus.address)),
        ("EVENT_BUS", "truthlens".to_owned()),
        ("SCAN_DEADLINE_SECONDS", DEADLINE.as_secs().to_string()),
        ("RUST_LOG", "error".to_owned()),
    ];
    let function = |name, stage: Option<Stage>, life| {
        let stages = stage.map(|stage| ("STAGES", stage.name().to_owned()));
        Mortal::new(&stack, name, &variables.iter().cloned().chain(stages).collect::<Vec<_>>(), &dice, life)
    };
    let (stop, stopped) = watch::channel(false);
    let (running, mut functions) = start(&stack, function, &stopped);

    let mut accounts: Vec<(Account, String)> = Vec::new();
    for number in 0..ACCOUNTS {
        let account = stack.account(&format!("account-{number}"), Plan::Pro).await;
        let key = stack.key(&account).await;
        accounts.push((account, key));
    }
    let apis = [function("api", None, SHORT), function("api", None, SHORT)];
    let asked = join_all(accounts.iter().enumerate().map(async |(number, (_, key))| {
        let mut answered = BTreeSet::new();
        for scan in 0..SCANS {
            answered.extend(ask(&apis[number % apis.len()], request(key, scan)).await);
        }
        answered
    }))
    .await;
    functions.extend(apis.map(|api| ("api", api)));

    let (mut all, mut completed) = (Vec::new(), 0);
    for (account, _) in &accounts {
        all.push(ends::ended(&stack, account, DEADLINE + Duration::from_secs(90)).await);
    }
    // The stream is read to its end, by a publish function that goes on dying.
    tokio::time::sleep(Duration::from_secs(2)).await;
    stop.send_replace(true);
    running.join_all().await;

    let told = told(&bus).await;
    for (((account, _), scans), answered) in accounts.iter().zip(&all).zip(&asked) {
        completed += ends::check(&stack, account, scans, &told).await;
        let stored: BTreeSet<_> = scans.iter().map(|scan| scan.id).collect();
        assert!(answered.is_subset(&stored), "an answered scan is lost");
        let contents: BTreeSet<_> = scans.iter().map(|scan| &scan.content_sha256).collect();
        assert_eq!(contents.len(), scans.len(), "a request that was repeated was carried out twice");
    }
    let (asked, stored) = (asked.iter().flatten().count(), all.iter().flatten().count());
    assert!(asked > ACCOUNTS * SCANS * 8 / 10, "{asked} were answered");
    assert_eq!(told.len(), stored, "one event each, however often it was sent");
    for (name, function) in &functions {
        println!("{name}: killed {} times", function.deaths());
    }
    let deaths: usize = functions.iter().map(|(_, function)| function.deaths()).sum();
    assert!(deaths > 20, "{deaths} processes were killed");
    let full = all.iter().flatten().filter(|scan| scan.scores().len() == 3).count();
    println!("{stored} scans of {} requests, {completed} completed, {full} with every stage", ACCOUNTS * SCANS);
    assert!(full > stored / 4, "{full} of {stored} scans have every stage");
}
