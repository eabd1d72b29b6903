//! The world is told when a scan ends: on the event bus, and at the account's webhooks.

use cloud::Secret;
use end_to_end::product::{answer, data, events, sign_in};
use end_to_end::receiver::Received;
use end_to_end::{Product, Receiver, Stack, packs, texts};
use reqwest::{Method, StatusCode};
use scan::{Plan, Source, Text};
use serde_json::{Value, json};
use service::DetectRequest;
use std::time::Duration;
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
    let scan = stack.detect().begin(&account, text, Source::Api, OffsetDateTime::now_utc()).await.unwrap().scan;
    // The item as DynamoDB's stream has it.
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let (out, mut records) = tokio::sync::mpsc::channel(10);
    let pump = stack.stream().pump(
        move |event| {
            let out = out.clone();
            async move {
                out.send(serde_json::to_value(event).unwrap()).await.unwrap();
                Default::default()
            }
        },
        stopped,
    );
    let pump = tokio::spawn(pump);
    let event = records.recv().await.unwrap();
    stop.send_replace(true);
    pump.await.unwrap();

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
}
