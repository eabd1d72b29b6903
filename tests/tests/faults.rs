//! What may go wrong while a scan runs: a missing model, a dead worker, a job delivered twice, a slow stage.

use aws_lambda_events::event::sqs::SqsEvent;
use end_to_end::product::{answer, create_key, data};
use end_to_end::{Product, Stack, packs, texts};
use scan::{Failure, Outcome, Plan, Probability, ScanReport, Source, Stage, StageScore, State, Text};
use serde_json::{Value, json};
use service::{Arrival, DetectRequest};
use std::time::Duration;
use time::OffsetDateTime;

fn text() -> DetectRequest {
    DetectRequest::Text(Text::parse(texts::MODEL.to_owned()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_model_file_makes_its_stage_visibly_absent_and_the_scan_still_ends() {
    let folder = data();
    let pack = packs::compact_without(folder.path(), "lm/");
    let product = Product::start(folder.path(), &pack, &[]).await;
    let (status, scan) = product.detect(&product.demo_key.clone().unwrap(), texts::MODEL).await;
    assert_eq!(status, 200, "{scan}");
    assert_eq!(scan["details"]["stages"], json!({"heuristics": true, "binoculars": false, "roberta": true}));
    assert_eq!(scan["details"]["binoculars_score"], Value::Null);
    assert!(scan["confidence"].is_f64() && scan["segments"] == json!([]));
    assert_eq!(scan["warnings"][0]["code"], "stage_unavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_in_the_middle_of_a_job_is_replaced_and_the_scan_ends_once() {
    let stack = Stack::start(&packs::compact(), Duration::from_secs(2)).await;
    let (detect, account) = (stack.detect(), stack.account("steady", Plan::Pro).await);
    // Long enough that the worker is in the middle of it when it dies.
    let long = DetectRequest::Text(Text::parse(texts::MODEL.repeat(20)).unwrap());
    let begun = detect.begin(&account, long, Arrival::now(Source::Api), None).await.unwrap();
    let id = begun.scan.id;

    let first = stack.function("inference").await;
    first.ready().await;
    first.send(stack.receive(Stage::Binoculars).await.unwrap()).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    first.kill().await;
    let scan = stack.scans().get(&account.id, id).await.unwrap().unwrap();
    assert_eq!(scan.outcomes[&Stage::Binoculars], None, "the killed worker recorded nothing");

    let second = stack.function("inference").await;
    for stage in [Stage::Binoculars, Stage::Roberta] {
        let event = stack.receive(stage).await.expect("the job is delivered again");
        assert_eq!(second.invoke(event).await, json!({"batchItemFailures": []}));
    }
    let scan = stack.scans().get(&account.id, id).await.unwrap().unwrap();
    assert!(matches!(scan.state, State::Completed(_)), "{scan:?}");
    assert_eq!(scan.scores().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_delivered_twice_and_a_late_outcome_change_nothing() {
    let stack = Stack::start(&packs::compact(), Duration::from_secs(60)).await;
    let (detect, account) = (stack.detect(), stack.account("twice", Plan::Pro).await);
    let id = detect.begin(&account, text(), Arrival::now(Source::Api), None).await.unwrap().scan.id;
    let worker = stack.function("inference").await;
    for stage in [Stage::Roberta, Stage::Binoculars] {
        let event = stack.receive(stage).await.unwrap();
        assert_eq!(worker.invoke(event.clone()).await, json!({"batchItemFailures": []}));
        assert_eq!(worker.invoke(event).await, json!({"batchItemFailures": []}));
    }
    let ended = stack.scans().get(&account.id, id).await.unwrap().unwrap();
    assert!(ended.is_final());
    let other = StageScore {
        probability: Probability::new(0.0).unwrap(),
        features: [].into(),
        segments: vec![],
        sighting: None,
    };
    let late = Outcome::Scored(other);
    let after = stack.recorder().record(&account.id, id, Stage::Roberta, &late).await.unwrap();
    assert_eq!(after.as_ref(), Some(&ended), "the first outcome stays");
    assert_eq!(stack.scans().get(&account.id, id).await.unwrap(), Some(ended));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_concurrent_finalisers_one_writes_and_all_see_the_same_end() {
    let folder = data();
    let stack = Stack::start(&packs::compact_without(folder.path(), "nothing"), Duration::from_secs(60)).await;
    let (detect, account) = (stack.detect(), stack.account("race", Plan::Free).await);
    let scan = detect.begin(&account, text(), Arrival::now(Source::Api), None).await.unwrap().scan;
    let recorder = stack.recorder();
    let ends = futures::future::join_all((0..16).map(|_| recorder.finalise(scan.clone()))).await;
    let ends: Vec<_> = ends.into_iter().map(|end| end.unwrap().unwrap().state).collect();
    assert!(ends.iter().all(|end| *end == ends[0]), "{ends:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_in_which_every_stage_fails_is_refunded_once() {
    let folder = data();
    let pack = neural_only(folder.path());
    let stack = Stack::start(&pack, Duration::from_secs(60)).await;
    let (detect, account) = (stack.detect(), stack.account("unlucky", Plan::Free).await);
    let now = OffsetDateTime::now_utc();
    let scan = detect
        .begin(&account, text(), Arrival { received_at: now, ..Arrival::now(Source::Api) }, None)
        .await
        .unwrap()
        .scan;
    assert_eq!(stack.usage().used(&account.id, now).await.unwrap(), 1);
    let broken = Outcome::Failed(Failure::Broken);
    for _ in 0..2 {
        let ended = stack.recorder().record(&account.id, scan.id, Stage::Roberta, &broken).await.unwrap().unwrap();
        assert!(matches!(ended.state, State::Failed { .. }));
    }
    assert_eq!(stack.usage().used(&account.id, now).await.unwrap(), 0, "refunded, and only once");
    let report = ScanReport::new(&detect.look(&account.id, scan.id).await.unwrap(), now);
    assert_eq!((report.status.as_str(), report.verdict), ("failed", None));
}

/// A pack whose one stage is neural.
fn neural_only(folder: &std::path::Path) -> std::path::PathBuf {
    let manifest = r#"
        name = "neural-only"
        version = "1"
        description = "for tests"
        [text]
        blend = { weights = { roberta = 1.0 } }
        thresholds = { human = 0.4, ai_generated = 0.8 }
        [stages.roberta]
        calibration = { features = ["logit"], mean = [0.0], scale = [1.0], linear = [1.0], bias = 0.0 }
        model = { architecture = "bert", directory = "x", format = "safetensors", input = { text = { window = 254, max_windows = 1 } }, files = [] }
    "#;
    std::fs::write(folder.join("pack.toml"), manifest).unwrap();
    folder.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_outlives_the_wait_budget_answers_202_and_is_found_completed_later() {
    let data = data();
    let product = Product::start(data.path(), &packs::compact(), &["--wait-budget-ms", "50"]).await;
    let key = create_key(data.path(), "patient", "pro").await;
    let body = json!({"modality": "text", "input_type": "raw_text", "content": texts::MODEL.repeat(8)});
    let response = product.post(&key, &body).send().await.unwrap();
    assert_eq!(response.status(), 202);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let scan: Value = response.json().await.unwrap();
    assert_eq!((&scan["status"], &scan["verdict"]), (&json!("processing"), &Value::Null));
    assert_eq!(location, format!("/v1/scans/{}", scan["id"].as_str().unwrap()));
    let ended = product.finished(&key, scan["id"].as_str().unwrap()).await;
    assert_eq!((&ended["status"], &ended["details"]["stages"]["binoculars"]), (&json!("completed"), &json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_whose_workers_never_come_ends_at_its_deadline_with_the_stages_it_has() {
    let data = data();
    let arguments = ["--no-inference", "--wait-budget-ms", "50", "--scan-deadline-seconds", "1"];
    let product = Product::start(data.path(), &packs::compact(), &arguments).await;
    let key = product.demo_key.clone().unwrap();
    let (status, scan) = product.detect(&key, texts::MODEL).await;
    assert_eq!(status, 202);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let (_, ended) = answer(product.get(&key, &format!("/v1/scans/{}", scan["id"].as_str().unwrap()))).await;
    assert_eq!(ended["status"], "completed");
    assert_eq!(ended["details"]["stages"], json!({"heuristics": true, "binoculars": false, "roberta": false}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_too_big_for_a_message_is_parked_and_still_scanned() {
    let stack = Stack::start(&packs::compact(), Duration::from_secs(60)).await;
    let (detect, account) = (stack.detect(), stack.account("verbose", Plan::Pro).await);
    let big = DetectRequest::Text(Text::parse("漢字かな交じり文。".repeat(11_000)).unwrap());
    let id = detect.begin(&account, big, Arrival::now(Source::Api), None).await.unwrap().scan.id;
    let event = stack.receive(Stage::Roberta).await.unwrap();
    let parsed: SqsEvent = serde_json::from_value(event.clone()).unwrap();
    assert!(parsed.records[0].body.as_ref().unwrap().contains("parked"));
    let worker = stack.function("inference").await;
    assert_eq!(worker.invoke(event).await, json!({"batchItemFailures": []}));
    let scan = stack.scans().get(&account.id, id).await.unwrap().unwrap();
    assert!(scan.scores().contains_key(&Stage::Roberta), "{scan:?}");
}
