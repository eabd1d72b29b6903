//! A batch whose process dies, at every point at which it waits for something, and that is sent again with its key: what was
//! started is found and charged once, the rest is done, and every scan's jobs are sent.

use cloud::{Answer, BatchItem, Clients, Filter, Idempotency};
use end_to_end::faults::{Cut, Fuse, fused};
use end_to_end::product::data;
use end_to_end::{Stack, packs, texts};
use fetch::{AddressPolicy, FetchLimits, Fetcher};
use scan::{Account, ErrorCode, Plan, ScanId, Source, Stage, StageJob};
use serde_json::json;
use service::{
    Arrival, BatchBegun, BatchRequest, Detect, DetectSettings, Done, Fingerprint, IdempotencyKey, Once, ServiceError,
};
use std::collections::BTreeSet;
use std::time::Duration;
use time::OffsetDateTime;
use truthlens::embedded::Endpoints;

/// So many texts, and one item that is refused.
fn batch(texts: usize) -> Vec<u8> {
    let item = |n: usize| {
        let content = if n == 3 { "too short".to_owned() } else { format!("{n} {}", texts::HUMAN) };
        json!({"modality": "text", "input_type": "raw_text", "content": content})
    };
    json!({"items": (0..=texts).map(item).collect::<Vec<_>>()}).to_string().into_bytes()
}

/// What an item came to.
type Item = Result<ScanId, ErrorCode>;

/// Sends the batch, as the api function does with a request.
async fn send(stack: &Stack, clients: &Clients, account: &Account, body: &[u8]) -> Result<Vec<Item>, ServiceError> {
    let fetcher = Fetcher::new(AddressPolicy::public_only(), FetchLimits::default());
    let detect = Detect::new(stack.pack.clone(), clients, &stack.names, fetcher, DetectSettings::default());
    let keys = Idempotency::new(clients.dynamodb.clone(), stack.names.idempotency.clone());
    // Nobody waits a minute for a request to count as dead.
    let once = Once::new(keys.with_patience(time::Duration::ZERO));
    let items = |begun: &BatchBegun| -> Vec<Item> {
        begun.items.iter().map(|item| item.as_ref().map(|scan| scan.id).map_err(ServiceError::code)).collect()
    };
    let work = async |claimed: Option<cloud::Claimed>| {
        let arrival = Arrival::now(Source::Batch);
        detect.begin_batch(account, BatchRequest::parse(body)?, arrival, claimed.as_ref()).await
    };
    let answer = |begun: &BatchBegun| {
        let remembered = items(begun).into_iter().map(|item| match item {
            Ok(id) => BatchItem::Scan(id),
            Err(code) => BatchItem::Refused { code, message: String::new() },
        });
        Some(Answer::Batch(remembered.collect()))
    };
    let key = Some(IdempotencyKey::parse("resumed").unwrap());
    match once.run(&account.id, key, Fingerprint::of("/v1/detect/batch", body), work, answer).await? {
        Done::Now(begun) => Ok(items(&begun)),
        Done::Before(Answer::Batch(before)) => Ok(before
            .into_iter()
            .map(|item| match item {
                BatchItem::Scan(id) => Ok(id),
                BatchItem::Refused { code, .. } => Err(code),
            })
            .collect()),
        Done::Before(other) => panic!("{other:?}"),
    }
}

/// Sends the batch through a fuse; whether the process lived to see it done.
async fn survives(stack: &Stack, account: &Account, body: &[u8], requests: usize, cut: Cut) -> bool {
    let fuse = Fuse::new(requests, cut);
    let endpoints = Endpoints {
        dynamodb: fused(stack.endpoints().dynamodb.clone(), fuse.clone()).await,
        sqs: fused(stack.endpoints().sqs.clone(), fuse.clone()).await,
        ..stack.endpoints().clone()
    };
    let clients = endpoints.clients();
    // What was begun is dropped where it stands: nothing of it goes on.
    tokio::select! {
        done = send(stack, &clients, account, body) => done.is_ok(),
        () = fuse.blown() => false,
    }
}

/// The scans whose jobs wait in the queue.
async fn jobs(stack: &Stack, jobs: &mut BTreeSet<ScanId>) {
    loop {
        let receive = stack.clients.sqs.receive_message().queue_url(&stack.names.queues[&Stage::Roberta]);
        let received = receive.max_number_of_messages(10).send().await.unwrap().messages.unwrap_or_default();
        if received.is_empty() {
            return;
        }
        let job = |body: &str| serde_json::from_str::<StageJob>(body).unwrap().scan;
        jobs.extend(received.iter().map(|message| job(message.body.as_deref().unwrap())));
    }
}

/// Kills a batch of so many texts at a request, sends it again, and compares ledger and scans. False: it was done before it
/// came to that request.
async fn is_resumed(stack: &Stack, sent: &mut BTreeSet<ScanId>, texts: usize, requests: usize, cut: Cut) -> bool {
    let (body, now) = (batch(texts), OffsetDateTime::now_utc());
    let account = stack.account(&format!("killed-{texts}-{requests}-{cut:?}"), Plan::Pro).await;
    if survives(stack, &account, &body, requests, cut).await {
        return false;
    }
    let at = format!("{cut:?} request {requests}");
    let before = left_behind(stack, &account, &at).await;

    let items = send(stack, &stack.clients, &account, &body).await.unwrap();
    assert_eq!(items[3], Err(ErrorCode::EmptyContent));
    let scans: BTreeSet<ScanId> = items.iter().flatten().copied().collect();
    assert_eq!((items.len(), scans.len()), (texts + 1, texts), "{at}");
    assert!(before.is_subset(&scans), "what was started is found: {at}");
    assert_eq!(stored(stack, &account).await, scans, "and nothing else is there: {at}");
    assert_eq!(stack.usage().used(&account.id, now).await.unwrap(), texts as u64, "each is charged once: {at}");
    assert!(items.iter().flatten().is_sorted(), "history lists them in their order: {at}");
    jobs(stack, sent).await;
    assert!(scans.is_subset(sent), "a scan was never sent off: {at}");

    assert_eq!(send(stack, &stack.clients, &account, &body).await.unwrap(), items, "done is done: {at}");
    true
}

