//! A scan: one content, the stages it runs, and where it stands.

use crate::{
    AccountId, Action, AuditEntry, Deed, ErrorCode, Evidence, ImageFacts, Modality, Moderation, Outcome, Pack,
    Probability, Review, ScanId, Segment, Source, Stage, TraceContext, Verdict, Warning,
};
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
    /// How it came in.
    #[serde(default)]
    pub source: Source,
    /// The operation that accepted it, which whatever is done about it later is traced to.
    #[serde(default)]
    pub trace: TraceContext,
    /// The account's thresholds when it was accepted, so that ending it takes no other read.
    #[serde(default)]
    pub moderation: Moderation,
    /// SHA-256 of the content, in hexadecimal; empty where no content could be had.
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
    /// What a person decided since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
}

/// Where a scan stands. The last two are final.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Outcomes are awaited.
    Processing,
    /// There is a verdict.
    Completed(Conclusion),
    /// There is none, and the account is not charged.
    Failed {
        /// When that was found.
        #[serde(with = "time::serde::rfc3339")]
        finished_at: OffsetDateTime,
        /// Why the content was refused; `None` where no stage could say anything of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<ErrorCode>,
    },
}

/// The verdict of a completed scan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conclusion {
    /// What it is.
    pub verdict: Verdict,
    /// The probability of AI.
    pub confidence: Probability,
    /// What the account's thresholds make of that; `None` for an account without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// When it was reached.
    #[serde(with = "time::serde::rfc3339")]
    pub finished_at: OffsetDateTime,
}

impl State {
    /// `processing`, `completed` or `failed`.
    pub fn name(&self) -> &'static str {
        match self {
            State::Processing => "processing",
            State::Completed(_) => "completed",
            State::Failed { .. } => "failed",
        }
    }

    /// When it was reached, if it is final.
    pub fn finished_at(&self) -> Option<OffsetDateTime> {
        match self {
            State::Processing => None,
            State::Completed(conclusion) => Some(conclusion.finished_at),
            State::Failed { finished_at, .. } => Some(*finished_at),
        }
    }
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

    /// The stretches of a text that were scored on their own.
    pub fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.outcomes.values().flatten().filter_map(Outcome::score).flat_map(|score| &score.segments)
    }

    /// The final state that follows from the outcomes so far; stages still awaited count as missing. A pure
    /// function of its arguments, so that whoever finalises reaches the same end.
    pub fn conclude(&self, pack: &Pack, finished_at: OffsetDateTime) -> State {
        let policy = pack.policy(self.modality);
        let blended = policy.and_then(|policy| Some((policy, policy.blend.confidence(&self.scores())?)));
        let Some((policy, blended)) = blended else { return State::Failed { finished_at, reason: None } };
        let thresholds = &policy.thresholds;
        let confidence = if self.proves_ai() {
            policy.proven.filter(|proven| *proven > blended).unwrap_or(blended)
        } else if self.warnings.iter().any(|warning| warning.forbids_accusing()) {
            thresholds.without_accusing(blended)
        } else {
            blended
        };
        let confidence = match policy.mixture {
            Some(mixture) if mixture.shows(self.segments()) => thresholds.at_least_mixed(confidence),
            _ => confidence,
        };
        let action = self.moderation.action(confidence.shown().into());
        State::Completed(Conclusion { verdict: thresholds.verdict(confidence), confidence, action, finished_at })
    }

    /// The verdict, once there is one.
    pub fn conclusion(&self) -> Option<&Conclusion> {
        match &self.state {
            State::Completed(conclusion) => Some(conclusion),
            _ => None,
        }
    }

    /// What the trail says of its beginning.
    pub fn created(&self) -> AuditEntry {
        let deed = Deed::Created { source: self.source.clone(), model_pack: self.pack.clone() };
        AuditEntry { at: self.created_at, deed }
    }

    /// What the trail says of its end, if it has come to one.
    pub fn finalised(&self) -> Option<AuditEntry> {
        let conclusion = self.conclusion();
        let deed = Deed::Finalised {
            status: self.state.name().to_owned(),
            verdict: conclusion.map(|c| c.verdict),
            confidence: conclusion.map(|c| c.confidence.shown()),
            action: conclusion.and_then(|c| c.action),
        };
        Some(AuditEntry { at: self.state.finished_at()?, deed })
    }

    /// What the content says of its own origin, strongest first.
    pub fn evidence(&self) -> Vec<Evidence> {
        self.image.as_ref().map(|image| image.provenance.evidence()).unwrap_or_default()
    }

    /// Whether the content itself proves that AI made it.
    pub fn proves_ai(&self) -> bool {
        self.evidence().iter().any(Evidence::proves_ai)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StageScore;

    const MANIFEST: &str = r#"
        name = "tiny"
        version = "1"
        description = "for tests"
        [text]
        blend = { weights = { heuristics = 1.0 } }
        thresholds = { human = 0.4, ai_generated = 0.9 }
        mixture = { segment = 0.8, share = 0.25 }
        [stages.heuristics]
        calibration = { features = [], mean = [], scale = [], linear = [], bias = 0.0 }
    "#;

    fn p(x: f64) -> Probability {
        Probability::new(x).unwrap()
    }

    /// What becomes of a text with that score, whose two halves have those.
    fn concluded(score: f64, halves: [f64; 2]) -> (Verdict, f64) {
        let at = OffsetDateTime::UNIX_EPOCH;
        let segments = [(0..10, halves[0]), (10..20, halves[1])].map(|(chars, s)| Segment { chars, score: p(s) });
        let scored =
            StageScore { probability: p(score), features: BTreeMap::new(), segments: segments.into(), sighting: None };
        let scan = Scan {
            id: ScanId::new(),
            account: AccountId::nobody(),
            modality: Modality::Text,
            created_at: at,
            deadline: at,
            source: Source::default(),
            trace: TraceContext::new(),
            moderation: Moderation::default(),
            content_sha256: String::new(),
            pack: String::new(),
            warnings: BTreeSet::new(),
            image: None,
            outcomes: BTreeMap::from([(Stage::Heuristics, Some(Outcome::Scored(scored)))]),
            state: State::Processing,
            review: None,
        };
        match scan.conclude(&Pack::parse(MANIFEST).unwrap(), at) {
            State::Completed(conclusion) => (conclusion.verdict, conclusion.confidence.value()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_text_that_is_human_but_for_a_part_is_mixed() {
        assert_eq!(concluded(0.2, [0.1, 0.3]), (Verdict::Human, 0.2));
        assert_eq!(concluded(0.2, [0.1, 0.8]), (Verdict::Mixed, 0.4));
        assert_eq!(concluded(0.95, [0.1, 0.99]), (Verdict::AiGenerated, 0.95));
    }
}
