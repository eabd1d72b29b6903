//! Thresholds turn results into actions; people review what was flagged; every step leaves its trace.

use end_to_end::product::{answer, data, sign_in};
use end_to_end::{Product, packs, texts};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::path::Path;

/// A server whose demo account flags everything.
async fn flagging(data: &Path) -> (Product, String) {
    let product = Product::start(data, &packs::heuristics(data), &[]).await;
    let owner = sign_in(data, "demo").await;
    let thresholds = json!({"flag": 0, "reject": 1});
    let set = product.request(Method::PUT, &owner, "/v1/account/moderation").json(&thresholds);
    assert_eq!(answer(set).await.0, StatusCode::OK);
    let key = product.demo_key.clone().unwrap();
    (product, key)
}

async fn queue(product: &Product, key: &str) -> Vec<Value> {
    let (_, page) = answer(product.get(key, "/v1/scans?action=flag")).await;
    page["scans"].as_array().unwrap().iter().map(|scan| scan["id"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn flagged_content_waits_in_the_review_queue_until_a_person_decides() {
    let data = data();
    let (product, key) = flagging(data.path()).await;
    let (_, first) = product.detect(&key, texts::MODEL).await;
    let (_, second) = product.detect(&key, texts::HUMAN).await;
    assert_eq!(first["moderation"], json!({"action": "flag"}));
    assert_eq!(first["source"], json!({"kind": "api"}));
    assert_eq!(queue(&product, &key).await, [second["id"].clone(), first["id"].clone()]);

    let path = format!("/v1/scans/{}", first["id"].as_str().unwrap());
    let review = json!({"decision": "reject", "reviewer": "ada", "note": "reads like a brochure"});
    let (status, reviewed) = answer(product.request(Method::POST, &key, &format!("{path}/review")).json(&review)).await;
    assert_eq!((status, &reviewed["moderation"]["action"]), (StatusCode::OK, &json!("flag")), "the action stays");
    assert_eq!(reviewed["moderation"]["review"]["decision"], "reject");
    assert_eq!(queue(&product, &key).await, [second["id"].clone()], "it has left the queue");
    let (_, found) = answer(product.get(&key, &path)).await;
    assert_eq!(found["moderation"], reviewed["moderation"]);

    let again = json!({"decision": "approve"});
    assert_eq!(answer(product.request(Method::POST, &key, &format!("{path}/review")).json(&again)).await.0, 200);
    let erased = product.request(Method::DELETE, &key, &path).send().await.unwrap();
    assert_eq!(erased.status(), StatusCode::NO_CONTENT);
    let (_, trail) = answer(product.get(&key, &format!("{path}/audit"))).await;
    let deeds: Vec<_> = trail["entries"].as_array().unwrap().iter().map(|e| e["event"].as_str().unwrap()).collect();
    assert_eq!(deeds, ["created", "finalised", "reviewed", "reviewed", "erased"], "{trail}");
    assert_eq!(trail["entries"][2]["review"]["note"], "reads like a brochure");
    assert_eq!(trail["entries"][1]["confidence"], first["confidence"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_action_agrees_with_the_confidence_that_is_shown() {
    let data = data();
    let product = Product::start(data.path(), &packs::heuristics(data.path()), &[]).await;
    let (owner, key) = (sign_in(data.path(), "demo").await, product.demo_key.clone().unwrap());
    let (_, without) = product.detect(&key, texts::MODEL).await;
    assert_eq!(without["moderation"], Value::Null, "an account without thresholds decides alone");
    let shown = without["confidence"].as_f64().unwrap();
    for (flag, action) in [(shown, "flag"), (shown + 0.01, "approve")] {
        let set = product.request(Method::PUT, &owner, "/v1/account/moderation").json(&json!({"flag": flag}));
        assert_eq!(answer(set).await.0, StatusCode::OK);
        let (_, scan) = product.detect(&key, texts::MODEL).await;
        assert_eq!(scan["moderation"]["action"], action, "{shown} against {flag}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_scans_with_a_verdict_are_reviewed_and_only_by_their_account() {
    let data = data();
    let arguments = ["--no-inference", "--wait-budget-ms", "50"];
    let product = Product::start(data.path(), &packs::waiting(data.path()), &arguments).await;
    let key = product.demo_key.clone().unwrap();
    let (_, running) = product.detect(&key, texts::MODEL).await;
    let post = async |token: &str, id: &str, body: Value| {
        let path = format!("/v1/scans/{id}/review");
        let (status, refused) = answer(product.request(Method::POST, token, &path).json(&body)).await;
        (status.as_u16(), refused["detail"]["code"].as_str().unwrap_or_default().to_owned())
    };
    let (id, decision) = (running["id"].as_str().unwrap(), json!({"decision": "approve"}));
    assert_eq!(post(&key, id, decision.clone()).await, (409, "not_reviewable".into()));
    assert_eq!(post(&key, id, json!({"decision": "flag"})).await, (422, "invalid_request".into()));
    assert_eq!(post(&key, "0199c1e4-7c5e-7b52-9a64-3f1f0c8b2a11", decision.clone()).await, (404, "not_found".into()));
    let other = sign_in(data.path(), "eve").await;
    assert_eq!(post(&other, id, decision).await, (404, "not_found".into()));
    let (status, _) = answer(product.get(&other, &format!("/v1/scans/{id}/audit"))).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}
