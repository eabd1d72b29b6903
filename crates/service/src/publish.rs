//! Telling the world that a scan has ended: the event bus, the account's webhooks, the tags of an uploaded object.

use cloud::{CloudError, EventBus, Inbox, WebhookMessage, WebhookQueue, Webhooks};
use scan::{Scan, ScanEvent, Source, TraceContext};
use std::collections::BTreeMap;
use time::OffsetDateTime;

/// Telling of scans.
#[derive(Debug, Clone)]
pub struct Publish {
    bus: EventBus,
    webhooks: Webhooks,
    queue: WebhookQueue,
    inbox: Inbox,
}

impl Publish {
    /// Events go to `bus`, and through `queue` to the `webhooks` of their account. Objects of `inbox` are tagged.
    pub fn new(bus: EventBus, webhooks: Webhooks, queue: WebhookQueue, inbox: Inbox) -> Self {
        Self { bus, webhooks, queue, inbox }
    }

    /// Tells of a scan as it stands after a change, as the operation `trace`; the event, if there was anything to tell.
    /// After an error, or the death of the process, it is to be called again: everybody may then be told twice, with the
    /// same event id.
    pub async fn tell(&self, scan: &Scan, trace: TraceContext) -> Result<Option<ScanEvent>, CloudError> {
        let Some(event) = ScanEvent::of(scan) else { return Ok(None) };
        self.bus.put(&event).await?;
        let body = serde_json::to_string(&event).map_err(|e| CloudError::Data(e.to_string()))?;
        let listening = self.webhooks.list(&scan.account).await?;
        for webhook in listening.into_iter().filter(|webhook| webhook.disabled_at.is_none()) {
            let message = WebhookMessage {
                account: scan.account.clone(),
                webhook: webhook.id,
                scan: Some(scan.id),
                trace,
                id: event.id.clone(),
                event: body.clone(),
                since: OffsetDateTime::now_utc(),
            };
            self.queue.send(&message).await?;
        }
        if let Source::S3 { bucket, key, version } = &scan.source
            && bucket == self.inbox.bucket()
        {
            self.inbox.tag(key, version.as_deref(), &tags(scan)).await?;
        }
        Ok(Some(event))
    }
}

/// What an object's tags say of its scan.
fn tags(scan: &Scan) -> BTreeMap<&'static str, String> {
    let mut tags = BTreeMap::from([
        ("truthlens:scan-id", scan.id.to_string()),
        ("truthlens:status", scan.state.name().to_owned()),
    ]);
    if let Some(conclusion) = scan.conclusion() {
        tags.insert("truthlens:verdict", conclusion.verdict.to_string());
        tags.insert("truthlens:confidence", format!("{:.2}", conclusion.confidence.rounded()));
        if let Some(action) = conclusion.action {
            tags.insert("truthlens:action", action.to_string());
        }
    }
    tags
}
