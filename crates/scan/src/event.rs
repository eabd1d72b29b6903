//! What the world is told when a scan ends: a CloudEvent (CloudEvents 1.0.2, JSON format) without any content.

use crate::report::ModerationReport;
use crate::{AccountId, ErrorCode, Modality, Scan, ScanId, Source, State, TraceContext, Verdict};
use serde::{Deserialize, Serialize};
use std::fmt;
use time::OffsetDateTime;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EventKind {
    /// There is a verdict.
    #[serde(rename = "scan.completed")]
    Completed,
    /// There will be none.
    #[serde(rename = "scan.failed")]
    Failed,
    /// A person decided.
    #[serde(rename = "scan.reviewed")]
    Reviewed,
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EventKind::Completed => "scan.completed",
            EventKind::Failed => "scan.failed",
            EventKind::Reviewed => "scan.reviewed",
        })
    }
}

/// An event. The same change of the same scan always makes the same one, so that whoever gets it twice can tell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScanEvent {
    /// Always `1.0`.
    pub specversion: &'static str,
    /// Derived from the scan's id: sorts by the scan's creation, and is the same however often it is sent.
    pub id: String,
    /// Always `/v1/scans`.
    pub source: &'static str,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// The scan.
    pub subject: ScanId,
    /// When it happened.
    #[serde(with = "time::serde::rfc3339")]
    pub time: OffsetDateTime,
    /// The operation that accepted the scan (CloudEvents, "Distributed Tracing" extension).
    pub traceparent: TraceContext,
    /// Always `application/json`.
    pub datacontenttype: &'static str,
    /// The scan, in short.
    pub data: EventData,
}

/// A scan in an event: what pipelines decide on. `GET /v1/scans/{id}` has the rest.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventData {
    /// The scan.
    pub id: ScanId,
    /// Whose it is.
    pub account_id: AccountId,
    /// What was scanned.
    pub modality: Modality,
    /// `completed` or `failed`.
    pub status: &'static str,
    /// What it is.
    pub verdict: Option<Verdict>,
    /// The probability of AI, two decimals.
    pub confidence: Option<f64>,
    /// The generator that an image's metadata names.
    pub attribution: Option<String>,
    /// What is to be done with it.
    pub moderation: Option<ModerationReport>,
    /// Why it failed, where the content was refused.
    pub failure_reason: Option<ErrorCode>,
    /// How it came in.
    pub source: Source,
    /// The pack that judged.
    pub model_pack: String,
    /// When it was accepted.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it ended.
    #[serde(with = "time::serde::rfc3339")]
    pub finished_at: OffsetDateTime,
}

impl ScanEvent {
    /// What a scan, as it stands after a change, has to tell; `None` while it runs.
    pub fn of(scan: &Scan) -> Option<Self> {
        let finished_at = scan.state.finished_at()?;
        let conclusion = scan.conclusion();
        let (kind, time, suffix) = match (&scan.review, &scan.state) {
            // Only a scan that has ended is reviewed, so its end was told by the change before.
            (Some(review), _) => (EventKind::Reviewed, review.at, format!("reviewed.{}", milliseconds(review.at))),
            (None, State::Completed(_)) => (EventKind::Completed, finished_at, "completed".to_owned()),
            (None, _) => (EventKind::Failed, finished_at, "failed".to_owned()),
        };
        let data = EventData {
            id: scan.id,
            account_id: scan.account.clone(),
            modality: scan.modality,
            status: scan.state.name(),
            verdict: conclusion.map(|c| c.verdict),
            confidence: conclusion.map(|c| c.confidence.rounded()),
            attribution: scan.image.as_ref().and_then(|image| image.provenance.generator()),
            moderation: ModerationReport::new(scan),
            failure_reason: match &scan.state {
                State::Failed { reason, .. } => *reason,
                _ => None,
            },
            source: scan.source.clone(),
            model_pack: scan.pack.clone(),
            created_at: scan.created_at,
            finished_at,
        };
        Some(Self {
            specversion: "1.0",
            id: format!("{}.{suffix}", scan.id),
            source: "/v1/scans",
            kind,
            subject: scan.id,
            time,
            traceparent: scan.trace,
            datacontenttype: "application/json",
            data,
        })
    }
}

fn milliseconds(at: OffsetDateTime) -> i128 {
    at.unix_timestamp_nanos() / 1_000_000
}
