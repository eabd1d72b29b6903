//! The compiled functions on the Lambda runtime API, with events as AWS sends them (`events/`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloud::{Filter, Webhook, Webhooks};
use end_to_end::product::data;
use end_to_end::stack::Function;
use end_to_end::{Receiver, Stack, emf, event, packs, pictures, texts};
use scan::{Content, JobContent, Plan, Source, Stage, StageJob};
use serde_json::{Value, json};
use service::{Arrival, DetectRequest, ImageSource};
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
    let begun = stack.detect().begin(&account, request, Arrival::now(Source::Api), None).await.unwrap();
    let job = stack.receive(Stage::Classifier).await.unwrap();
    assert_eq!(inference.invoke(job).await, json!({"batchItemFailures": []}));
    let ended = stack.scans().get(&account.id, begun.scan.id).await.unwrap().unwrap();
    assert!(ended.is_final() && ended.scores().contains_key(&Stage::Classifier), "{ended:?}");
}

/// Of our own code everything, of others what a deployment logs.
fn verbose() -> (&'static str, String) {
    let ours = [
        "api",
        "cloud",
        "delivery",
        "detectors",
        "engine",
        "fetch",
        "finalize",
        "identity",
        "inference",
        "intake",
        "publish",
        "service",
        "telemetry",
    ];
    ("RUST_LOG", ours.iter().fold("info".to_owned(), |levels, name| format!("{levels},{name}=trace")))
}