/// The scans of a process that died: as many as were charged, once what it had sent is carried out.
async fn left_behind(stack: &Stack, account: &Account, at: &str) -> BTreeSet<ScanId> {
    for _ in 0..100 {
        let scans = stored(stack, account).await;
        let used = stack.usage().used(&account.id, OffsetDateTime::now_utc()).await.unwrap();
        if used == scans.len() as u64 && scans == stored(stack, account).await {
            return scans;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("what is charged is not what there is: {at}");
}

async fn stored(stack: &Stack, account: &Account) -> BTreeSet<ScanId> {
    let found = stack.scans().list(&account.id, &Filter::default(), 200, 0).await.unwrap();
    found.scans.into_iter().map(|scan| scan.id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_killed_at_any_point_and_sent_again_is_done_once_and_charged_once() {
    let folder = data();
    let stack = Stack::start(&packs::waiting(folder.path()), Duration::from_secs(600)).await;
    let mut sent = BTreeSet::new();
    for cut in [Cut::Before, Cut::After] {
        let mut requests = 0;
        while is_resumed(&stack, &mut sent, 12, requests, cut).await {
            requests += 1;
        }
        println!("{cut:?}: killed at each of {requests} requests");
        assert!(requests > 3 * 12, "{requests}: a claim, the quota, and for each scan a deadline, a charge and a job");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn so_is_a_batch_of_a_hundred_items() {
    let folder = data();
    let stack = Stack::start(&packs::waiting(folder.path()), Duration::from_secs(600)).await;
    let mut sent = BTreeSet::new();
    // Of a claim, the quota, and for each scan a deadline, a charge and a job, every seventeenth.
    for (requests, cut) in (2..299).step_by(17).zip([Cut::Before, Cut::After].into_iter().cycle()) {
        assert!(is_resumed(&stack, &mut sent, 99, requests, cut).await, "{requests} requests were enough");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_that_was_erased_meanwhile_stays_erased_and_what_a_key_began_is_no_other_requests() {
    let folder = data();
    let stack = Stack::start(&packs::waiting(folder.path()), Duration::from_secs(600)).await;
    let (account, now) = (stack.account("eraser", Plan::Pro).await, OffsetDateTime::now_utc());
    let body = batch(12);
    assert!(!survives(&stack, &account, &body, 25, Cut::After).await);
    let erased = *left_behind(&stack, &account, "erased").await.first().unwrap();
    assert!(stack.scans().delete(&account.id, erased, now).await.unwrap());

    let items = send(&stack, &stack.clients, &account, &body).await.unwrap();
    assert_eq!(items.iter().filter(|item| **item == Err(ErrorCode::NotFound)).count(), 1);
    assert_eq!(stack.usage().used(&account.id, now).await.unwrap(), 12, "it is not charged again");

    let other = stack.account("changed-its-mind", Plan::Pro).await;
    assert!(!survives(&stack, &other, &body, 25, Cut::After).await);
    let begun = left_behind(&stack, &other, "changed").await;
    let items = send(&stack, &stack.clients, &other, &batch(5)).await.unwrap();
    let scans: BTreeSet<ScanId> = items.into_iter().flatten().collect();
    assert!(scans.len() == 5 && scans.is_disjoint(&begun));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_batch_needs_room_only_for_what_is_left_of_it() {
    let folder = data();
    let stack = Stack::start(&packs::waiting(folder.path()), Duration::from_secs(600)).await;
    let (account, now) = (stack.account("full", Plan::Free).await, OffsetDateTime::now_utc());
    let body = batch(49);
    assert!(!survives(&stack, &account, &body, 100, Cut::After).await);
    assert!(!stored(&stack, &account).await.is_empty());
    send(&stack, &stack.clients, &account, &body).await.unwrap();
    assert_eq!(stack.usage().used(&account.id, now).await.unwrap(), 49);

    // Refused as a whole for want of room, a batch is as it was: nothing that was started is lost or paid twice.
    let other = stack.account("too-full", Plan::Free).await;
    assert!(!survives(&stack, &other, &body, 30, Cut::After).await);
    let begun = left_behind(&stack, &other, "too full").await;
    let elsewhere = BatchRequest::parse(&batch(30)).unwrap();
    stack.detect().begin_batch(&other, elsewhere, Arrival::now(Source::Batch), None).await.unwrap();
    for _ in 0..2 {
        let refused = send(&stack, &stack.clients, &other, &body).await;
        assert!(matches!(refused, Err(ServiceError::QuotaExceeded(_))), "{refused:?}");
    }
    assert!(begun.is_subset(&stored(&stack, &other).await));
    assert_eq!(stack.usage().used(&other.id, now).await.unwrap(), begun.len() as u64 + 30);
}
