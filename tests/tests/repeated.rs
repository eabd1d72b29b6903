//! Requests that come again, answers that are not waited for, and a history that is searched and erased.

use end_to_end::product::{answer, create_key, data};
use end_to_end::{Product, packs, texts};
use futures::future::join_all;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn text(content: &str) -> Value {
    json!({"modality": "text", "input_type": "raw_text", "content": content})
}

fn post(product: &Product, key: &str, path: &str, idempotency_key: &str, body: &Value) -> RequestBuilder {
    let request = Client::new().post(format!("{}{path}", product.url)).bearer_auth(key).json(body);
    if idempotency_key.is_empty() { request } else { request.header("idempotency-key", idempotency_key) }
}

fn used(response: &Response) -> Option<String> {
    response.headers().get("x-quota-used").map(|used| used.to_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_comes_again_gets_the_first_answer_and_is_not_charged() {
    let data = data();
    let product = Product::start(data.path(), &packs::heuristics(data.path()), &[]).await;
    let (key, other) = (create_key(data.path(), "a", "pro").await, create_key(data.path(), "b", "pro").await);
    let body = text(texts::HUMAN);
    let detect =
        async |key: &str, name: &str, body: &Value| post(&product, key, "/v1/detect", name, body).send().await.unwrap();
    let first = detect(&key, "k1", &body).await;
    assert_eq!(used(&first).as_deref(), Some("1"));
    let first: Value = first.json().await.unwrap();
    let again = detect(&key, "\"k1\"", &body).await;
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(used(&again), None);
    assert_eq!(again.json::<Value>().await.unwrap(), first);

    let (status, refused) = answer(post(&product, &key, "/v1/detect", "k1", &text(texts::MODEL))).await;
    assert_eq!((status.as_u16(), &refused["detail"]["code"]), (422, &json!("idempotency_mismatch")));
    let theirs: Value = detect(&other, "k1", &body).await.json().await.unwrap();
    assert_ne!(theirs["id"], first["id"], "keys belong to accounts");

    // A refused request did nothing, so its key is free.
    assert_eq!(detect(&key, "k2", &text("too short")).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let second = detect(&key, "k2", &body).await;
    assert_eq!((second.status(), used(&second).as_deref()), (StatusCode::OK, Some("2")));
    let (status, refused) = answer(post(&product, &key, "/v1/detect", &"x".repeat(256), &body)).await;
    assert_eq!((status.as_u16(), &refused["detail"]["code"]), (422, &json!("invalid_request")));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_the_same_time_one_is_carried_out() {
    let data = data();
    let product = Product::start(data.path(), &packs::compact(), &[]).await;
    let key = create_key(data.path(), "hasty", "pro").await;
    let body = text(texts::MODEL);
    let answers = join_all((0..12).map(|_| post(&product, &key, "/v1/detect", "once", &body).send())).await;
    let mut ids = BTreeSet::new();
    for response in answers.into_iter().map(Result::unwrap) {
        match response.status().as_u16() {
            200 | 202 => {
                ids.insert(response.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned());
            }
            409 => {
                assert_eq!(response.headers()["retry-after"], "1");
                let refused: Value = response.json().await.unwrap();
                assert_eq!(refused["detail"]["code"], "idempotency_in_flight");
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!(ids.len(), 1);
    let after = post(&product, &key, "/v1/detect", "", &body).send().await.unwrap();
    assert_eq!(used(&after).as_deref(), Some("2"), "the twelve cost one scan");
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_and_uploads_repeat_too() {
    let data = data();
    let product = Product::start(data.path(), &packs::heuristics(data.path()), &[]).await;
    let key = create_key(data.path(), "a", "pro").await;
    let body = json!({"items": [text(texts::HUMAN), text("short"), text(texts::MODEL)]});
    let (_, first) = answer(post(&product, &key, "/v1/detect/batch", "batch", &body)).await;
    let again = post(&product, &key, "/v1/detect/batch", "batch", &body).send().await.unwrap();
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(again.json::<Value>().await.unwrap(), first);
    let one = post(&product, &key, "/v1/detect", "", &text(texts::HUMAN)).send().await.unwrap();
    assert_eq!(used(&one).as_deref(), Some("3"));

    let body = json!({"content_type": "image/png", "content_length": 1000});
    let (_, first) = answer(post(&product, &key, "/v1/uploads", "upload", &body)).await;
    let (status, again) = answer(post(&product, &key, "/v1/uploads", "upload", &body)).await;
    assert_eq!((status, again), (StatusCode::CREATED, first));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_prefers_not_to_wait_is_told_where_to_look_and_may_wait_there() {
    let data = data();
    let product = Product::start(data.path(), &packs::compact(), &[]).await;
    let key = product.demo_key.clone().unwrap();
    let request = product.post(&key, &text(texts::MODEL)).header("prefer", "wait=1, respond-async; foo");
    let accepted = request.send().await.unwrap();
    assert_eq!(accepted.status(), StatusCode::ACCEPTED);
    assert_eq!(accepted.headers()["preference-applied"], "respond-async");
    let location = accepted.headers()["location"].to_str().unwrap().to_owned();
    let begun: Value = accepted.json().await.unwrap();
    assert_eq!(location, format!("/v1/scans/{}", begun["id"].as_str().unwrap()));
    let (status, ended) = answer(product.get(&key, &format!("{location}?wait=20"))).await;
    assert_eq!((status, &ended["status"]), (StatusCode::OK, &json!("completed")), "one request was enough");
    let (status, _) = answer(product.get(&key, &format!("{location}?wait=soon"))).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_filtered_paged_by_cursor_and_erased() {
    let data = data();
    let product = Product::start(data.path(), &packs::heuristics(data.path()), &[]).await;
    let (key, other) = (create_key(data.path(), "a", "pro").await, create_key(data.path(), "b", "pro").await);
    let mut ids = Vec::new();
    for n in 0..25 {
        let content = if n % 5 == 0 { texts::MODEL } else { texts::HUMAN };
        let (_, scan) = product.detect(&key, &format!("{n} {content}")).await;
        ids.push((scan["id"].as_str().unwrap().to_owned(), scan["verdict"].as_str().unwrap().to_owned()));
    }
    ids.reverse();
    let list = async |query: &str| answer(product.get(&key, &format!("/v1/scans?{query}"))).await;
    let listed = |page: &Value| -> Vec<String> {
        page["scans"].as_array().unwrap().iter().map(|scan| scan["id"].as_str().unwrap().to_owned()).collect()
    };
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let (_, page) = list(&format!("limit=7{cursor}")).await;
        all.extend(listed(&page));
        assert_eq!(page["has_more"], page["next_cursor"].is_string());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(all, ids.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>());

    for verdict in ["human", "mixed", "ai_generated"] {
        let expected: Vec<_> = ids.iter().filter(|(_, v)| v == verdict).map(|(id, _)| id.clone()).collect();
        assert_eq!(listed(&list(&format!("limit=100&verdict={verdict}")).await.1), expected, "{verdict}");
    }
    assert_eq!(listed(&list("limit=100&modality=text").await.1).len(), 25);
    assert!(listed(&list("modality=image").await.1).is_empty());
    assert_eq!(listed(&list("limit=100&from=2026-01-01&to=2999-01-01T00:00:00%2B01:00").await.1).len(), 25);
    assert!(listed(&list("to=2026-01-01").await.1).is_empty());
    assert!(listed(&list("from=2999-01-01&to=2026-01-01").await.1).is_empty());
    let cursor = &ids[3].0;
    assert!(listed(&list(&format!("cursor={cursor}&to=2026-01-01")).await.1).is_empty(), "a cursor outside the time");
    assert_eq!(listed(&list(&format!("limit=2&cursor={cursor}&from=2026-01-01")).await.1), [&*ids[4].0, &*ids[5].0]);
    for wrong in ["verdict=guilty", "modality=video", "from=yesterday", "cursor=x", "limit=0", "limit=101"] {
        let (status, refused) = list(wrong).await;
        assert_eq!((status.as_u16(), &refused["detail"]["code"]), (422, &json!("invalid_request")), "{wrong}");
    }

    let path = format!("/v1/scans/{}", ids[3].0);
    let erase = async |key: &str| {
        Client::new().delete(format!("{}{path}", product.url)).bearer_auth(key).send().await.unwrap().status()
    };
    assert_eq!(erase(&other).await, StatusCode::NOT_FOUND, "another account's scan is none");
    assert_eq!(erase(&key).await, StatusCode::NO_CONTENT);
    assert_eq!(erase(&key).await, StatusCode::NOT_FOUND);
    assert_eq!(answer(product.get(&key, &path)).await.0, StatusCode::NOT_FOUND);
    assert_eq!(listed(&list("limit=100").await.1).len(), 24);
}
