//! Scans that would not end by themselves do: at their deadline, or when a stage of theirs was given up.

use cloud::Audit;
use end_to_end::product::{data, events};
use end_to_end::{Product, Stack, event, packs, texts};
use scan::{Deed, Plan, Source, State, Text};
use serde_json::{Value, json};
use service::{Arrival, DetectRequest, DetectSettings};
use std::time::Duration;

const NOTHING_AGAIN: fn() -> Value = || json!({"batchItemFailures": []});

fn text() -> DetectRequest {
    DetectRequest::Text(Text::parse(texts::MODEL.to_owned()).unwrap())
}

fn message(body: &Value) -> Value {
    let mut sample = event("finalize-deadlines.json");
    sample["Records"][0]["body"] = json!(body.to_string());
    sample
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_that_nobody_works_on_or_asks_for_ends_at_its_deadline_once() {
    let folder = data();
    let stack = Stack::start(&packs::waiting(folder.path()), Duration::from_secs(60)).await;
    let settings = DetectSettings { deadline: Duration::from_secs(1), ..DetectSettings::default() };
    let (detect, account) = (stack.detect_with(settings), stack.account("patient", Plan::Pro).await);
    let scan = detect.begin(&account, text(), Arrival::now(Source::Api), None).await.unwrap().scan;
    assert!(!scan.is_final());

    let finalize = stack.function("finalize").await;
    let due = stack.receive_from(stack.names.deadlines.as_ref().unwrap()).await.expect("its time comes");
    assert!(due.to_string().contains(&scan.trace.to_string()), "the message goes on with the scan's trace: {due}");
    for _ in 0..2 {
        assert_eq!(finalize.invoke(due.clone()).await, NOTHING_AGAIN());
    }
    let ended = stack.scans().get(&account.id, scan.id).await.unwrap().unwrap();
    assert!(matches!(ended.state, State::Completed(_)) && ended.scores().len() == 1, "{ended:?}");
    let trail = Audit::new(stack.clients.dynamodb.clone(), stack.names.audit.clone());
    let trail = trail.list(&account.id, scan.id).await.unwrap();
    assert!(matches!(trail[0].deed, Deed::Created { .. }) && matches!(trail[1].deed, Deed::Finalised { .. }));
    assert_eq!(trail.len(), 2, "it ended once: {trail:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_that_has_not_passed_is_looked_at_again_and_one_of_nothing_is_forgotten() {
    let folder = data();
    let stack = Stack::start(&packs::waiting(folder.path()), Duration::from_secs(60)).await;
    let (detect, account) = (stack.detect(), stack.account("early", Plan::Pro).await);
    let scan = detect.begin(&account, text(), Arrival::now(Source::Api), None).await.unwrap().scan;
    let finalize = stack.function("finalize").await;
    let early = finalize.invoke(message(&json!({"account": "early", "scan": scan.id}))).await;
    assert_eq!(early["batchItemFailures"].as_array().unwrap().len(), 1);
    // The sample names a scan that never was, as when the function died before it was stored.
    assert_eq!(finalize.invoke(event("finalize-deadlines.json")).await, NOTHING_AGAIN());
    assert_eq!(finalize.invoke(message(&json!("no message of ours"))).await, NOTHING_AGAIN());
    assert!(!stack.scans().get(&account.id, scan.id).await.unwrap().unwrap().is_final());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stage_job_among_the_dead_letters_ends_its_scan_without_that_stage() {
    let folder = data();
    let stack = Stack::start(&packs::waiting(folder.path()), Duration::from_secs(60)).await;
    let (detect, account) = (stack.detect(), stack.account("unlucky", Plan::Pro).await);
    let scan = detect.begin(&account, text(), Arrival::now(Source::Api), None).await.unwrap().scan;
    let finalize = stack.function("finalize").await;
    let content = json!({"inline": {"text": texts::MODEL}});
    let job = json!({"account": "unlucky", "scan": scan.id, "stage": "roberta", "content": content});
    assert_eq!(finalize.invoke(message(&job)).await, NOTHING_AGAIN());
    let ended = stack.scans().get(&account.id, scan.id).await.unwrap().unwrap();
    assert!(matches!(ended.state, State::Completed(_)) && ended.scores().len() == 1, "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_server_ends_scans_by_itself_and_tells_of_them() {
    let data = data();
    let arguments = ["--no-inference", "--wait-budget-ms", "50", "--scan-deadline-seconds", "1"];
    let product = Product::start(data.path(), &packs::waiting(data.path()), &arguments).await;
    let (status, scan) = product.detect(&product.demo_key.clone().unwrap(), texts::MODEL).await;
    assert_eq!(status, 202);
    // Nobody asks for it.
    let told = events(data.path(), 1).await;
    assert_eq!((&told[0]["detail-type"], &told[0]["detail"]["subject"]), (&json!("scan.completed"), &scan["id"]));
}
