//! Content that comes by itself: files in the uploads bucket, messages of the moderation queue. Nobody waits for an
//! answer, so whatever is wrong with it becomes a failed scan; only our own faults are errors, to be tried again.

use crate::examine;
use crate::moderation_request::{Asked, ModerationRequest};
use crate::{Arrival, Detect, DetectRequest, DetectSettings, ImageSource, ServiceError};
use cloud::{Accounts, Admitted, Clients, CloudError, EventKey, Idempotency, Inbox, Names, Scans};
use fetch::{AddressPolicy, FetchLimits, Fetcher};
use scan::image::MAX_BYTES;
use scan::{Account, AccountId, ErrorCode, Modality, Pack, Scan, Source, Text, TraceContext};
use std::sync::Arc;
use time::OffsetDateTime;

/// Taking content in.
#[derive(Debug, Clone)]
pub struct Intake {
    detect: Detect,
    pack: Arc<Pack>,
    scans: Scans,
    accounts: Accounts,
    events: Idempotency,
    inbox: Inbox,
}

/// An object that was put into the uploads bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadedObject {
    /// The bucket that it is said to be in.
    pub bucket: String,
    /// Its key, decoded.
    pub key: String,
    /// Its version, in a bucket that keeps them.
    pub version: Option<String>,
    /// Tells one putting of the same key from another.
    pub sequencer: String,
    /// Its size in bytes.
    pub size: u64,
}

/// What became of content.
#[derive(Debug, Clone, PartialEq)]
pub enum TakenIn {
    /// A scan, which may have ended.
    Scan(Box<Scan>),
    /// It had been taken in before.
    Before,
    /// Nothing: it belongs to no account.
    Nobodys,
}

/// Content on its way to being scanned.
struct Offer {
    arrival: Arrival,
    event: EventKey,
    modality: Modality,
    content: Result<Asked, ServiceError>,
    version: Option<String>,
}

impl Intake {
    /// Takes in objects of the bucket `uploads`, and scans with everything else by these names.
    pub fn of(
        clients: &Clients,
        names: &Names,
        uploads: String,
        pack: Arc<Pack>,
        fetch: AddressPolicy,
        settings: DetectSettings,
    ) -> Self {
        let tables = &clients.dynamodb;
        Self::new(
            Detect::new(pack.clone(), clients, names, Fetcher::new(fetch, FetchLimits::default()), settings),
            pack,
            Scans::of(clients, names),
            Accounts::new(tables.clone(), names.accounts.clone()),
            Idempotency::new(tables.clone(), names.idempotency.clone()),
            Inbox::new(clients.s3.clone(), uploads),
        )
    }

    /// Takes in objects of `inbox`, once for each event as `events` remembers them.
    pub fn new(
        detect: Detect,
        pack: Arc<Pack>,
        scans: Scans,
        accounts: Accounts,
        events: Idempotency,
        inbox: Inbox,
    ) -> Self {
        Self { detect, pack, scans, accounts, events, inbox }
    }

    /// Takes an uploaded object in: an image or a text, whichever its content shows it to be.
    pub async fn object(&self, object: UploadedObject, trace: TraceContext) -> Result<TakenIn, ServiceError> {
        let UploadedObject { bucket, key, version, sequencer, size } = object;
        let Some(owner) = Inbox::owner(&key).filter(|_| bucket == self.inbox.bucket()) else {
            return Ok(TakenIn::Nobodys);
        };
        let event = EventKey::of("s3", &[&bucket, &key, version.as_deref().unwrap_or_default(), &sequencer]);
        let too_large = size > MAX_BYTES as u64;
        let offer = Offer {
            event,
            modality: modality_by_name(&key),
            content: if too_large { Err(too_large_object()) } else { Ok(Asked::Object(key.clone())) },
            version: version.clone(),
            arrival: Arrival::now(Source::S3 { bucket, key, version }).traced(trace),
        };
        self.take(&owner, offer).await
    }

    /// Takes a message of the moderation queue in. A message that SQS delivers again has the same id; one that its sender
    /// sent twice has the same reference and the same body.
    pub async fn message(&self, body: &str, id: &str, trace: TraceContext) -> Result<TakenIn, ServiceError> {
        let Some(request) = ModerationRequest::parse(body, self.inbox.bucket()) else { return Ok(TakenIn::Nobodys) };
        let ModerationRequest { account, client_reference, modality, content } = request;
        let event = match &client_reference {
            Some(reference) => EventKey::of("queue", &["reference", reference, body]),
            None => EventKey::of("queue", &["message", id]),
        };
        let arrival = Arrival::now(Source::Queue { client_reference }).traced(trace);
        let offer = Offer { arrival, event, modality: modality.unwrap_or(Modality::Text), content, version: None };
        self.take(&account, offer).await
    }

