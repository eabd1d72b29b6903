//! Keys, rate and quota, under concurrency.

use cloud::{ApiKey, Filter};
use end_to_end::product::{answer, create_key, data, run};
use end_to_end::{Product, Stack, packs, texts};
use futures::future::join_all;
use scan::{Plan, Source, Text};
use serde_json::json;
use service::{Arrival, DetectRequest, ServiceError};
use std::time::Duration;
use time::OffsetDateTime;

#[tokio::test(flavor = "multi_thread")]
async fn of_64_concurrent_scans_against_a_quota_of_50_exactly_50_pass() {
    let folder = data();
    let stack = Stack::start(&packs::heuristics(folder.path()), Duration::from_secs(60)).await;
    let (detect, account) = (stack.detect(), stack.account("crowd", Plan::Free).await);
    let request = DetectRequest::Text(Text::parse(texts::HUMAN.to_owned()).unwrap());
    let now = OffsetDateTime::now_utc();
    let answers = join_all((0..64).map(|_| {
        detect.begin(&account, request.clone(), Arrival { received_at: now, ..Arrival::now(Source::Api) }, None)
    }))
    .await;
    let passed = answers.iter().filter(|answer| answer.is_ok()).count();
    let refused = answers.iter().filter(|a| matches!(a, Err(ServiceError::QuotaExceeded(q)) if q.used == 50)).count();
    assert_eq!((passed, refused), (50, 14));
    assert_eq!(stack.usage().used(&account.id, now).await.unwrap(), 50);
    assert_eq!(stack.scans().list(&account.id, &Filter::default(), 100, 0).await.unwrap().scans.len(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_too_and_the_refused_are_told_how_to_go_on() {
    let data = data();
    let product = Product::start(data.path(), &packs::heuristics(data.path()), &[]).await;
    let key = create_key(data.path(), "crowd", "free").await;
    let answers = join_all((0..64).map(|_| product.detect(&key, texts::HUMAN))).await;
    let count = |status: u16| answers.iter().filter(|(found, _)| found.as_u16() == status).count();
    // All within a minute, 60 are admitted and 50 of those are within the quota.
    assert_eq!(count(200), 50);
    assert_eq!(count(402) + count(429), 14);
    let (_, refused) = answers.iter().find(|(status, _)| status.as_u16() == 402).unwrap();
    assert_eq!(refused["detail"]["code"], "quota_exceeded");
    assert_eq!((&refused["detail"]["limit"], &refused["detail"]["used"]), (&json!(50), &json!(50)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_61st_request_of_a_minute_is_refused_with_the_time_to_wait() {
    let data = data();
    let product = Product::start(data.path(), &packs::heuristics(data.path()), &[]).await;
    let key = create_key(data.path(), "busy", "business").await;
    let body = json!({"modality": "text", "input_type": "raw_text", "content": texts::HUMAN});
    let mut refused = None;
    // Across a change of the minute 120 may pass, never more.
    for _ in 0..121 {
        let response = product.post(&key, &body).send().await.unwrap();
        assert_eq!(response.headers()["ratelimit-limit"], "60");
        if response.status() == 429 {
            refused = Some(response);
            break;
        }
    }
    let refused = refused.expect("a limit of 60 a minute");
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait));
    assert_eq!(refused.headers()["ratelimit-remaining"], "0");
    let body: serde_json::Value = refused.json().await.unwrap();
    assert_eq!((&body["detail"]["code"], &body["detail"]["limit"]), (&json!("rate_limited"), &json!(60)));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_good_key_nothing_happens_not_even_reading_the_body() {
    let data = data();
    let product = Product::start(data.path(), &packs::heuristics(data.path()), &[]).await;
    for key in ["", "nonsense", "tl_live_xxxxxxxxxxxxxxxxxxxx", ApiKey::generate().reveal()] {
        let (status, body) = answer(product.post(key, &json!("not even a request"))).await;
        assert_eq!((status.as_u16(), &body["detail"]["code"]), (401, &json!("invalid_token")), "{key}");
    }
    let response = reqwest::Client::new().post(format!("{}/v1/detect", product.url)).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["www-authenticate"]),
        (401, &"Bearer".parse().unwrap())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_made_listed_and_revoked_while_the_server_runs_and_while_it_does_not() {
    let data = data();
    let folder = data.path().to_string_lossy().into_owned();
    let before = create_key(data.path(), "team", "pro").await;
    let product = Product::start(data.path(), &packs::heuristics(data.path()), &[]).await;
    let during = create_key(data.path(), "team", "pro").await;
    for key in [&before, &during] {
        assert_eq!(product.detect(key, texts::HUMAN).await.0, 200);
    }
    let (_, listed, _) = run(&["keys", "list", "--account", "team", "--data-dir", &folder], "").await;
    assert_eq!(listed.lines().count(), 2);
    assert!(!listed.contains(&before) && !listed.contains(&during), "a list shows no key");

    let id = listed.lines().next().unwrap().split_whitespace().next().unwrap();
    let (code, _, err) = run(&["keys", "revoke", "--account", "team", id, "--data-dir", &folder], "").await;
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(product.detect(&before, texts::HUMAN).await.0, 401, "a revoked key opens nothing");
    assert_eq!(product.detect(&during, texts::HUMAN).await.0, 200, "the other still does");
    let (code, _, err) = run(&["keys", "revoke", "--account", "team", "nokey", "--data-dir", &folder], "").await;
    assert_eq!((code, err.contains("has no such key")), (Some(1), true));
}