/// The sum of a metric in a function's log, whose every metric is checked.
fn sum(function: &Function, metric: &str) -> f64 {
    emf::metrics(&function.log()).iter().filter_map(|line| line[metric].as_f64()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_name_scans_and_traces_and_tell_metrics_and_hold_neither_content_nor_keys() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const INTAKE_TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    let traceparent = |trace: &str| format!("00-{trace}-00f067aa0ba902b7-01");
    let stack = Stack::start(&packs::compact(), Duration::from_secs(60)).await;
    let account = stack.account("cloudy", Plan::Pro).await;
    let key = stack.key(&account).await;
    let (bus, hook) = (Receiver::start(&[]).await, Receiver::start(&[503]).await);
    let webhook = Webhook::new(format!("http://{}/hook", hook.address), OffsetDateTime::now_utc()).unwrap();
    let webhooks = Webhooks::new(stack.clients.dynamodb.clone(), stack.names.accounts.clone());
    webhooks.add(&account.id, &webhook).await.unwrap();
    let variables = [
        verbose(),
        ("PRICE_PER_GB_SECOND", "0.0000166667".to_owned()),
        ("AWS_ENDPOINT_URL_EVENTBRIDGE", format!("http://{}", bus.address)),
        ("EVENT_BUS", "truthlens".to_owned()),
        ("FETCH_ALLOW", hook.address.to_string()),
    ];
    let start = |name| stack.function_with(name, &variables);
    let (api, inference, intake) = (start("api").await, start("inference").await, start("intake").await);
    let (finalize, publish) = (start("finalize").await, start("publish").await);

    let text = json!({"modality": "text", "input_type": "raw_text", "content": texts::HUMAN});
    let mut request = http(&key, &text);
    request["headers"]["traceparent"] = json!(traceparent(TRACE));
    let accepted = api.invoke(request).await;
    let scan: Value = serde_json::from_str(accepted["body"].as_str().unwrap()).unwrap();
    let scan = scan["id"].as_str().unwrap();
    let told = accepted["headers"]["traceresponse"].as_str().unwrap();
    assert!(told.contains(TRACE) && told != traceparent(TRACE), "a span of its own: {told}");
    // Refused in several ways, each with the content or the key at hand.
    let mut broken = http(&key, &text);
    broken["body"] = json!(format!("{{\"content\": \"{}", texts::HUMAN));
    broken["headers"]["traceparent"] = json!(texts::HUMAN);
    assert_eq!(api.invoke(broken).await["statusCode"], 422, "of its body, not of its trace");
    api.invoke(http(&format!("{}x", &key[..key.len() - 1]), &text)).await;
    api.invoke(http(&key, &json!({"modality": "image", "input_type": "upload", "content": texts::HUMAN}))).await;

    let mut given_up = Value::Null;
    for stage in [Stage::Roberta, Stage::Binoculars] {
        given_up = stack.receive(stage).await.unwrap();
        inference.invoke(given_up.clone()).await;
    }
    let mut poison = event("inference-jobs.json");
    poison["Records"][0]["body"] = json!(texts::HUMAN);
    inference.invoke(poison.clone()).await;

    finalize.invoke(given_up).await;
    finalize.invoke(poison.clone()).await;

    for change in stack.changes().await {
        assert_eq!(publish.invoke(change).await, json!({"batchItemFailures": []}));
    }
    let message = stack.receive_from(stack.names.webhooks.as_ref().unwrap()).await.unwrap();
    assert_eq!(publish.invoke(message.clone()).await["batchItemFailures"].as_array().unwrap().len(), 1);
    assert_eq!(publish.invoke(message).await, json!({"batchItemFailures": []}));
    publish.invoke(poison.clone()).await;
    let attempts = hook.received(2).await;
    let sent = attempts.iter().map(|attempt| attempt.headers["traceparent"].to_str().unwrap()).collect::<Vec<_>>();
    assert!(sent.iter().all(|sent| sent.contains(TRACE)) && sent[0] != sent[1], "a span for each attempt: {sent:?}");
    let put: Value = serde_json::from_str(&bus.received(1).await[0].body).unwrap();
    let detail: Value = serde_json::from_str(put["Entries"][0]["Detail"].as_str().unwrap()).unwrap();
    assert!(detail["traceparent"].as_str().unwrap().contains(TRACE), "{detail}");

    let mut moderation = event("intake-moderation.json");
    let asked = json!({"account_id": "cloudy", "modality": "text", "content": texts::HUMAN});
    moderation["Records"][0]["body"] = json!(asked.to_string());
    let attribute = json!({"stringValue": traceparent(INTAKE_TRACE), "dataType": "String"});
    moderation["Records"][0]["messageAttributes"] = json!({ "traceparent": attribute });
    assert_eq!(intake.invoke(moderation.clone()).await, json!({"batchItemFailures": []}));
    moderation["Records"][0]["body"] = json!(json!({"account_id": "nobody", "content": texts::HUMAN}).to_string());
    intake.invoke(moderation).await;
    intake.invoke(poison).await;
    let newest = stack.scans().list(&account.id, &Filter::default(), 1, 0).await.unwrap().scans.remove(0);
    assert_eq!(newest.trace.trace_id().to_string(), INTAKE_TRACE, "what is done for its scan goes on with it");
    tokio::time::sleep(Duration::from_millis(200)).await;

    let functions =
        [("api", &api), ("inference", &inference), ("intake", &intake), ("finalize", &finalize), ("publish", &publish)];
    for (name, function) in functions {
        let log = function.log();
        for line in log.lines() {
            assert!(serde_json::from_str::<Value>(line).is_ok(), "{name} writes JSON: {line}");
            assert!(!line.contains(scan) || line.contains(TRACE), "{name} names a scan without its trace: {line}");
        }
        for secret in ["giddiness", "Montmorency", &key[12..], &webhook.newest_secret().unwrap().reveal()] {
            assert!(!log.contains(secret), "{name} logs {secret:?}");
        }
        if name == "intake" {
            assert!(log.contains(INTAKE_TRACE), "{log}");
        } else {
            assert!(log.contains(scan), "{name} names the scan: {log}");
        }
        assert!(!emf::metrics(&log).is_empty(), "{name} tells metrics");
    }
    let stages: Vec<_> = emf::metrics(&inference.log());
    assert_eq!(
        stages.iter().map(|line| line["Stage"].as_str().unwrap()).collect::<Vec<_>>(),
        ["roberta", "binoculars"]
    );
    for line in stages {
        assert!(line["Latency"].as_f64().unwrap() > 0.0 && line["BatchSize"] == 1, "{line}");
        let cost = line["GBSeconds"].as_f64().unwrap() * 0.0000166667;
        assert!(cost > 0.0 && (line["Cost"].as_f64().unwrap() / cost - 1.0).abs() < 1e-6, "{line}");
    }
    assert_eq!([sum(&api, "Requests"), sum(&api, "Scans"), sum(&api, "ClientErrors")], [4.0, 1.0, 3.0]);
    assert!(api.log().contains(r#""Code":"invalid_token""#) && api.log().contains(r#""Route":"/v1/detect""#));
    assert_eq!([sum(&intake, "Scans"), sum(&intake, "Dropped"), sum(&finalize, "GivenUp")], [1.0, 2.0, 1.0]);
    assert_eq!(["Events", "WebhooksTaken", "WebhooksPutOff"].map(|metric| sum(&publish, metric)), [1.0; 3]);
}
