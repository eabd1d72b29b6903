//! The compiled functions on the Lambda runtime API, with events as AWS sends them (`events/`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use end_to_end::product::data;
use end_to_end::{Stack, event, packs, pictures, texts};
use scan::{Content, JobContent, Plan, Source, Stage, StageJob};
use serde_json::{Value, json};
use service::{DetectRequest, ImageSource};
use std::time::Duration;
use time::OffsetDateTime;

/// The sample HTTP API event with this body and key.
fn http(key: &str, body: &Value) -> Value {
    let mut event = event("api-detect.json");
    event["headers"]["authorization"] = json!(format!("Bearer {key}"));
    event["body"] = json!(body.to_string());
    event
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_function_answers_http_events() {
    let folder = data();
    let stack = Stack::start(&packs::heuristics(folder.path()), Duration::from_secs(60)).await;
    let account = stack.account("cloudy", Plan::Pro).await;
    let (key, api) = (stack.key(&account).await, stack.function("api").await);
    let body = json!({"modality": "text", "input_type": "raw_text", "content": texts::HUMAN});

    let answer = api.invoke(http(&key, &body)).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    let scan: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(scan["status"], "completed");
    assert_eq!(answer["headers"]["x-quota-used"], "1");

    let refused = api.invoke(http("tl_live_wrong", &body)).await;
    assert_eq!(refused["statusCode"], 401);
    let refused: Value = serde_json::from_str(refused["body"].as_str().unwrap()).unwrap();
    assert_eq!(refused["detail"]["code"], "invalid_token");
}

#[tokio::test(flavor = "multi_thread")]
async fn api_and_inference_functions_make_a_verdict_together() {
    let stack = Stack::start(&packs::compact(), Duration::from_secs(60)).await;
    let account = stack.account("cloudy", Plan::Pro).await;
    let key = stack.key(&account).await;
    let (api, inference) = (stack.function("api").await, stack.function("inference").await);
    let body = json!({"modality": "text", "input_type": "raw_text", "content": texts::MODEL});
    let accepted = api.invoke(http(&key, &body)).await;
    assert_eq!(accepted["statusCode"], 202, "nobody works on it yet: {accepted}");
    let scan: Value = serde_json::from_str(accepted["body"].as_str().unwrap()).unwrap();

    // One batch holds both stages' jobs and a message that is none.
    let mut batch = event("inference-jobs.json");
    let sample = batch["Records"][0].clone();
    let mut records = vec![];
    for stage in ["roberta", "binoculars"] {
        let mut record = sample.clone();
        record["messageId"] = json!(stage);
        let content = json!({ "inline": { "text": texts::MODEL } });
        let job = json!({"account": "cloudy", "scan": scan["id"], "stage": stage, "content": content});
        record["body"] = json!(job.to_string());
        records.push(record);
    }
    let mut poison = sample;
    poison["messageId"] = json!("poison");
    poison["body"] = json!("no job at all");
    records.push(poison);
    batch["Records"] = json!(records);
    let response = inference.invoke(batch).await;
    assert_eq!(response, json!({"batchItemFailures": [{"itemIdentifier": "poison"}]}), "only the poison comes again");

    let mut get = event("api-get-scan.json");
    let path = format!("/v1/scans/{}", scan["id"].as_str().unwrap());
    get["rawPath"] = json!(path);
    get["requestContext"]["http"]["path"] = json!(path);
    get["headers"]["authorization"] = json!(format!("Bearer {key}"));
    let found = api.invoke(get).await;
    let found: Value = serde_json::from_str(found["body"].as_str().unwrap()).unwrap();
    assert_eq!((&found["status"], &found["verdict"]), (&json!("completed"), &json!("ai_generated")), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_goes_through_the_functions_too_as_pixels_and_never_as_a_file() {
    let stack = Stack::start(&packs::compact(), Duration::from_secs(60)).await;
    let account = stack.account("cloudy", Plan::Pro).await;
    let key = stack.key(&account).await;
    let (api, inference) = (stack.function("api").await, stack.function("inference").await);
    let file = STANDARD.encode(pictures::photo(320, 240, 1));
    let body = json!({"modality": "image", "input_type": "upload", "content": file});
    let accepted = api.invoke(http(&key, &body)).await;
    assert_eq!(accepted["statusCode"], 202, "nobody works on it yet: {accepted}");
    let scan: Value = serde_json::from_str(accepted["body"].as_str().unwrap()).unwrap();
    assert_eq!(scan["details"]["stages"], json!({"metadata": true, "frequency": true, "classifier": false}));

    let job = stack.receive(Stage::Classifier).await.unwrap();
    let message: StageJob = serde_json::from_str(job["Records"][0]["body"].as_str().unwrap()).unwrap();
    assert!(matches!(message.content, JobContent::Inline(Content::Pixels(_))), "{message:?}");
    assert_eq!(inference.invoke(job).await, json!({"batchItemFailures": []}));
    let ended = stack.scans().get(&account.id, scan["id"].as_str().unwrap().parse().unwrap()).await.unwrap().unwrap();
    assert!(ended.is_final() && ended.scores().len() == 3, "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_streams_its_pack_from_a_bucket_and_loads_the_stages_that_it_is_for() {
    let stack = Stack::start(&packs::compact(), Duration::from_secs(60)).await;
    let account = stack.account("cloudy", Plan::Pro).await;
    let s3 = &stack.clients.s3;
    s3.create_bucket().bucket("packs").send().await.unwrap();
    let classifier = stack.pack.stages[&Stage::Classifier].model.as_ref().unwrap().files.iter().map(|file| &file.path);
    for path in classifier.map(String::as_str).chain(["pack.toml"]) {
        let bytes = std::fs::read(packs::compact().join(path)).unwrap();
        s3.put_object().bucket("packs").key(format!("compact/1/{path}")).body(bytes.into()).send().await.unwrap();
    }
    let variables = [("PACK_SOURCE", "s3://packs/compact/1".to_owned()), ("STAGES", "classifier".to_owned())];
    let inference = stack.function_with("inference", &variables).await;
    let request = DetectRequest::Image(ImageSource::file(pictures::photo(320, 240, 1)).unwrap());
    let begun = stack.detect().begin(&account, request, Source::Api, OffsetDateTime::now_utc()).await.unwrap();
    let job = stack.receive(Stage::Classifier).await.unwrap();
    assert_eq!(inference.invoke(job).await, json!({"batchItemFailures": []}));
    let ended = stack.scans().get(&account.id, begun.scan.id).await.unwrap().unwrap();
    assert!(ended.is_final() && ended.scores().contains_key(&Stage::Classifier), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_name_scans_and_meter_stages_and_hold_neither_content_nor_keys() {
    let stack = Stack::start(&packs::compact(), Duration::from_secs(60)).await;
    let account = stack.account("cloudy", Plan::Pro).await;
    let key = stack.key(&account).await;
    // Of our own code everything, of others what a deployment logs.
    let ours = ["api", "service", "cloud", "fetch", "engine", "inference", "delivery", "detectors", "identity"];
    let levels = ours.iter().fold("info".to_owned(), |levels, name| format!("{levels},{name}=trace"));
    let verbose = [("RUST_LOG", levels)];
    let (api, inference) =
        (stack.function_with("api", &verbose).await, stack.function_with("inference", &verbose).await);
    let text = json!({"modality": "text", "input_type": "raw_text", "content": texts::HUMAN});
    let accepted = api.invoke(http(&key, &text)).await;
    let scan: Value = serde_json::from_str(accepted["body"].as_str().unwrap()).unwrap();
    // Refused in several ways, each with the content or the key at hand.
    let mut broken = http(&key, &text);
    broken["body"] = json!(format!("{{\"content\": \"{}", texts::HUMAN));
    api.invoke(broken).await;
    api.invoke(http(&format!("{}x", &key[..key.len() - 1]), &text)).await;
    api.invoke(http(&key, &json!({"modality": "image", "input_type": "upload", "content": texts::HUMAN}))).await;
    for stage in [Stage::Roberta, Stage::Binoculars] {
        let job = stack.receive(stage).await.unwrap();
        inference.invoke(job).await;
    }
    let mut poison = event("inference-jobs.json");
    poison["Records"][0]["body"] = json!(texts::HUMAN);
    inference.invoke(poison).await;
    tokio::time::sleep(Duration::from_millis(200)).await;

    let metered: Vec<Value> = inference
        .log()
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|line| line["_aws"]["CloudWatchMetrics"].is_array())
        .collect();
    let stages: Vec<_> = metered.iter().map(|line| line["Stage"].as_str().unwrap()).collect();
    assert_eq!(stages, ["roberta", "binoculars"]);
    assert!(metered.iter().all(|line| line["Latency"].as_f64().unwrap() > 0.0 && line["BatchSize"] == 1));
    for (function, log) in [("api", api.log()), ("inference", inference.log())] {
        for line in log.lines() {
            assert!(serde_json::from_str::<Value>(line).is_ok(), "{function} writes JSON: {line}");
        }
        for secret in ["giddiness", "Montmorency", &key[12..]] {
            assert!(!log.contains(secret), "{function} logs {secret:?}");
        }
    }
    let logs = api.log() + &inference.log();
    assert!(logs.contains(scan["id"].as_str().unwrap()), "scans are named: {logs}");
}
