//! Batches: charged together, scanned side by side, failing alone.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use end_to_end::product::{answer, create_key, data};
use end_to_end::{Product, packs, pictures, texts};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};

fn text(content: &str) -> Value {
    json!({"modality": "text", "input_type": "raw_text", "content": content})
}

fn request(product: &Product, key: &str, items: &[Value]) -> RequestBuilder {
    Client::new().post(format!("{}/v1/detect/batch", product.url)).bearer_auth(key).json(&json!({"items": items}))
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_and_images_come_back_in_order_and_a_wrong_item_fails_alone() {
    let data = data();
    let product = Product::start(data.path(), &packs::compact(), &[]).await;
    let key = create_key(data.path(), "mixed", "pro").await;
    let image = STANDARD.encode(pictures::png_with_text(200, 150, &[("parameters", pictures::PARAMETERS)]));
    let items = [
        text(texts::HUMAN),
        json!({"modality": "image", "input_type": "upload", "content": image}),
        text("too short"),
        json!({"modality": "video"}),
        json!("no item"),
        json!({"modality": "image", "input_type": "url", "url": "http://127.0.0.1/"}),
        text(texts::MODEL),
    ];
    let response = request(&product, &key, &items).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["x-quota-used"], "3", "what was refused was given back");
    let found: Value = response.json().await.unwrap();
    assert_eq!((&found["total"], &found["succeeded"], &found["failed"]), (&json!(7), &json!(3), &json!(4)));
    let results = found["results"].as_array().unwrap();
    assert!(results.iter().enumerate().all(|(i, result)| result["index"] == i));
    let verdicts: Vec<_> = results.iter().map(|result| result["result"]["verdict"].as_str().unwrap_or("-")).collect();
    assert_eq!(verdicts, ["human", "ai_generated", "-", "-", "-", "-", "ai_generated"]);
    let codes: Vec<_> = results.iter().map(|result| result["error"]["code"].as_str().unwrap_or("-")).collect();
    let expected = ["-", "-", "empty_content", "modality_not_supported", "invalid_request", "url_not_allowed", "-"];
    assert_eq!(codes, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_items_are_taken_and_a_batch_that_exceeds_the_quota_is_refused_whole() {
    let data = data();
    let product = Product::start(data.path(), &packs::heuristics(data.path()), &[]).await;
    let (pro, free) = (create_key(data.path(), "big", "pro").await, create_key(data.path(), "small", "free").await);
    let items = |n: usize| (0..n).map(|i| text(&format!("{i} {}", texts::HUMAN))).collect::<Vec<_>>();
    let (status, found) = answer(request(&product, &pro, &items(100))).await;
    assert_eq!((status, &found["succeeded"]), (StatusCode::OK, &json!(100)));
    for wrong in [items(101), vec![]] {
        let (status, refused) = answer(request(&product, &pro, &wrong)).await;
        assert_eq!((status.as_u16(), &refused["detail"]["code"]), (422, &json!("invalid_request")));
    }
    let (status, refused) = answer(request(&product, &free, &items(51))).await;
    assert_eq!((status.as_u16(), &refused["detail"]["code"]), (402, &json!("quota_exceeded")));
    assert_eq!(refused["detail"]["used"], 0, "nothing was charged");
    let (status, _) = answer(request(&product, &free, &items(50))).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(product.detect(&free, texts::HUMAN).await.0, StatusCode::PAYMENT_REQUIRED);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_eleventh_batch_of_a_minute_is_refused() {
    let data = data();
    let product = Product::start(data.path(), &packs::heuristics(data.path()), &[]).await;
    let key = product.demo_key.clone().unwrap();
    let mut refused = 0;
    // Across a change of the minute 20 may pass, never more.
    for _ in 0..21 {
        let response = request(&product, &key, &[text(texts::HUMAN)]).send().await.unwrap();
        assert_eq!(response.headers()["ratelimit-limit"], "10");
        refused += usize::from(response.status() == StatusCode::TOO_MANY_REQUESTS);
    }
    assert!(refused >= 1);
    assert_eq!(product.detect(&key, texts::HUMAN).await.0, StatusCode::OK, "single scans have a limit of their own");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_outlives_the_wait_comes_back_as_processing() {
    let data = data();
    let arguments = ["--no-inference", "--wait-budget-ms", "100"];
    let product = Product::start(data.path(), &packs::compact(), &arguments).await;
    let key = product.demo_key.clone().unwrap();
    let (status, found) = answer(request(&product, &key, &[text(texts::HUMAN), text("x")])).await;
    assert_eq!((status, &found["results"][0]["success"]), (StatusCode::OK, &json!(true)), "{found}");
    let scan = &found["results"][0]["result"];
    assert_eq!(scan["status"], "processing");
    let (_, again) = answer(product.get(&key, &format!("/v1/scans/{}", scan["id"].as_str().unwrap()))).await;
    assert_eq!(again["id"], scan["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_cannot_be_read_is_refused_alone() {
    let data = data();
    let product = Product::start(data.path(), &packs::heuristics(data.path()), &[]).await;
    let key = product.demo_key.clone().unwrap();
    let half = r#"{"modality": "text", "input_type": "raw_text", "content": "one two three four five \ud83d"}"#;
    let body = format!(r#"{{"items": [{0}, {half}, {{"modality": 1e999}}, [], {0}]}}"#, text(texts::HUMAN));
    let send = Client::new().post(format!("{}/v1/detect/batch", product.url)).bearer_auth(&key).body(body);
    let (status, found) = answer(send).await;
    assert_eq!((status, &found["succeeded"]), (StatusCode::OK, &json!(2)), "{found}");
    let codes: Vec<_> = (0..5).map(|i| found["results"][i]["error"]["code"].as_str().unwrap_or("-")).collect();
    assert_eq!(codes, ["-", "invalid_request", "invalid_request", "invalid_request", "-"]);
}
