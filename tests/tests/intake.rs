//! Content that comes by itself: files in the uploads bucket, messages of the moderation queue.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Tag, Tagging};
use cloud::{Clients, Filter, Inbox};
use end_to_end::product::{answer, data, events};
use end_to_end::{Product, Stack, event, packs, pictures, texts};
use image::ImageFormat;
use scan::{AccountId, ErrorCode, Plan, Scan, Source, State, Text};
use serde_json::{Value, json};
use service::{Arrival, DetectRequest};
use std::collections::BTreeMap;
use std::time::Duration;
use time::OffsetDateTime;
use truthlens::data::DataDir;

const BUCKET: &str = "truthlens-uploads";

async fn put(clients: &Clients, key: &str, content: Vec<u8>) {
    let put = clients.s3.put_object().bucket(BUCKET).key(key);
    put.body(ByteStream::from(content)).send().await.unwrap();
}

async fn scans(stack: &Stack, account: &AccountId) -> Vec<Scan> {
    stack.scans().list(account, &Filter::default(), 100, 0).await.unwrap().scans
}

fn reason(scan: &Scan) -> Option<ErrorCode> {
    match &scan.state {
        State::Failed { reason, .. } => *reason,
        _ => None,
    }
}

/// The sample message about this key.
fn uploaded(key: &str) -> Value {
    let mut message = event("intake-uploads.json");
    let body = message["Records"][0]["body"].as_str().unwrap().replace("uploads/acme/an+essay%281%29.txt", key);
    message["Records"][0]["body"] = json!(body);
    message
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_makes_one_scan_however_often_it_is_told_of() {
    let folder = data();
    let stack = Stack::start(&packs::inline(folder.path()), Duration::from_secs(60)).await;
    let account = stack.account("acme", Plan::Free).await;
    put(&stack.clients, "uploads/acme/an essay(1).txt", texts::MODEL.into()).await;
    let intake = stack.function("intake").await;
    for _ in 0..3 {
        assert_eq!(intake.invoke(event("intake-uploads.json")).await, json!({"batchItemFailures": []}));
    }
    let found = scans(&stack, &account.id).await;
    assert_eq!(found.len(), 1);
    assert!(matches!(found[0].state, State::Completed(_)));
    let source = Source::S3 { bucket: BUCKET.into(), key: "uploads/acme/an essay(1).txt".into(), version: None };
    assert_eq!(found[0].source, source);
    assert_eq!(stack.usage().used(&account.id, OffsetDateTime::now_utc()).await.unwrap(), 1, "charged once");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_objects_are_failed_scans_that_cost_nothing_and_nobodys_are_dropped() {
    let folder = data();
    let stack = Stack::start(&packs::inline(folder.path()), Duration::from_secs(60)).await;
    let account = stack.account("acme", Plan::Free).await;
    let intake = stack.function("intake").await;
    put(&stack.clients, "uploads/acme/report.pdf", b"%PDF-1.7 \xff\xfe".to_vec()).await;
    put(&stack.clients, "uploads/acme/cut.png", pictures::file(64, 64, ImageFormat::Png)[..60].to_vec()).await;
    put(&stack.clients, "uploads/acme/short.txt", b"two words".to_vec()).await;
    put(&stack.clients, "uploads/acme/large.txt", "x ".repeat(11 << 20).into()).await;
    let keys =
        ["report.pdf", "cut.png", "short.txt", "large.txt", "gone.txt"].map(|name| format!("uploads/acme/{name}"));
    let nobodys = ["uploads/nobody/a.txt", "elsewhere/acme/a.txt", "uploads/acme/folder/", "uploads/acme%zz/a"];
    for key in keys.iter().map(String::as_str).chain(nobodys) {
        assert_eq!(intake.invoke(uploaded(key)).await, json!({"batchItemFailures": []}), "{key}");
    }
    let reasons: Vec<_> = scans(&stack, &account.id).await.iter().rev().map(reason).collect();
    use ErrorCode::{ContentTooLarge, EmptyContent, NotFound, UnsupportedContent, UnsupportedImage};
    let expected = [UnsupportedContent, UnsupportedImage, EmptyContent, ContentTooLarge, NotFound].map(Some);
    assert_eq!(reasons, expected);
    assert_eq!(stack.usage().used(&account.id, OffsetDateTime::now_utc()).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_the_quota_is_a_failed_scan_too_and_the_quota_stays_exact() {
    let folder = data();
    let stack = Stack::start(&packs::inline(folder.path()), Duration::from_secs(60)).await;
    let account = stack.account("acme", Plan::Free).await;
    let now = OffsetDateTime::now_utc();
    let detect = stack.detect();
    let text = || DetectRequest::Text(Text::parse(texts::HUMAN.to_owned()).unwrap());
    for _ in 0..49 {
        detect.begin(&account, text(), Arrival::now(Source::Api), None).await.unwrap();
    }
    let intake = stack.function("intake").await;
    let mut batch = event("intake-moderation.json");
    let sample = batch["Records"][0].clone();
    let records = (0..3).map(|n| {
        let mut record = sample.clone();
        record["messageId"] = json!(n.to_string());
        let body = record["body"].as_str().unwrap().replace("post-4711", &format!("post-{n}"));
        record["body"] = json!(body);
        record
    });
    batch["Records"] = records.collect();
    assert_eq!(intake.invoke(batch).await, json!({"batchItemFailures": []}));
    let found = scans(&stack, &account.id).await;
    let refused = found.iter().filter(|scan| reason(scan) == Some(ErrorCode::QuotaExceeded)).count();
    assert_eq!((found.len(), refused), (49 + 3, 2));
    assert_eq!(stack.usage().used(&account.id, now).await.unwrap(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moderation_request_sent_twice_is_scanned_once_and_reads_only_its_own_files() {
    let folder = data();
    let stack = Stack::start(&packs::inline(folder.path()), Duration::from_secs(60)).await;
    let account = stack.account("acme", Plan::Pro).await;
    put(&stack.clients, "uploads/other/secret.txt", texts::HUMAN.into()).await;
    let intake = stack.function("intake").await;
    let mut again = event("intake-moderation.json");
    again["Records"][0]["messageId"] = json!("another");
    let mut foreign = event("intake-moderation.json");
    let uri = format!("s3://{BUCKET}/uploads/other/secret.txt");
    let body = json!({"account_id": "acme", "modality": "text", "s3_uri": uri});
    foreign["Records"][0]["body"] = json!(body.to_string());
    for message in [event("intake-moderation.json"), again, foreign] {
        assert_eq!(intake.invoke(message).await, json!({"batchItemFailures": []}));
    }
    let found = scans(&stack, &account.id).await;
    assert_eq!(found.len(), 2);
    assert_eq!(reason(&found[0]), Some(ErrorCode::InvalidRequest));
    assert_eq!(found[1].source, Source::Queue { client_reference: Some("post-4711".into()) });
    assert!(matches!(found[1].state, State::Completed(_)), "{:?}", found[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_leads_into_another_accounts_folder() {
    let folder = data();
    let stack = Stack::start(&packs::inline(folder.path()), Duration::from_secs(60)).await;
    let account = stack.account("acme", Plan::Pro).await;
    let secret = pictures::png_with_text(200, 150, &[("parameters", pictures::PARAMETERS)]);
    put(&stack.clients, "uploads/other/secret.png", secret).await;
    let intake = stack.function("intake").await;
    let crooked = [
        "acme/../other/secret.png",
        "acme/./../other/secret.png",
        "acme//../other/secret.png",
        "acme/x/../../other/secret.png",
        "acme/../../uploads/other/secret.png",
    ];
    for path in crooked {
        let mut message = event("intake-moderation.json");
        let uri = format!("s3://{BUCKET}/uploads/{path}");
        let body = json!({"account_id": "acme", "modality": "image", "client_reference": path, "s3_uri": uri});
        message["Records"][0]["body"] = json!(body.to_string());
        for message in
            [message, uploaded(&format!("uploads/{path}")), uploaded(&format!("uploads/{}", path.replace('.', "%2E")))]
        {
            assert_eq!(intake.invoke(message).await, json!({"batchItemFailures": []}), "{path}");
        }
    }
    // An escape that is part of the key leads nowhere either.
    assert_eq!(
        intake.invoke(uploaded("uploads/acme/%252e%252e/other/secret.png")).await,
        json!({"batchItemFailures": []})
    );
    let found = scans(&stack, &account.id).await;
    let reasons: Vec<_> = found.iter().rev().map(reason).collect();
    let expected: Vec<_> =
        crooked.iter().map(|_| Some(ErrorCode::InvalidRequest)).chain([Some(ErrorCode::NotFound)]).collect();
    assert_eq!(reasons, expected, "refused where an account is named, dropped where none is");
    assert_eq!(stack.usage().used(&account.id, OffsetDateTime::now_utc()).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_cannot_be_read_are_failed_scans_of_the_account_that_they_name() {
    let folder = data();
    let stack = Stack::start(&packs::inline(folder.path()), Duration::from_secs(60)).await;
    let account = stack.account("acme", Plan::Pro).await;
    let bodies = [
        r#"{"account_id":"acme","modality":"text","client_reference":"half","content":"one two three four five \ud83d"}"#,
        r#"{"account_id":"acme","modality":"text","client_reference":"num","content":5}"#,
        r#"{"account_id":"acme","modality":"image","client_reference":"urlnum","url":["x"]}"#,
        r#"{"account_id":"acme","modality":"text","client_reference":"cut","content":"one two thr"#,
        r#"{"account_id":"acme","modality":"text","client_reference":"good","content":"one two three four five"}"#,
    ];
    let mut batch = event("intake-moderation.json");
    let sample = batch["Records"][0].clone();
    let records = bodies.iter().enumerate().map(|(n, body)| {
        let mut record = sample.clone();
        (record["messageId"], record["body"]) = (json!(n.to_string()), json!(body));
        record
    });
    batch["Records"] = records.collect();
    assert_eq!(stack.function("intake").await.invoke(batch).await, json!({"batchItemFailures": []}));
    let found: BTreeMap<_, _> =
        scans(&stack, &account.id).await.into_iter().map(|scan| (reference(&scan), reason(&scan))).collect();
    let refused = Some(ErrorCode::InvalidRequest);
    let expected = [("half", refused), ("num", refused), ("urlnum", refused), ("cut", refused), ("good", None)];
    assert_eq!(found, expected.map(|(name, reason)| (name.to_owned(), reason)).into());
}

fn reference(scan: &Scan) -> String {
    match &scan.source {
        Source::Queue { client_reference } => client_reference.clone().unwrap_or_default(),
        _ => String::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_dropped_into_the_local_bucket_is_scanned_and_tagged() {
    let data = data();
    let product = Product::start(data.path(), &packs::inline(data.path()), &[]).await;
    let clients = DataDir::new(data.path()).published().unwrap().services.clients();
    put(&clients, "uploads/demo/summer/a picture.png", pictures::file(300, 200, ImageFormat::Png)).await;
    put(&clients, "uploads/demo/notes.bin", vec![0xff; 100]).await;
    let told = events(data.path(), 2).await;
    let of = |key: &str| told.iter().map(|e| &e["detail"]).find(|e| e["data"]["source"]["key"] == key).unwrap();
    let picture = of("uploads/demo/summer/a picture.png");
    assert_eq!((&picture["type"], &picture["data"]["modality"]), (&json!("scan.completed"), &json!("image")));
    let refused = of("uploads/demo/notes.bin");
    assert_eq!(
        (&refused["type"], &refused["data"]["failure_reason"]),
        (&json!("scan.failed"), &json!("unsupported_content"))
    );

    let tags = async || {
        let get = clients.s3.get_object_tagging().bucket(BUCKET).key("uploads/demo/summer/a picture.png");
        let tags = get.send().await.unwrap().tag_set;
        tags.into_iter().map(|tag| (tag.key, tag.value)).collect::<BTreeMap<_, _>>()
    };
    let mut found = tags().await;
    for _ in 0..50 {
        if !found.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        found = tags().await;
    }
    assert_eq!(found["truthlens:scan-id"], picture["subject"].as_str().unwrap());
    assert_eq!(found["truthlens:verdict"], picture["data"]["verdict"].as_str().unwrap());
    let confidence: f64 = found["truthlens:confidence"].parse().unwrap();
    assert_eq!(json!(confidence), picture["data"]["confidence"]);
    let key = product.demo_key.clone().unwrap();
    let (_, scan) = answer(product.get(&key, &format!("/v1/scans/{}", refused["subject"].as_str().unwrap()))).await;
    assert_eq!((&scan["status"], &scan["failure_reason"]), (&json!("failed"), &json!("unsupported_content")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_keeps_the_tags_of_its_owner_and_one_that_has_no_room_for_ours_is_left_as_it_is() {
    let folder = data();
    let stack = Stack::start(&packs::inline(folder.path()), Duration::from_secs(60)).await;
    let inbox = Inbox::new(stack.clients.s3.clone(), BUCKET.to_owned());
    let ours =
        |verdict: &str| BTreeMap::from([("truthlens:scan-id", "1".into()), ("truthlens:verdict", verdict.into())]);
    let tags = async |key: &str| {
        let found = stack.clients.s3.get_object_tagging().bucket(BUCKET).key(key).send().await.unwrap().tag_set;
        found.into_iter().map(|tag| (tag.key, tag.value)).collect::<BTreeMap<_, _>>()
    };
    for (key, count) in [("uploads/acme/few.txt", 2), ("uploads/acme/many.txt", 9)] {
        put(&stack.clients, key, texts::HUMAN.into()).await;
        let own = (0..count).map(|n| Tag::builder().key(format!("team-{n}")).value("acme").build().unwrap());
        let own = Tagging::builder().set_tag_set(Some(own.collect())).build().unwrap();
        stack.clients.s3.put_object_tagging().bucket(BUCKET).key(key).tagging(own).send().await.unwrap();
        for verdict in ["mixed", "human"] {
            inbox.tag(key, None, &ours(verdict)).await.unwrap();
        }
    }
    let few = tags("uploads/acme/few.txt").await;
    assert_eq!((few.len(), &*few["team-1"], &*few["truthlens:verdict"]), (4, "acme", "human"));
    let many = tags("uploads/acme/many.txt").await;
    assert!(many.len() == 9 && many.keys().all(|name| name.starts_with("team-")), "{many:?}");
    inbox.tag("uploads/acme/gone.txt", None, &ours("human")).await.expect("an object that is gone needs none");
}
