//! Images through the whole product: what is told of them, where they may come from, what is refused.

use axum::Router;
use axum::http::StatusCode as Status;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use end_to_end::product::{answer, create_key, data};
use end_to_end::{Product, packs, pictures};
use image::ImageFormat;
use reqwest::{Client, StatusCode};
use scan::image::MAX_BYTES;
use serde_json::{Value, json};

fn upload(file: &[u8]) -> Value {
    json!({"modality": "image", "input_type": "upload", "content": STANDARD.encode(file)})
}

async fn scan(product: &Product, key: &str, file: &[u8]) -> (StatusCode, Value) {
    answer(product.post(key, &upload(file))).await
}

/// Status and documented code of a refusal.
async fn refusal(product: &Product, key: &str, body: &Value) -> (u16, String) {
    let (status, body) = answer(product.post(key, body)).await;
    assert!(body["detail"]["message"].as_str().is_some_and(|message| message.len() > 20), "{body}");
    (status.as_u16(), body["detail"]["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_image_is_called_ai_generated_with_every_documented_member() {
    let data = data();
    let product = Product::start(data.path(), &packs::compact(), &[]).await;
    let key = product.demo_key.clone().unwrap();
    let file = pictures::png_with_text(640, 480, &[("parameters", pictures::PARAMETERS)]);
    let (status, found) = scan(&product, &key, &file).await;
    assert_eq!(status, StatusCode::OK, "{found}");
    assert_eq!(
        (&found["modality"], &found["status"], &found["verdict"]),
        (&json!("image"), &json!("completed"), &json!("ai_generated"))
    );
    assert_eq!(found["attribution"], "AUTOMATIC1111");
    assert!(found["explanation"].as_str().unwrap().starts_with("Image shows strong indicators of AI generation ("));
    assert!(found["explanation"].as_str().unwrap().contains("AUTOMATIC1111"));
    let details = &found["details"];
    assert_eq!(details["metadata_score"], 1.0);
    assert_eq!(details["stages"], json!({"metadata": true, "frequency": true, "classifier": true}));
    for score in ["fft_score", "classifier_score"] {
        assert!((0.0..=1.0).contains(&details[score].as_f64().unwrap()), "{score}");
    }
    let features = &details["features"];
    assert_eq!(
        (&features["width"], &features["height"], &features["format"]),
        (&json!(640), &json!(480), &json!("PNG"))
    );
    assert_eq!(features["file_size_bytes"], file.len());
    assert_eq!((&features["has_exif"], &features["c2pa_verdict"]), (&json!(false), &Value::Null));
    assert_eq!(features["ai_tool_signature"], "AUTOMATIC1111");
    let signature = json!([{
        "kind": "signature",
        "standard": "none; AUTOMATIC1111's own record",
        "statement": "Its metadata carries the signature of AUTOMATIC1111.",
        "origin": "ai_generated",
        "strength": "proof",
        "found_in": "PNG text parameters",
        "forgeable": true,
        "generator": "AUTOMATIC1111",
        "version": "v1.9.3",
        "model": "v1-5-pruned-emaonly",
    }]);
    assert_eq!(details["evidence"], signature);
    assert!(!found.to_string().contains("lighthouse"), "what was asked for is nobody's business");
    for measure in ["fft_smoothness", "fft_periodicity"] {
        assert!((0.0..=1.0).contains(&features[measure].as_f64().unwrap()), "{measure}");
    }
    let (_, stored) = answer(product.get(&key, &format!("/v1/scans/{}", found["id"].as_str().unwrap()))).await;
    assert_eq!(stored["result_json"], found["details"]);

    let (_, photo) = scan(&product, &key, &pictures::photo(640, 480, 6)).await;
    assert_eq!(photo["attribution"], Value::Null);
    assert!(photo["confidence"].as_f64() < found["confidence"].as_f64(), "{photo}");
    let features = &photo["details"]["features"];
    assert_eq!((&features["width"], &features["height"]), (&json!(480), &json!(640)), "as displayed");
    assert_eq!((&features["has_exif"], &features["camera"]), (&json!(true), &json!("Canon EOS 40D")));

    // Too long for one view, and its views too big for a message: parked, and judged all the same.
    let (_, wide) = scan(&product, &key, &pictures::file(1500, 500, ImageFormat::Jpeg)).await;
    assert_eq!(wide["details"]["stages"]["classifier"], true, "{wide}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_is_told_by_its_content() {
    let data = data();
    let product = Product::start(data.path(), &packs::inline(data.path()), &[]).await;
    let key = product.demo_key.clone().unwrap();
    for (format, name) in [
        (ImageFormat::Jpeg, "JPEG"),
        (ImageFormat::Png, "PNG"),
        (ImageFormat::WebP, "WEBP"),
        (ImageFormat::Gif, "GIF"),
        (ImageFormat::Bmp, "BMP"),
    ] {
        let (status, found) = scan(&product, &key, &pictures::file(200, 150, format)).await;
        assert_eq!((status, &found["details"]["features"]["format"]), (StatusCode::OK, &json!(name)), "{found}");
        assert_ne!(found["verdict"], "ai_generated", "without a classifier nothing but a proof accuses");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_says_why_and_is_not_charged() {
    let data = data();
    let arguments = ["--max-image-pixels", "250000"];
    let product = Product::start(data.path(), &packs::inline(data.path()), &arguments).await;
    let key = create_key(data.path(), "careful", "free").await;
    let unprocessable = |code: &str| (422, code.to_owned());
    let mut largest = pictures::file(400, 300, ImageFormat::Jpeg);
    largest.resize(MAX_BYTES, 0);
    let (status, found) = scan(&product, &key, &largest).await;
    assert_eq!(
        (status, &found["details"]["features"]["file_size_bytes"]),
        (StatusCode::OK, &json!(MAX_BYTES)),
        "{found}"
    );
    largest.push(0);
    assert_eq!(refusal(&product, &key, &upload(&largest)).await, unprocessable("image_too_large"));
    let huge = json!({"modality": "image", "input_type": "upload", "content": "A".repeat(40_000_000)});
    assert_eq!(refusal(&product, &key, &huge).await, unprocessable("image_too_large"));

    let wrong = |content: &str| json!({"modality": "image", "input_type": "upload", "content": content});
    assert_eq!(refusal(&product, &key, &wrong("data:image/png;base64,AAAA")).await, unprocessable("invalid_base64"));
    assert_eq!(refusal(&product, &key, &wrong("")).await, unprocessable("empty_content"));
    assert_eq!(refusal(&product, &key, &upload(b"%PDF-1.7 and so on")).await, unprocessable("unsupported_image"));
    let truncated = &pictures::file(300, 300, ImageFormat::Png)[..60];
    assert_eq!(refusal(&product, &key, &upload(truncated)).await, unprocessable("unsupported_image"));
    let many = pictures::file(600, 500, ImageFormat::Png);
    assert_eq!(refusal(&product, &key, &upload(&many)).await, unprocessable("image_too_large"));
    let video = json!({"modality": "video", "input_type": "upload", "content": "AAAA"});
    assert_eq!(refusal(&product, &key, &video).await, unprocessable("modality_not_supported"));

    let small = product.post(&key, &upload(&pictures::file(200, 150, ImageFormat::Png))).send().await.unwrap();
    assert_eq!(small.headers()["x-quota-used"], "2", "of all these requests two were scans");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_older_endpoint_takes_a_form_and_says_what_it_wants() {
    let data = data();
    let product = Product::start(data.path(), &packs::inline(data.path()), &[]).await;
    let key = product.demo_key.clone().unwrap();
    let request = || Client::new().post(format!("{}/api/detect", product.url)).bearer_auth(&key);
    let form = |field: &str, file: Vec<u8>| {
        let head = format!("--x\r\ncontent-disposition: form-data; name=\"{field}\"; filename=\"a.exe\"\r\n\r\n");
        let body = [head.as_bytes(), &file, b"\r\n--x--\r\n"].concat();
        request().header("content-type", "multipart/form-data; boundary=x").body(body)
    };
    let signed = pictures::png_with_text(200, 150, &[("parameters", pictures::PARAMETERS)]);
    let (status, found) = answer(form("image", signed)).await;
    assert_eq!((status, &found["is_ai_generated"], &found["confidence"]), (StatusCode::OK, &json!(true), &json!(0.95)));
    let (_, photo) = answer(form("image", pictures::photo(200, 150, 1))).await;
    assert_eq!(photo["is_ai_generated"], false, "{photo}");
    for (request, code) in [
        (form("picture", vec![1, 2, 3]), "invalid_request"),
        (form("image", vec![]), "empty_content"),
        (form("image", b"#!/bin/sh".to_vec()), "unsupported_image"),
        (form("image", vec![0; MAX_BYTES + 1]), "image_too_large"),
        (request().json(&json!({"image": "x"})), "invalid_request"),
        (request().header("content-type", "multipart/form-data; boundary=x").body("--y"), "invalid_request"),
    ] {
        let (status, refused) = answer(request).await;
        assert_eq!((status.as_u16(), &refused["detail"]["code"]), (422, &json!(code)), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_without_images_says_that_it_has_none() {
    let data = data();
    let product = Product::start(data.path(), &packs::heuristics(data.path()), &[]).await;
    let key = product.demo_key.clone().unwrap();
    let body = upload(&pictures::file(200, 150, ImageFormat::Png));
    assert_eq!(refusal(&product, &key, &body).await, (422, "modality_not_supported".to_owned()));
}

/// A server of files on this machine; its address.
async fn files() -> String {
    let photo = pictures::photo(320, 240, 1);
    let app = Router::new()
        .route("/photo.jpg", get(async move || photo))
        .route("/huge.jpg", get(async || vec![0u8; MAX_BYTES + 1]))
        .route("/page.html", get(async || "<html>not an image</html>"))
        .route("/gone.jpg", get(async || Status::NOT_FOUND))
        .route("/inwards", get(async || (Status::FOUND, [("location", "http://169.254.169.254/latest/meta-data/")])));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_is_fetched_unless_it_leads_inwards() {
    let (data, address) = (data(), files().await);
    let product = Product::start(data.path(), &packs::inline(data.path()), &["--fetch-allow", &address]).await;
    let key = product.demo_key.clone().unwrap();
    let by_url = |url: &str| json!({"modality": "image", "input_type": "url", "url": url});
    let (status, found) = answer(product.post(&key, &by_url(&format!("http://{address}/photo.jpg")))).await;
    assert_eq!((status, &found["details"]["features"]["width"]), (StatusCode::OK, &json!(320)), "{found}");
    let port = address.rsplit(':').next().unwrap();
    for (url, code) in [
        (format!("http://{address}/gone.jpg"), "fetch_failed"),
        (format!("http://{address}/huge.jpg"), "image_too_large"),
        (format!("http://{address}/page.html"), "unsupported_image"),
        (format!("http://{address}/inwards"), "url_not_allowed"),
        (format!("http://localhost:{}/photo.jpg", product.url.rsplit(':').next().unwrap()), "url_not_allowed"),
        (format!("http://user:secret@{address}/photo.jpg"), "url_not_allowed"),
        ("http://2130706433/".to_owned(), "url_not_allowed"),
        ("http://0177.0.0.1/".to_owned(), "url_not_allowed"),
        ("http://[::ffff:127.0.0.1]/".to_owned(), "url_not_allowed"),
        ("http://10.0.0.1/photo.jpg".to_owned(), "url_not_allowed"),
        (format!("ftp://127.0.0.1:{port}/photo.jpg"), "url_not_allowed"),
        ("file:///etc/passwd".to_owned(), "url_not_allowed"),
        ("not a url".to_owned(), "url_not_allowed"),
    ] {
        assert_eq!(refusal(&product, &key, &by_url(&url)).await, (422, code.to_owned()), "{url}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_big_file_is_uploaded_first_and_belongs_to_its_account() {
    let data = data();
    let product = Product::start(data.path(), &packs::inline(data.path()), &[]).await;
    let mine = product.demo_key.clone().unwrap();
    let theirs = create_key(data.path(), "somebody-else", "pro").await;
    let file = pictures::photo(320, 240, 1);
    let wanted = json!({"content_type": "image/jpeg", "content_length": file.len()});
    let request = || Client::new().post(format!("{}/v1/uploads", product.url)).bearer_auth(&mine);
    let (status, permission) = answer(request().json(&wanted)).await;
    assert_eq!(status, StatusCode::CREATED, "{permission}");
    let put = |body: Vec<u8>| {
        let mut put = Client::new().put(permission["url"].as_str().unwrap()).body(body);
        for (name, value) in permission["headers"].as_object().unwrap() {
            if name != "content-length" {
                put = put.header(name, value.as_str().unwrap());
            }
        }
        put.send()
    };
    let by_id = json!({"modality": "image", "input_type": "upload", "upload_id": permission["upload_id"]});
    assert_eq!(refusal(&product, &mine, &by_id).await, (404, "not_found".to_owned()), "nothing is there yet");
    assert!(put([&file[..], &[0]].concat()).await.unwrap().status().is_client_error(), "one byte more than permitted");
    assert!(put(file.clone()).await.unwrap().status().is_success());
    let (status, found) = answer(product.post(&mine, &by_id)).await;
    assert_eq!((status, &found["details"]["features"]["camera"]), (StatusCode::OK, &json!("Canon EOS 40D")), "{found}");
    assert_eq!(refusal(&product, &theirs, &by_id).await, (404, "not_found".to_owned()));

    let too_large = json!({"content_type": "image/jpeg", "content_length": MAX_BYTES + 1});
    let (status, refused) = answer(request().json(&too_large)).await;
    assert_eq!((status.as_u16(), &refused["detail"]["code"]), (422, &json!("image_too_large")));
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_files_are_answered_and_the_server_lives_on() {
    let data = data();
    let product = Product::start(data.path(), &packs::inline(data.path()), &[]).await;
    let key = product.demo_key.clone().unwrap();
    // A PNG that is a few bytes here and nine gigapixels there.
    let mut bomb = pictures::file(64, 64, ImageFormat::Png);
    bomb[16..24].copy_from_slice(&[0, 1, 0x86, 0xa0, 0, 1, 0x5f, 0x90]);
    let crc = crc32(&bomb[12..29]);
    bomb[29..33].copy_from_slice(&crc.to_be_bytes());
    assert_eq!(refusal(&product, &key, &upload(&bomb)).await, (422, "image_too_large".to_owned()));
    let whole = pictures::photo(96, 96, 1);
    for end in (1..whole.len()).step_by(whole.len() / 12) {
        let (status, _) = scan(&product, &key, &whole[..end]).await;
        assert!(status == StatusCode::OK || status == StatusCode::UNPROCESSABLE_ENTITY, "cut at {end}: {status}");
    }
    let (status, _) = scan(&product, &key, &whole).await;
    assert_eq!(status, StatusCode::OK);
}

/// CRC-32 as PNG has it (W3C PNG, annex D).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |c, _| if c & 1 == 1 { 0xedb8_8320 ^ (c >> 1) } else { c >> 1 })
    })
}