    async fn take(&self, owner: &AccountId, offer: Offer) -> Result<TakenIn, ServiceError> {
        let Some(account) = self.accounts.get(owner).await? else { return Ok(TakenIn::Nobodys) };
        let before = self.events.scan_of_event(&account.id, &offer.event).await?;
        let unfinished = match before {
            None => None,
            // A running scan may be one whose jobs were never sent, because the function died: they are sent again.
            // Those that had been sent cost their workers one read each.
            Some(id) => match self.scans.get(&account.id, id).await?.filter(|scan| !scan.is_final()) {
                Some(scan) => Some(scan),
                None => return Ok(TakenIn::Before),
            },
        };
        let Offer { arrival, event, modality, content, version } = offer;
        let now = arrival.received_at;
        let asked = match content {
            Ok(Asked::Object(key)) => self.read(&key, version.as_deref()).await,
            Ok(Asked::Request(request)) => Ok(request),
            Err(error) => Err(error),
        };
        let modality = asked.as_ref().map_or(modality, |request| match request {
            DetectRequest::Text(_) => Modality::Text,
            DetectRequest::Image(_) => Modality::Image,
        });
        let examined = match asked {
            Ok(request) => self.detect.examine(&account, request, now).await,
            Err(error) => Err(error),
        };
        let examined = match examined {
            Err(error) if error.code() == ErrorCode::DetectionError => return Err(error),
            examined => examined,
        };
        match (unfinished, examined) {
            (Some(scan), Ok(examined)) => Ok(scan_of(self.detect.send_off(scan, examined.content.as_ref()).await)),
            (Some(scan), Err(_)) => Ok(scan_of(scan)),
            (None, Ok(examined)) => {
                let scan = self.detect.prepare(&account, examined.scan, arrival.clone()).await?;
                match self.admit(&account, &scan, &event, now).await? {
                    Admitted::Now => Ok(scan_of(self.detect.send_off(scan, examined.content.as_ref()).await)),
                    Admitted::Before => Ok(TakenIn::Before),
                    Admitted::OverQuota => {
                        self.refuse(&account, modality, ErrorCode::QuotaExceeded, arrival, &event).await
                    }
                }
            }
            (None, Err(error)) => self.refuse(&account, modality, error.code(), arrival, &event).await,
        }
    }

    async fn admit(
        &self,
        account: &Account,
        scan: &Scan,
        event: &EventKey,
        now: OffsetDateTime,
    ) -> Result<Admitted, CloudError> {
        let claim = self.events.claim_of_event(&account.id, event, scan.id, now)?;
        self.scans.admit(scan, now + account.plan.retention(), Some(claim), account.monthly_quota()).await
    }

    async fn refuse(
        &self,
        account: &Account,
        modality: Modality,
        reason: ErrorCode,
        arrival: Arrival,
        event: &EventKey,
    ) -> Result<TakenIn, ServiceError> {
        let now = arrival.received_at;
        let scan = examine::refused(&self.pack, modality, reason, now);
        let scan = self.detect.prepare(account, scan, arrival).await?;
        match self.admit(account, &scan, event, now).await? {
            Admitted::Before => Ok(TakenIn::Before),
            Admitted::Now | Admitted::OverQuota => Ok(scan_of(scan)),
        }
    }

    async fn read(&self, key: &str, version: Option<&str>) -> Result<DetectRequest, ServiceError> {
        match self.inbox.get(key, version, MAX_BYTES).await {
            Ok(Some(bytes)) => by_content(bytes),
            Ok(None) => Err(ServiceError::UploadNotFound),
            Err(CloudError::TooLarge { .. }) => Err(too_large_object()),
            Err(error) => Err(error.into()),
        }
    }
}

fn scan_of(scan: Scan) -> TakenIn {
    TakenIn::Scan(Box::new(scan))
}

fn too_large_object() -> ServiceError {
    ServiceError::BodyTooLarge { limit: MAX_BYTES }
}

/// What a file is, by its bytes. Its name and declared type are nobody's word.
fn by_content(bytes: Vec<u8>) -> Result<DetectRequest, ServiceError> {
    if detectors::image::sniff(&bytes).is_some() {
        return ImageSource::file(bytes).map(DetectRequest::Image);
    }
    let text = String::from_utf8(bytes).map_err(|_| ServiceError::UnsupportedContent)?;
    if text.contains('\0') {
        return Err(ServiceError::UnsupportedContent);
    }
    // Editors on Windows write one; it is no part of the text.
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    Ok(DetectRequest::Text(Text::parse(text)?))
}

/// What a file that could not be read was probably meant to be.
fn modality_by_name(key: &str) -> Modality {
    let extension = key.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default();
    match extension.as_str() {
        "jpg" | "jpeg" | "png" | "webp" | "gif" | "bmp" => Modality::Image,
        _ => Modality::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_by_their_bytes() {
        let text = || "\u{feff}BM one two three four five".as_bytes().to_vec();
        assert!(matches!(by_content(text()), Ok(DetectRequest::Text(text)) if text.as_str().starts_with("BM")));
        assert!(matches!(by_content(b"GIF89a".to_vec()), Ok(DetectRequest::Image(_))));
        let code = |bytes: &[u8]| by_content(bytes.to_vec()).unwrap_err().code();
        assert_eq!(code(b"%PDF-1.7\xff\xfe"), ErrorCode::UnsupportedContent);
        assert_eq!(code(b"one two three four five \0"), ErrorCode::UnsupportedContent);
        assert_eq!(code(b""), ErrorCode::EmptyContent);
    }
}
