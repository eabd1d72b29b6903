//! What a person decided after looking at content, and the trail of all that was done to a scan.

use crate::{Action, Confidence, Verdict};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

/// What a person decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The content stays.
    Approve,
    /// The content goes.
    Reject,
}

/// A person's decision. It stands beside the action that the thresholds gave, and does not replace it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Review {
    /// What was decided.
    pub decision: Decision,
    /// Who says to have decided it. The account vouches for that: its key, or its owner's sign-in, sent the review.
    pub reviewer: Option<String>,
    /// Why, in the reviewer's words.
    pub note: Option<String>,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = "date-time")]
    pub at: OffsetDateTime,
}

/// Something that was done to a scan. Entries are written together with what they tell of, and never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = "date-time")]
    pub at: OffsetDateTime,
    /// What.
    #[serde(flatten)]
    pub deed: Deed,
}

/// What was done to a scan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Deed {
    /// It was accepted.
    Created {
        /// How it came in: `api`, `batch`, `legacy`, `s3` or `queue`, and what is known of it there.
        source: crate::Source,
        /// The pack that judges it.
        model_pack: String,
    },
    /// It ended.
    Finalised {
        /// `completed` or `failed`.
        status: String,
        /// What it is, if that was found.
        verdict: Option<Verdict>,
        /// The probability of AI, as shown.
        #[schema(value_type = Option<f64>)]
        confidence: Option<Confidence>,
        /// What the account's thresholds make of that.
        action: Option<Action>,
    },
    /// A person decided.
    Reviewed {
        /// The decision.
        review: Review,
    },
    /// It was erased. The trail remains, and holds no content.
    Erased,
}
