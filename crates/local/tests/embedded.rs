//! What the laptop's AWS promises, said through the real AWS SDK.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the helpers of tests are tests")]

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName};
use cloud::Names;
use scan::Stage;
use std::fs::File;
use std::future::Future;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;
use tokio::task::JoinSet;
use truthlens::embedded::{
    Clients, DynamoDb, Embedded, EmbeddedError, Provisioned, Queue, names, provision, provision_tables,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The services on a folder of their own, with everything provisioned.
struct Setting {
    folder: TempDir,
    embedded: Embedded,
    clients: Clients,
    names: Names,
    queue: Queue,
}

async fn provisioned(clients: &Clients) -> Provisioned {
    provision(clients, &[Stage::Roberta], Duration::from_secs(1)).await.unwrap()
}

impl Setting {
    async fn set() -> Self {
        let folder = TempDir::new().unwrap();
        let embedded = Embedded::start(folder.path()).await.unwrap();
        let clients = embedded.clients();
        let Provisioned { names, queues, .. } = provisioned(&clients).await;
        Self { folder, embedded, clients, names, queue: queues[&Stage::Roberta].clone() }
    }

    async fn restart(mut self) -> Self {
        self.embedded.stop().await;
        self.embedded = Embedded::start(self.folder.path()).await.unwrap();
        self.clients = self.embedded.clients();
        self.queue = provisioned(&self.clients).await.queues[&Stage::Roberta].clone();
        self
    }

    /// The attribute `n` of the item `pk` in the table of usage.
    async fn usage(&self, pk: &str) -> Option<u32> {
        let read = self.clients.dynamodb.get_item().table_name(&self.names.usage);
        let item = read.key("pk", text(pk)).key("sk", text("month")).send().await.unwrap().item?;
        Some(item["n"].as_n().unwrap().parse().unwrap())
    }

    async fn send(&self, body: &str) {
        self.clients.sqs.send_message().queue_url(&self.queue.url).message_body(body).send().await.unwrap();
    }

    /// Up to ten messages, waiting at most three seconds for the first.
    async fn receive(&self, url: &str) -> Vec<Message> {
        let receive = self.clients.sqs.receive_message().queue_url(url).max_number_of_messages(10).wait_time_seconds(3);
        let counted = receive.message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount);
        counted.send().await.unwrap().messages.unwrap_or_default()
    }

    async fn park(&self, key: &str, content: Vec<u8>) {
        let put = self.clients.s3.put_object().bucket(&self.names.parking).key(key);
        put.body(ByteStream::from(content)).send().await.unwrap();
    }

    /// The object's content, or nothing if S3 says `NoSuchKey`.
    async fn parked(&self, key: &str) -> Option<Vec<u8>> {
        match self.clients.s3.get_object().bucket(&self.names.parking).key(key).send().await {
            Ok(object) => Some(object.body.collect().await.unwrap().to_vec()),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_no_such_key()) => None,
            Err(error) => panic!("{error:?}"),
        }
    }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Asks until the answer is yes, for at most three seconds.
