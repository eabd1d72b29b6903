//! Requests as some clients and people send them: with marks before the JSON, compressed, to paths that are none, with times
//! in other forms, with characters that nobody sees.

use end_to_end::product::{answer, data};
use end_to_end::{Product, packs, texts};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

fn text(content: &str) -> Value {
    json!({"modality": "text", "input_type": "raw_text", "content": content})
}

async fn product(data: &std::path::Path) -> (Product, String) {
    let product = Product::start(data, &packs::heuristics(data), &[]).await;
    let key = product.demo_key.clone().unwrap();
    (product, key)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_order_mark_is_passed_over_and_a_compressed_body_is_told_of() {
    let data = data();
    let (product, key) = product(data.path()).await;
    let send = |body: Vec<u8>, encoding: Option<&str>, path: &str| {
        let request = Client::new().post(format!("{}{path}", product.url)).bearer_auth(&key).body(body);
        match encoding {
            Some(encoding) => request.header("content-encoding", encoding),
            None => request,
        }
    };
    let json = text(texts::HUMAN).to_string();
    let marked = format!("\u{feff}{json}").into_bytes();
    assert_eq!(answer(send(marked, None, "/v1/detect")).await.0, StatusCode::OK);
    for plain in ["", "identity", "aws-chunked", "utf-8"] {
        let (status, _) = answer(send(json.clone().into_bytes(), Some(plain), "/v1/detect")).await;
        assert_eq!(status, StatusCode::OK, "{plain:?}");
    }
    for path in ["/v1/detect", "/v1/detect/batch", "/v1/uploads", "/api/detect"] {
        let response = send(vec![0x1f, 0x8b, 8, 0], Some("gzip"), path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{path}");
        assert_eq!(response.headers()["accept-encoding"], "identity");
        let refused: Value = response.json().await.unwrap();
        assert_eq!(refused["detail"]["code"], "content_encoding_not_supported");
        assert!(refused["detail"]["message"].as_str().unwrap().contains("compressed"), "{refused}");
    }
    for (body, encoding) in
        [(vec![0x1f, 0x8b, 8, 0], None), (vec![1, 2, 3], Some("br")), (vec![1], Some("identity, zstd"))]
    {
        assert_eq!(answer(send(body, encoding, "/v1/detect")).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_path_says_so() {
    let data = data();
    let (product, key) = product(data.path()).await;
    for path in ["/v1/detects", "/v2/detect", "/v1/", "/v1/scans/a/b", "/%2e%2e/x"] {
        for method in [Method::GET, Method::POST] {
            let (status, refused) = answer(product.request(method, &key, path)).await;
            assert_eq!((status, &refused["detail"]["code"]), (StatusCode::NOT_FOUND, &json!("not_found")), "{path}");
            assert!(refused["detail"]["message"].as_str().unwrap().contains("no such path"), "{path}: {refused}");
        }
    }
    let (_, refused) = answer(product.get(&key, "/v1/scans/0190c2e4-0000-7000-8000-000000000000")).await;
    assert!(refused["detail"]["message"].as_str().unwrap().contains("No such scan"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_is_never_cut_to_its_date() {
    let data = data();
    let (product, key) = product(data.path()).await;
    for wrong in ["2026-11-28T23:00:00", "2026-11-28T23:00Z", "2026-11-28T23:59:60Z", "2026-11-28T23:00:00%2B25:00"] {
        for member in ["from", "to"] {
            let (status, refused) = answer(product.get(&key, &format!("/v1/scans?{member}={wrong}"))).await;
            assert_eq!((status.as_u16(), &refused["detail"]["code"]), (422, &json!("invalid_request")), "{wrong}");
            assert!(refused["detail"]["message"].as_str().unwrap().starts_with("Times must look like"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn warnings_about_characters_say_how_many_and_where_and_the_rest_is_judged_as_if_they_were_not_there() {
    let data = data();
    let (product, key) = product(data.path()).await;
    let (_, plain) = product.detect(&key, texts::MODEL).await;
    assert_eq!(plain["warnings"], json!([]), "{plain}");
    let peppered = |c: char| texts::MODEL.replacen("pro", &format!("pr{c}o"), 3);
    let treated = [
        (peppered('\u{1}'), json!(["hidden_characters", 3, 6])),
        (peppered('\u{3164}'), json!(["hidden_characters", 3, 6])),
        (peppered('\u{e0101}'), json!(["hidden_characters", 3, 6])),
        (texts::MODEL.replace(' ', "\u{202f}"), json!(["lookalike_spaces", 65, 3])),
        (texts::MODEL.replacen("ence", "\u{435}n\u{441}e", 1), json!(["homoglyphs", 2, 40])),
    ];
    for (content, expected) in treated {
        let (status, scan) = product.detect(&key, &content).await;
        assert_eq!(status, StatusCode::OK, "{scan}");
        let warning = &scan["warnings"][0];
        assert_eq!(json!([warning["code"], warning["count"], warning["first"]]), expected, "{scan}");
        assert_eq!((&scan["confidence"], &scan["details"]), (&plain["confidence"], &plain["details"]), "{expected}");
    }
}
