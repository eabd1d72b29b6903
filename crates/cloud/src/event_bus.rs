//! Where events go: an EventBridge bus or, where there is none, a file.

use crate::CloudError;
use aws_config::SdkConfig;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_smithy_types::DateTime;
use scan::ScanEvent;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use time::format_description::well_known::Rfc3339;
use tokio::io::AsyncWriteExt;
use tokio::sync::Mutex;

/// What EventBridge calls us in rules.
const SOURCE: &str = "truthlens";

/// A place for events. `detail` is the event, a CloudEvent; `detail-type` its type.
#[derive(Debug, Clone)]
pub enum EventBus {
    /// An EventBridge bus.
    Bridge {
        /// The way to it.
        client: Client,
        /// Its name.
        name: String,
    },
    /// A file with one JSON object on a line, as EventBridge delivers them. EventBridge cannot be embedded: this is what
    /// `truthlens serve` has instead.
    File(Arc<Mutex<PathBuf>>),
}

impl EventBus {
    /// The EventBridge bus of that name.
    pub fn bridge(config: &SdkConfig, name: String) -> Self {
        EventBus::Bridge { client: Client::new(config), name }
    }

    /// The file at `path`, which need not be there.
    pub fn file(path: PathBuf) -> Self {
        EventBus::File(Arc::new(Mutex::new(path)))
    }

    /// Hands an event over. Once this returns, it is kept.
    pub async fn put(&self, event: &ScanEvent) -> Result<(), CloudError> {
        match self {
            EventBus::Bridge { client, name } => {
                let detail = serde_json::to_string(event).map_err(|e| CloudError::Data(e.to_string()))?;
                let entry = PutEventsRequestEntry::builder()
                    .event_bus_name(name)
                    .source(SOURCE)
                    .detail_type(event.kind.to_string())
                    .time(DateTime::from_secs(event.time.unix_timestamp()))
                    .detail(detail)
                    .build();
                let put = client.put_events().entries(entry).send().await.map_err(CloudError::of("put event"))?;
                // A refused entry is no failed call.
                match put.entries().iter().find_map(|entry| entry.error_code()) {
                    None => Ok(()),
                    Some(code) => Err(CloudError::Data(format!("EventBridge refused an event: {code}"))),
                }
            }
            EventBus::File(path) => {
                let time = event.time.format(&Rfc3339).map_err(|e| CloudError::Data(e.to_string()))?;
                let line = json!({
                    "id": event.id, "source": SOURCE, "detail-type": event.kind, "time": time, "detail": event,
                });
                let path = path.lock().await;
                append(&path, &format!("{line}\n")).await.map_err(|e| CloudError::Data(e.to_string()))
            }
        }
    }
}

async fn append(path: &std::path::Path, line: &str) -> std::io::Result<()> {
    let mut file = tokio::fs::File::options().create(true).append(true).open(path).await?;
    file.write_all(line.as_bytes()).await?;
    file.sync_data().await
}
