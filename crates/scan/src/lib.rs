//! The domain of TruthLens: what a scan is, which stages it runs, how their outcomes become a verdict.
//!
//! Nothing here does I/O or knows AWS. Input is parsed into these types at the edge ([`Text::parse`],
//! [`Pack::parse`]); inside, a value that exists is a value that is valid.

pub mod account;
pub mod blend;
pub mod calibration;
pub mod error;
pub mod event;
pub mod evidence;
pub mod id;
pub mod image;
pub mod job;
pub mod mixture;
pub mod moderation;
pub mod outcome;
pub mod pack;
pub mod probability;
pub mod reading;
pub mod record;
pub mod report;
pub mod review;
pub mod sighting;
pub mod source;
pub mod source_type;
pub mod stage;
pub mod text;
pub mod trace;
pub mod verdict;
pub mod warning;

pub use account::{Account, Plan, Usd};
pub use blend::{Blend, Platt, Thresholds};
pub use calibration::{Calibration, CalibrationParameters};
pub use error::ErrorCode;
pub use event::{EventKind, ScanEvent};
pub use evidence::{Evidence, EvidenceKind, Origin, Strength};
pub use id::{AccountId, KeyId, ScanId, UploadId, WebhookId};
pub use image::{ImageFacts, ImageFormat, Pixels, Provenance};
pub use job::{Content, JobContent, StageJob};
pub use mixture::Mixture;
pub use moderation::{Action, Moderation};
pub use outcome::{Failure, Outcome, Segment, StageScore};
pub use pack::Pack;
pub use probability::{Confidence, Probability};
pub use reading::{Features, Reading, Window};
pub use record::{Conclusion, Scan, State};
pub use report::ScanReport;
pub use review::{AuditEntry, Decision, Deed, Review};
pub use sighting::{Generator, HeatMap, Sighting};
pub use source::Source;
pub use stage::{Modality, Stage};
pub use text::{Normalised, Text};
pub use trace::TraceContext;
pub use verdict::Verdict;
pub use warning::Warning;
