//! What people decide about content that the thresholds flagged.

use crate::{ServiceError, json, name};
use cloud::Scans;
use scan::{AccountId, Decision, Review, Scan, ScanId};
use serde::Deserialize;
use time::OffsetDateTime;

/// A decision to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewRequest {
    decision: Decision,
    reviewer: Option<String>,
    note: Option<String>,
}

#[derive(Deserialize)]
struct Body {
    decision: Option<Decision>,
    reviewer: Option<String>,
    note: Option<String>,
}

impl ReviewRequest {
    /// The longest name of a reviewer, in characters.
    pub const MAX_REVIEWER: usize = 128;
    /// The longest note, in characters.
    pub const MAX_NOTE: usize = 2_000;

    /// Parses JSON: `{"decision": "approve", "reviewer": "ada", "note": "quotes a model, on purpose"}`.
    pub fn parse(json: &[u8]) -> Result<Self, ServiceError> {
        let invalid = |rule: String| ServiceError::InvalidRequest(rule);
        let body: Body = json::body(json)?;
        let decision = body.decision.ok_or_else(|| invalid("`decision` must be `approve` or `reject`.".to_owned()))?;
        let bounded = |name: &str, text: Option<String>, most: usize| match text {
            Some(text) if !(1..=most).contains(&text.chars().count()) => {
                Err(invalid(format!("`{name}` must have 1 to {most} characters.")))
            }
            text => Ok(text),
        };
        let reviewer = body.reviewer.map(|reviewer| name::checked("reviewer", reviewer, Self::MAX_REVIEWER));
        Ok(Self { decision, reviewer: reviewer.transpose()?, note: bounded("note", body.note, Self::MAX_NOTE)? })
    }
}

/// Recording decisions.
#[derive(Debug, Clone)]
pub struct Reviews {
    scans: Scans,
}

impl Reviews {
    /// Decisions are kept with `scans`.
    pub fn new(scans: Scans) -> Self {
        Self { scans }
    }

    /// Records a decision about a completed scan. A later one takes its place; the audit trail keeps both.
    pub async fn record(
        &self,
        account: &AccountId,
        id: ScanId,
        ReviewRequest { decision, reviewer, note }: ReviewRequest,
    ) -> Result<Scan, ServiceError> {
        let review = Review { decision, reviewer, note, at: OffsetDateTime::now_utc() };
        match self.scans.review(account, id, &review).await? {
            Some(scan) => Ok(scan),
            None if self.scans.get(account, id).await?.is_some() => Err(ServiceError::NotReviewable),
            None => Err(ServiceError::NotFound),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_review_is_a_decision_and_perhaps_words() {
        let parse = |json: &str| ReviewRequest::parse(json.as_bytes());
        let review = parse(r#"{"decision":"reject","reviewer":"ada","note":"spam"}"#).unwrap();
        assert_eq!((review.decision, review.reviewer.as_deref()), (Decision::Reject, Some("ada")));
        assert!(parse(r#"{"decision":"approve"}"#).is_ok());
        let long = format!(r#"{{"decision":"approve","note":"{}"}}"#, "x".repeat(2_001));
        let wrong = ["{}", r#"{"decision":"flag"}"#, r#"{"decision":"approve","reviewer":"a\nb"}"#];
        for wrong in wrong.into_iter().chain([
            r#"{"decision":"approve","reviewer":""}"#,
            &long,
            r#"["approve", null, null]"#,
            "7",
        ]) {
            assert!(matches!(parse(wrong), Err(ServiceError::InvalidRequest(_))), "{wrong}");
        }
    }
}
