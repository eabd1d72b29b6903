//! A scan: one content, the stages it runs, and where it stands.

use crate::{AccountId, ImageFacts, Modality, Outcome, Pack, Probability, ScanId, Stage, Verdict, Warning};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use time::OffsetDateTime;

/// One scan. It never holds the content, only its hash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scan {
    /// Its id; sorts by creation.
    pub id: ScanId,
    /// Whose it is.
    pub account: AccountId,
    /// What was scanned.
    pub modality: Modality,
    /// When the request was accepted.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it ends with whatever stages it has by then.
    #[serde(with = "time::serde::rfc3339")]
    pub deadline: OffsetDateTime,
    /// SHA-256 of the content, in hexadecimal.
    pub content_sha256: String,
    /// The pack that judged it: name and version.
    pub pack: String,
    /// What to know when reading the verdict.
    pub warnings: BTreeSet<Warning>,
    /// What is known of the file, when an image was scanned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageFacts>,
    /// Every stage that it runs, with its outcome once there is one.
    pub outcomes: BTreeMap<Stage, Option<Outcome>>,
    /// Where it stands.
    pub state: State,
}

/// Where a scan stands. The last two are final.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Outcomes are awaited.
    Processing,
    /// There is a verdict.
    Completed(Conclusion),
    /// No stage could say anything. The account is not charged.
    Failed {
        /// When that was found.
        #[serde(with = "time::serde::rfc3339")]
        finished_at: OffsetDateTime,
    },
}

/// The verdict of a completed scan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conclusion {
    /// What it is.
    pub verdict: Verdict,
    /// The probability of AI.
    pub confidence: Probability,
    /// When it was reached.
    #[serde(with = "time::serde::rfc3339")]
    pub finished_at: OffsetDateTime,
}

impl Scan {
    /// Whether nothing is awaited any more.
    pub fn is_complete(&self) -> bool {
        self.outcomes.values().all(Option::is_some)
    }

    /// Whether the scan has ended.
    pub fn is_final(&self) -> bool {
        self.state != State::Processing
    }

    /// The scores of the stages that ran.
    pub fn scores(&self) -> BTreeMap<Stage, Probability> {
        let scored = |(stage, outcome): (&Stage, &Option<Outcome>)| {
            outcome.as_ref().and_then(Outcome::score).map(|score| (*stage, score.probability))
        };
        self.outcomes.iter().filter_map(scored).collect()
    }

    /// The final state that follows from the outcomes so far; stages still awaited count as missing. A pure
    /// function of its arguments, so that whoever finalises reaches the same end.
    pub fn conclude(&self, pack: &Pack, finished_at: OffsetDateTime) -> State {
        let policy = pack.policy(self.modality);
        let blended = policy.and_then(|policy| Some((policy, policy.blend.confidence(&self.scores())?)));
        let Some((policy, blended)) = blended else { return State::Failed { finished_at } };
        let thresholds = &policy.thresholds;
        let confidence = if self.proves_ai() {
            policy.proven.filter(|proven| *proven > blended).unwrap_or(blended)
        } else if self.warnings.iter().any(|warning| warning.forbids_accusing()) {
            thresholds.without_accusing(blended)
        } else {
            blended
        };
        State::Completed(Conclusion { verdict: thresholds.verdict(confidence), confidence, finished_at })
    }

    /// Whether the content itself proves that AI made it.
    pub fn proves_ai(&self) -> bool {
        self.image.as_ref().is_some_and(|image| image.provenance.proves_ai())
    }
}
