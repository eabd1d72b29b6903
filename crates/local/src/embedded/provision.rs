//! The tables, queues and bucket that the template creates in AWS.

use super::{Clients, EmbeddedError};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, StreamSpecification,
    StreamViewType, TimeToLiveSpecification, TimeToLiveStatus,
};
use aws_sdk_sqs::types::QueueAttributeName;
use cloud::Names;
use scan::Stage;
use std::collections::BTreeMap;
use std::time::Duration;

/// Deliveries of what is no job before it is given up. Webhooks are tried for a day, at most every hour towards its end.
const MAX_RECEIVES_ELSEWHERE: u32 = 100;
/// How long other messages stay hidden once received: as the functions' timeouts want it.
const HIDDEN_ELSEWHERE: Duration = Duration::from_secs(30);
/// Deliveries of a job before it goes to the dead letters.
const MAX_RECEIVES: u32 = 3;
/// The attribute that holds an item's time to live.
const EXPIRES_AT: &str = "expires_at";

/// What was provisioned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provisioned {
    /// What everything is called.
    pub names: Names,
    /// The queues of the neural stages.
    pub queues: BTreeMap<Stage, Queue>,
    /// The queues that only functions and users know.
    pub intake: Queues,
}

/// What the intake function is fed from: URLs of queues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queues {
    /// What S3 tells of new objects.
    pub uploads: String,
    /// Users' moderation requests.
    pub moderation: String,
}

/// The queue of one stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// URL of the queue of jobs.
    pub url: String,
    /// URL of the queue of jobs that were given up.
    pub dead_letters: String,
}

/// The names of the tables and the buckets, and no queue.
pub fn names() -> Names {
    Names {
        accounts: "truthlens-accounts".into(),
        keys: "truthlens-keys".into(),
        usage: "truthlens-usage".into(),
        scans: "truthlens-scans".into(),
        idempotency: "truthlens-idempotency".into(),
        audit: "truthlens-audit".into(),
        parking: "truthlens-parking".into(),
        queues: BTreeMap::new(),
        deadlines: None,
        webhooks: None,
        uploads: Some("truthlens-uploads".into()),
        event_bus: None,
    }
}

/// Creates what is missing, and leaves alone what is there: the tables, the bucket, and for each of `stages` a queue and
/// one for its dead letters. A received job is hidden from other receivers for `visibility_timeout`.
pub async fn provision(
    clients: &Clients,
    stages: &[Stage],
    visibility_timeout: Duration,
) -> Result<Provisioned, EmbeddedError> {
    let mut names = names();
    provision_tables(&clients.dynamodb).await?;
    bucket(&clients.s3, &names.parking).await?;
    if let Some(uploads) = &names.uploads {
        bucket(&clients.s3, uploads).await?;
    }
    let mut queues = BTreeMap::new();
    for stage in stages {
        let queue = queue(&clients.sqs, stage.name(), visibility_timeout, MAX_RECEIVES).await?;
        names.queues.insert(*stage, queue.url.clone());
        queues.insert(*stage, queue);
    }
    let other = async |name| queue(&clients.sqs, name, HIDDEN_ELSEWHERE, MAX_RECEIVES_ELSEWHERE).await.map(|q| q.url);
    names.deadlines = Some(other("deadlines").await?);
    names.webhooks = Some(other("webhooks").await?);
    let intake = Queues { uploads: other("uploads").await?, moderation: other("moderation").await? };
    Ok(Provisioned { names, queues, intake })
}

/// Creates the tables that are missing.
pub async fn provision_tables(client: &aws_sdk_dynamodb::Client) -> Result<(), EmbeddedError> {
    let names = names();
    let stream = StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewImage);
    let stream = stream.build().map_err(EmbeddedError::provision("a stream"))?;
    table(client, &names.accounts, None).await?;
    table(client, &names.keys, None).await?;
    table(client, &names.usage, None).await?;
    table(client, &names.scans, Some(stream)).await?;
    table(client, &names.idempotency, None).await?;
    table(client, &names.audit, None).await?;
    expire(client, &names.audit).await?;
    expire(client, &names.idempotency).await?;
    expire(client, &names.keys).await?;
    expire(client, &names.usage).await?;
    expire(client, &names.scans).await
}

