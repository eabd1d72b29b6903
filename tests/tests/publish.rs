//! The world is told when a scan ends: on the event bus, and at the account's webhooks.

use cloud::{Secret, Webhook, Webhooks};
use end_to_end::product::{answer, data, events, sign_in};
use end_to_end::receiver::Received;
use end_to_end::stack::Function;
use end_to_end::{Product, Receiver, Stack, event, packs, texts};
use reqwest::{Method, StatusCode};
use scan::{AccountId, Plan, Source, Text, WebhookId};
use serde_json::{Value, json};
use service::{Arrival, DetectRequest};
use std::time::Duration;
use tempfile::TempDir;
use time::OffsetDateTime;

/// Whether one of the request's signatures is that of the secret.
fn signed(received: &Received, secret: &Value) -> bool {
    let header = |name: &str| received.headers[name].to_str().unwrap();
    let secret = Secret::try_from(secret.as_str().unwrap().to_owned()).unwrap();
    let wanted = secret.sign(header("webhook-id"), header("webhook-timestamp").parse().unwrap(), &received.body);
    header("webhook-signature").split(' ').any(|signature| signature == wanted)
}

async fn hook(product: &Product, owner: &str, url: &str) -> (StatusCode, Value) {
    answer(product.request(Method::POST, owner, "/v1/webhooks").json(&json!({"url": url}))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_scan_is_told_to_the_webhook_signed_and_again_until_it_is_taken() {
    let data = data();
    let receiver = Receiver::start(&[503]).await;
    let allow = receiver.address.to_string();
    let product = Product::start(data.path(), &packs::heuristics(data.path()), &["--fetch-allow", &allow]).await;
    let (owner, key) = (sign_in(data.path(), "demo").await, product.demo_key.clone().unwrap());
    let (status, made) = hook(&product, &owner, &format!("http://{allow}/hook")).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let (_, scan) = product.detect(&key, texts::MODEL).await;

    let received = receiver.received(2).await;
    assert_eq!(received[0].headers["webhook-id"], received[1].headers["webhook-id"], "the same event again");
    assert!(signed(&received[1], &made["secret"]));
    let event: Value = serde_json::from_str(&received[1].body).unwrap();
    assert_eq!((&event["specversion"], &event["type"]), (&json!("1.0"), &json!("scan.completed")));
    assert_eq!((&event["data"]["verdict"], &event["data"]["id"]), (&scan["verdict"], &scan["id"]));
    assert_eq!(event["id"], received[1].headers["webhook-id"].to_str().unwrap());
    let told = events(data.path(), 1).await;
    assert_eq!((told.len(), &told[0]["detail"]), (1, &event));
    assert!(!told[0].to_string().contains("paradigm"), "no content");

    // Both secrets sign for a day.
    let id = made["id"].as_str().unwrap();
    let rotate = product.request(Method::POST, &owner, &format!("/v1/webhooks/{id}/rotate"));
    let (_, rotated) = answer(rotate).await;
    assert_ne!(rotated["secret"], made["secret"]);
    product.detect(&key, texts::HUMAN).await;
    let third = receiver.received(3).await.remove(2);
    assert!(signed(&third, &made["secret"]) && signed(&third, &rotated["secret"]));

    let (_, listed) = answer(product.get(&owner, "/v1/webhooks")).await;
    assert_eq!((&listed["webhooks"][0]["id"], &listed["webhooks"][0]["secret"]), (&made["id"], &Value::Null));
    assert_eq!(listed["webhooks"][0]["failing_since"], Value::Null, "it works again");
    let remove = || product.request(Method::DELETE, &owner, &format!("/v1/webhooks/{id}")).send();
    assert_eq!(remove().await.unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(remove().await.unwrap().status(), StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_lead_to_public_https_addresses_and_belong_to_their_owner() {
    let data = data();
    let product = Product::start(data.path(), &packs::heuristics(data.path()), &[]).await;
    let (owner, key) = (sign_in(data.path(), "demo").await, product.demo_key.clone().unwrap());
    for inside in ["http://example.com/", "https://127.0.0.1/", "https://169.254.169.254/latest", "https://localhost/"]
    {
        let (status, refused) = hook(&product, &owner, inside).await;
        assert_eq!((status.as_u16(), &refused["detail"]["code"]), (422, &json!("url_not_allowed")), "{inside}");
    }
    assert_eq!(hook(&product, &key, "https://example.com/").await.0, StatusCode::FORBIDDEN, "a key is not enough");
    let array = product.request(Method::POST, &owner, "/v1/webhooks").json(&json!(["https://example.com/hook"]));
    let (status, refused) = answer(array).await;
    assert_eq!((status.as_u16(), &refused["detail"]["code"]), (422, &json!("invalid_request")), "no object");
    for _ in 0..5 {
        assert_eq!(hook(&product, &owner, "https://example.com/hook").await.0, StatusCode::CREATED);
    }
    let (status, refused) = hook(&product, &owner, "https://example.com/hook").await;
    assert_eq!((status.as_u16(), &refused["detail"]["code"]), (422, &json!("too_many_webhooks")));
    let (_, listed) = answer(product.get(&sign_in(data.path(), "eve").await, "/v1/webhooks")).await;
    assert_eq!(listed["webhooks"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_publish_function_puts_events_on_the_bus_and_names_the_record_that_failed() {
    let folder = data();
    let stack = Stack::start(&packs::heuristics(folder.path()), Duration::from_secs(60)).await;
    let account = stack.account("cloudy", Plan::Pro).await;
    let bus = Receiver::start(&[400]).await;
    let variables =
        [("AWS_ENDPOINT_URL_EVENTBRIDGE", format!("http://{}", bus.address)), ("EVENT_BUS", "truthlens".to_owned())];
    let publish = stack.function_with("publish", &variables).await;
    let text = DetectRequest::Text(Text::parse(texts::HUMAN.to_owned()).unwrap());
    let scan = stack.detect().begin(&account, text, Arrival::now(Source::Api), None).await.unwrap().scan;
    let event = stack.changes().await.remove(0);

    let failed = publish.invoke(event.clone()).await;
    assert_eq!(failed["batchItemFailures"][0]["itemIdentifier"], event["Records"][0]["dynamodb"]["SequenceNumber"]);
    assert_eq!(publish.invoke(event).await, json!({"batchItemFailures": []}));
    let put = bus.received(2).await.remove(1);
    let entry = serde_json::from_str::<Value>(&put.body).unwrap()["Entries"][0].clone();
    assert_eq!((&entry["DetailType"], &entry["Source"]), (&json!("scan.completed"), &json!("truthlens")));
    let detail: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&detail["id"], &detail["data"]["account_id"]),
        (&json!(format!("{}.completed", scan.id)), &json!("cloudy"))
    );
    assert_eq!(detail["traceparent"], scan.trace.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_of_a_stream_event_is_told_as_it_stands() {
    let folder = data();
    let stack = Stack::start(&packs::heuristics(folder.path()), Duration::from_secs(60)).await;
    let bus = Receiver::start(&[]).await;
    let variables =
        [("AWS_ENDPOINT_URL_EVENTBRIDGE", format!("http://{}", bus.address)), ("EVENT_BUS", "truthlens".to_owned())];
    let publish = stack.function_with("publish", &variables).await;
    assert_eq!(publish.invoke(event("publish-scans.json")).await, json!({"batchItemFailures": []}));
    let put: Value = serde_json::from_str(&bus.received(1).await[0].body).unwrap();
    let detail: Value = serde_json::from_str(put["Entries"][0]["Detail"].as_str().unwrap()).unwrap();
    // The sample of a webhook message holds the same event.
    let message: Value =
        serde_json::from_str(event("publish-webhooks.json")["Records"][0]["body"].as_str().unwrap()).unwrap();
    let sample: Value = serde_json::from_str(message["event"].as_str().unwrap()).unwrap();
    assert_eq!(detail, sample);
}

/// The publish function with one webhook to deliver to.
struct Delivering {
    publish: Function,
    webhooks: Webhooks,
    account: AccountId,
    webhook: WebhookId,
    _stack: Stack,
    _folder: TempDir,
}

impl Delivering {
    /// To `receiver`.
    async fn to(receiver: &Receiver) -> Self {
        let folder = data();
        let stack = Stack::start(&packs::heuristics(folder.path()), Duration::from_secs(60)).await;
        let account = stack.account("cloudy", Plan::Pro).await.id;
        let webhooks = Webhooks::new(stack.clients.dynamodb.clone(), stack.names.accounts.clone());
        let webhook = Webhook::new(format!("http://{}/hook", receiver.address), OffsetDateTime::now_utc()).unwrap();
        webhooks.add(&account, &webhook).await.unwrap();
        let variables = [("EVENT_BUS", "truthlens".to_owned()), ("FETCH_ALLOW", receiver.address.to_string())];
        let publish = stack.function_with("publish", &variables).await;
        Self { publish, webhooks, account, webhook: webhook.id, _stack: stack, _folder: folder }
    }

    /// Delivers the sample message, which was to be sent first at `since`; whether it comes again.
    async fn comes_again(&self, since: OffsetDateTime) -> bool {
        let mut message = event("publish-webhooks.json");
        let mut body: Value = serde_json::from_str(message["Records"][0]["body"].as_str().unwrap()).unwrap();
        (body["account"], body["webhook"]) = (json!(self.account), json!(self.webhook));
        body["since"] = json!(since.format(&time::format_description::well_known::Rfc3339).unwrap());
        message["Records"][0]["body"] = json!(body.to_string());
        let response = self.publish.invoke(message).await;
        !response["batchItemFailures"].as_array().unwrap().is_empty()
    }

    async fn webhook(&self) -> Webhook {
        self.webhooks.get(&self.account, &self.webhook).await.unwrap().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_fails_for_a_day_is_disabled_and_one_that_recovers_is_not() {
    let receiver = Receiver::start(&[500, 200, 500]).await;
    let delivering = Delivering::to(&receiver).await;
    let now = OffsetDateTime::now_utc();
    assert!(delivering.comes_again(now).await);
    assert!(delivering.webhook().await.failing_since.is_some());
    assert!(!delivering.comes_again(now).await, "it is taken");
    assert_eq!(delivering.webhook().await.failing_since, None);

    let yesterday = now - time::Duration::hours(25);
    delivering.webhooks.note_failure(&delivering.account, &delivering.webhook, yesterday).await.unwrap();
    assert!(!delivering.comes_again(now).await, "it is given up");
    assert!(delivering.webhook().await.disabled_at.is_some());
    assert!(!delivering.comes_again(now).await);
    assert_eq!(receiver.received(3).await.len(), 3, "nothing is sent to it any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_is_gone_is_disabled_at_once() {
    let receiver = Receiver::start(&[410]).await;
    let delivering = Delivering::to(&receiver).await;
    let now = OffsetDateTime::now_utc();
    assert!(!delivering.comes_again(now).await);
    assert!(delivering.webhook().await.disabled_at.is_some());
    assert!(!delivering.comes_again(now).await);
    assert_eq!(receiver.received(1).await.len(), 1, "nothing is sent to it any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_dropped_after_a_day_and_its_webhook_is_not() {
    let receiver = Receiver::start(&[500, 500]).await;
    let delivering = Delivering::to(&receiver).await;
    let now = OffsetDateTime::now_utc();
    assert!(delivering.comes_again(now - time::Duration::hours(23)).await);
    assert!(!delivering.comes_again(now - time::Duration::hours(25)).await);
    let webhook = delivering.webhook().await;
    assert!(webhook.failing_since.is_some() && webhook.disabled_at.is_none(), "it has not failed for so long");
}