async fn eventually<F: Future<Output = bool>>(holds: impl Fn() -> F) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < Duration::from_secs(3), "it never came true");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn tables_and_objects_survive_a_restart() {
    let stage = Setting::set().await;
    let put = stage.clients.dynamodb.put_item().table_name(&stage.names.usage);
    put.item("pk", text("a")).item("sk", text("month")).item("n", number(7)).send().await.unwrap();
    stage.park("scan/1", b"content".to_vec()).await;

    let stage = stage.restart().await;

    assert_eq!(stage.usage("a").await, Some(7));
    assert_eq!(stage.parked("scan/1").await.as_deref(), Some(&b"content"[..]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_concurrent_reservations_against_a_limit_of_50_exactly_50_succeed() {
    let stage = Setting::set().await;
    let mut reservations = JoinSet::new();
    for _ in 0..64 {
        let reserve = stage.clients.dynamodb.update_item().table_name(&stage.names.usage);
        let reserve = reserve
            .key("pk", text("a"))
            .key("sk", text("month"))
            .update_expression("ADD n :one")
            .condition_expression("attribute_not_exists(n) OR n < :limit")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":limit", number(50));
        reservations.spawn(async move {
            match reserve.send().await {
                Ok(_) => true,
                Err(error) => {
                    assert!(error.as_service_error().unwrap().is_conditional_check_failed_exception(), "{error:?}");
                    false
                }
            }
        });
    }

    let succeeded = reservations.join_all().await.into_iter().filter(|succeeded| *succeeded).count();

    assert_eq!(succeeded, 50);
    assert_eq!(stage.usage("a").await, Some(50));
}

#[tokio::test]
async fn a_transaction_with_a_failing_condition_changes_nothing_and_says_which() {
    let stage = Setting::set().await;
    let put = Put::builder().table_name(&stage.names.usage);
    let put = put.item("pk", text("new")).item("sk", text("month")).item("n", number(1)).build().unwrap();
    let update = Update::builder().table_name(&stage.names.usage).key("pk", text("absent")).key("sk", text("month"));
    let update = update
        .update_expression("SET n = :one")
        .condition_expression("attribute_exists(pk)")
        .expression_attribute_values(":one", number(1));
    let transaction = stage
        .clients
        .dynamodb
        .transact_write_items()
        .transact_items(TransactWriteItem::builder().put(put).build())
        .transact_items(TransactWriteItem::builder().update(update.build().unwrap()).build());

    let error = transaction.send().await.unwrap_err().into_service_error();

    let aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException(error) =
        error
    else {
        panic!("{error:?}");
    };
    let reasons: Vec<_> = error.cancellation_reasons().iter().filter_map(|reason| reason.code()).collect();
    assert_eq!(reasons, ["None", "ConditionalCheckFailed"]);
    assert_eq!((stage.usage("new").await, stage.usage("absent").await), (None, None));
}

#[tokio::test]
async fn items_past_their_time_to_live_go_and_the_others_stay() {
    let stage = Setting::set().await;
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    for (pk, expires_at) in [("past", now - DAY), ("future", now + DAY)] {
        let put = stage.clients.dynamodb.put_item().table_name(&stage.names.usage);
        let put = put.item("pk", text(pk)).item("sk", text("month")).item("n", number(1));
        put.item("expires_at", number(expires_at.as_secs())).send().await.unwrap();
    }

    let stage = stage.restart().await;

    eventually(|| async { stage.usage("past").await.is_none() }).await;
    assert_eq!(stage.usage("future").await, Some(1));
}

#[tokio::test]
async fn new_scans_can_be_read_from_the_stream_of_their_table() {
    let stage = Setting::set().await;

    let table = stage.clients.dynamodb.describe_table().table_name(&stage.names.scans).send().await.unwrap();

    let stream = table.table.unwrap().stream_specification.unwrap();
    assert!(stream.stream_enabled);
    assert_eq!(stream.stream_view_type.unwrap().as_str(), "NEW_IMAGE");
}

#[tokio::test]
async fn a_waiting_receiver_gets_a_message_as_soon_as_it_is_sent() {
    let stage = Setting::set().await;
    let begun = Instant::now();

    let (received, ()) = tokio::join!(stage.receive(&stage.queue.url), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        stage.send("job").await;
    });

    assert_eq!(received[0].body(), Some("job"));
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn only_the_messages_that_were_not_deleted_come_again() {
    let stage = Setting::set().await;
    for body in ["one", "two", "three"] {
        stage.send(body).await;
    }
    let received = stage.receive(&stage.queue.url).await;
    assert_eq!(received.len(), 3);
    let mut delete = stage.clients.sqs.delete_message_batch().queue_url(&stage.queue.url);
    for done in received.iter().filter(|message| message.body() != Some("two")) {
        let entry = DeleteMessageBatchRequestEntry::builder().set_id(done.message_id.clone());
        delete = delete.entries(entry.set_receipt_handle(done.receipt_handle.clone()).build().unwrap());
    }
    assert_eq!(delete.send().await.unwrap().successful.len(), 2);

    let again = stage.receive(&stage.queue.url).await;

    let bodies: Vec<_> = again.iter().filter_map(Message::body).collect();
    assert_eq!(bodies, ["two"]);
    let attributes = again[0].attributes().unwrap();
    assert_eq!(attributes[&MessageSystemAttributeName::ApproximateReceiveCount], "2");
}

#[tokio::test]
async fn a_message_received_three_times_in_vain_goes_to_the_dead_letters() {
    let stage = Setting::set().await;
    stage.send("poison").await;
    for _ in 0..3 {
        assert_eq!(stage.receive(&stage.queue.url).await.len(), 1);
    }

    let (fourth, dead) = tokio::join!(stage.receive(&stage.queue.url), stage.receive(&stage.queue.dead_letters));

    assert!(fourth.is_empty(), "{fourth:?}");
    assert_eq!(dead[0].body(), Some("poison"));
}

#[tokio::test]
async fn a_megabyte_is_parked_read_back_and_deleted() {
    let stage = Setting::set().await;
    let content: Vec<u8> = (0..1_u32 << 20).map(|i| (i % 251) as u8).collect();

    stage.park("a/b/c", content.clone()).await;
    assert!(stage.parked("a/b/c").await == Some(content), "other content came back");

    let delete = stage.clients.s3.delete_object().bucket(&stage.names.parking).key("a/b/c");
    delete.send().await.unwrap();
    assert_eq!(stage.parked("a/b/c").await, None);
}

/// As in S3, a key is a name of up to 1,024 bytes and no path: none leads to another's object, none is too long for a file.
#[tokio::test]
async fn every_key_is_an_object_of_its_own_however_long_or_crooked() {
    let stage = Setting::set().await;
    let long = ["uploads/demo/".to_owned() + &"x".repeat(1011), "d/".repeat(511) + "xy", "漢".repeat(341) + "a"];
    let crooked = [
        "uploads/demo/../other/secret",
        "uploads/other/secret",
        "uploads/demo/./x",
        "uploads/demo/x",
        "uploads/demo//y",
        "uploads/demo/%2e%2e/other/secret",
        "uploads/demo/%2E%2E%2Fother/secret",
        "../outside",
        "../../outside",
    ];
    let keys: Vec<String> = long.into_iter().chain(crooked.map(str::to_owned)).collect();
    for key in &keys {
        stage.park(key, key.clone().into_bytes()).await;
    }
    for key in &keys {
        assert_eq!(stage.parked(key).await, Some(key.clone().into_bytes()), "{key}");
    }
    assert_eq!(stage.parked("uploads/demo/../demo/x").await, None);

    let (s3, bucket) = (&stage.clients.s3, &stage.names.parking);
    let copy = s3.copy_object().bucket(bucket).key("copied").copy_source(format!("{bucket}/{}", keys[0]));
    copy.send().await.unwrap();
    assert_eq!(stage.parked("copied").await, Some(keys[0].clone().into_bytes()));
    for key in &keys {
        s3.delete_object().bucket(bucket).key(key).send().await.unwrap();
        assert_eq!(stage.parked(key).await, None, "{key}");
    }
    let too_long = s3.put_object().bucket(bucket).key("x".repeat(1025)).send().await;
    assert!(too_long.is_err());
}

#[tokio::test]
async fn parked_content_is_gone_after_a_day_with_everything_kept_about_it() {
    let stage = Setting::set().await;
    stage.park("old/1", b"text".to_vec()).await;
    age(&stage.folder.path().join("s3"), DAY * 2);
    stage.park("new/1", b"text".to_vec()).await;

    let stage = stage.restart().await;

    eventually(|| async { stage.parked("old/1").await.is_none() }).await;
    assert!(stage.parked("new/1").await.is_some());
    let kept = stage.folder.path().join("s3");
    eventually(|| async { files(&kept).iter().all(|(_, age)| *age < DAY) }).await;
}

#[tokio::test]
async fn provisioning_twice_is_provisioning_once() {
    let stage = Setting::set().await;
    stage.send("job").await;

    let again = provisioned(&stage.clients).await;

    assert_eq!((&again.queues[&Stage::Roberta], &again.names), (&stage.queue, &stage.names));
    assert!(stage.queue.url.starts_with(&stage.embedded.endpoints.sqs));
    assert_eq!(stage.receive(&stage.queue.url).await.len(), 1);
}

#[tokio::test]
async fn the_tables_can_be_used_alone() {
    let folder = TempDir::new().unwrap();
    let names = names();
    let alone = DynamoDb::start(folder.path()).await.unwrap();
    provision_tables(&alone.client()).await.unwrap();
    let put = alone.client().put_item().table_name(&names.keys);
    put.item("pk", text("hash")).item("sk", text("key")).send().await.unwrap();
    alone.stop().await;

    let embedded = Embedded::start(folder.path()).await.unwrap();

    let found = embedded.clients().dynamodb.scan().table_name(&names.keys).send().await.unwrap();
    assert_eq!(found.count, 1);
}

#[tokio::test]
async fn stopping_ends_long_polls_and_closes_the_ports() {
    let stage = Setting::set().await;
    let endpoints = stage.embedded.endpoints.clone();
    let poll = stage.clients.sqs.receive_message().queue_url(&stage.queue.url).wait_time_seconds(20).send();
    let poll = tokio::spawn(poll);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let begun = Instant::now();

    stage.embedded.stop().await;

    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(poll.await.unwrap().is_err());
    for endpoint in [endpoints.dynamodb, endpoints.sqs, endpoints.s3] {
        let address = endpoint.strip_prefix("http://").unwrap();
        assert!(tokio::net::TcpStream::connect(address).await.is_err(), "{endpoint} still listens");
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_named() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    File::create(&file).unwrap();

    let error = Embedded::start(&file.join("data")).await.unwrap_err();

    assert!(matches!(error, EmbeddedError::Folder { .. }), "{error:?}");
    let line = error.to_string();
    assert!(line.starts_with("cannot write to the data folder "), "{line}");
    assert!(line.contains("file/data") && line.contains("Not a directory") && !line.contains('\n'), "{line}");
}

#[tokio::test]
async fn damaged_tables_are_named_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("dynamodb.sqlite");
    std::fs::write(&path, "this is no database, and long enough to be told from one".repeat(100)).unwrap();

    let error = Embedded::start(folder.path()).await.unwrap_err();

    assert!(matches!(error, EmbeddedError::Tables { .. }), "{error:?}");
    let line = error.to_string();
    assert!(line.contains("dynamodb.sqlite") && !line.contains('\n'), "{line}");
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("this is no database"));
}

#[tokio::test]
async fn nothing_runs_on_after_stopping() {
    let Setting { embedded, clients, .. } = Setting::set().await;
    let runtime = tokio::runtime::Handle::current().metrics();
    assert!(runtime.num_alive_tasks() > 0);

    embedded.stop().await;
    drop(clients);

    eventually(|| async { runtime.num_alive_tasks() == 0 }).await;
}

/// Every file below, with its age.
fn files(folder: &Path) -> Vec<(std::path::PathBuf, Duration)> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let below = entries.flat_map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => files(&entry.path()),
        Ok(metadata) => vec![(entry.path(), metadata.modified().unwrap().elapsed().unwrap_or_default())],
        Err(_) => Vec::new(),
    });
    below.collect()
}

/// Makes every file below look that old.
fn age(folder: &Path, by: Duration) {
    for (path, _) in files(folder) {
        File::options().write(true).open(path).unwrap().set_modified(SystemTime::now() - by).unwrap();
    }
}