/// A table whose items are found by `pk` and sorted by `sk`.
async fn table(
    client: &aws_sdk_dynamodb::Client,
    name: &str,
    stream: Option<StreamSpecification>,
) -> Result<(), EmbeddedError> {
    let what = format!("the table {name}");
    let mut request = client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    for (attribute, role) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
        let text = AttributeDefinition::builder().attribute_name(attribute).attribute_type(ScalarAttributeType::S);
        let key = KeySchemaElement::builder().attribute_name(attribute).key_type(role);
        request = request
            .attribute_definitions(text.build().map_err(EmbeddedError::provision(&what))?)
            .key_schema(key.build().map_err(EmbeddedError::provision(&what))?);
    }
    match request.set_stream_specification(stream).send().await {
        Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_in_use_exception()) => Ok(()),
        created => created.map(drop).map_err(EmbeddedError::provision(&what)),
    }
}

/// Lets the table's items expire. DynamoDB refuses to enable that twice.
async fn expire(client: &aws_sdk_dynamodb::Client, table: &str) -> Result<(), EmbeddedError> {
    let what = format!("the expiry of the table {table}");
    let found = client.describe_time_to_live().table_name(table).send().await;
    let found = found.map_err(EmbeddedError::provision(&what))?;
    let status = found.time_to_live_description().and_then(|ttl| ttl.time_to_live_status());
    if matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)) {
        return Ok(());
    }
    let ttl = TimeToLiveSpecification::builder().enabled(true).attribute_name(EXPIRES_AT).build();
    let ttl = ttl.map_err(EmbeddedError::provision(&what))?;
    let enabled = client.update_time_to_live().table_name(table).time_to_live_specification(ttl).send().await;
    enabled.map(drop).map_err(EmbeddedError::provision(&what))
}

/// A queue, and that of its dead letters.
async fn queue(
    client: &aws_sdk_sqs::Client,
    name: &str,
    visibility: Duration,
    receives: u32,
) -> Result<Queue, EmbeddedError> {
    let name = format!("truthlens-{name}");
    let what = format!("the queue {name}");
    let dead_letters = create_queue(client, &format!("{name}-dlq")).await?;
    let url = create_queue(client, &name).await?;
    let wanted = client.get_queue_attributes().queue_url(&dead_letters).attribute_names(QueueAttributeName::QueueArn);
    let attributes = wanted.send().await.map_err(EmbeddedError::provision(&what))?.attributes.unwrap_or_default();
    let redrive = serde_json::json!({
        "deadLetterTargetArn": attributes.get(&QueueAttributeName::QueueArn),
        "maxReceiveCount": receives,
    });
    let settings = client
        .set_queue_attributes()
        .queue_url(&url)
        .attributes(QueueAttributeName::VisibilityTimeout, visibility.as_secs().to_string())
        .attributes(QueueAttributeName::RedrivePolicy, redrive.to_string());
    settings.send().await.map_err(EmbeddedError::provision(&what))?;
    Ok(Queue { url, dead_letters })
}

async fn create_queue(client: &aws_sdk_sqs::Client, name: &str) -> Result<String, EmbeddedError> {
    let what = format!("the queue {name}");
    let created = client.create_queue().queue_name(name).send().await.map_err(EmbeddedError::provision(&what))?;
    created.queue_url.ok_or_else(|| EmbeddedError::Provision { what, reason: "it was given no URL".into() })
}

async fn bucket(client: &aws_sdk_s3::Client, name: &str) -> Result<(), EmbeddedError> {
    match client.create_bucket().bucket(name).send().await {
        Err(error)
            if error
                .as_service_error()
                .is_some_and(|error| error.is_bucket_already_exists() || error.is_bucket_already_owned_by_you()) =>
        {
            Ok(())
        }
        created => created.map(drop).map_err(EmbeddedError::provision(&format!("the bucket {name}"))),
    }
}
