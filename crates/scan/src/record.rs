//! A scan: one content, the stages it runs, and where it stands.

use crate::warning::Occurrences;
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
    /// How often and where what some of the warnings are about was found.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub occurrences: BTreeMap<Warning, Occurrences>,
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
    /// Whether enough was judged for a full verdict; one that is not costs nothing. See [`crate::pack::Policy::quorum`].
    #[serde(default = "full")]
    pub is_full: bool,
    /// When it was reached.
    #[serde(with = "time::serde::rfc3339")]
    pub finished_at: OffsetDateTime,
}

/// Verdicts of before there was a quorum were all paid for.
fn full() -> bool {
    true
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

    /// Whether the account pays for it: for a scan that runs or has a full verdict.
    pub fn is_charged(&self) -> bool {
        match self {
            State::Processing => true,
            State::Completed(conclusion) => conclusion.is_full,
            State::Failed { .. } => false,
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
        let (policy, scores) = (pack.policy(self.modality), self.scores());
        let blended = policy.and_then(|policy| Some((policy, policy.blend.confidence(&scores)?)));
        let Some((policy, blended)) = blended else { return State::Failed { finished_at, reason: None } };
        let thresholds = &policy.thresholds;
        let is_proven = self.proves_ai();
        let is_full = is_proven || policy.blend.share(&scores) >= policy.quorum.value();
        // Rules of thumb accuse nobody alone, where models were to judge too.
        let is_neural = |stage: &Stage| stage.is_neural();
        let models_ran = scores.keys().any(is_neural) || !self.outcomes.keys().any(is_neural);
        let may_accuse = is_full && models_ran && !self.warnings.iter().any(|warning| warning.forbids_accusing());
        let confidence = if is_proven {
            policy.proven.filter(|proven| *proven > blended).unwrap_or(blended)
        } else if may_accuse {
            blended
        } else {
            thresholds.without_accusing(blended)
        };
        let confidence = match policy.mixture {
            Some(mixture) if mixture.shows(self.segments()) => thresholds.at_least_mixed(confidence),
            _ => confidence,
        };
        let action = self.moderation.action(confidence.shown().into());
        let verdict = thresholds.verdict(confidence);
        State::Completed(Conclusion { verdict, confidence, action, is_full, finished_at })
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
    use crate::{Failure, ScanReport, StageScore};

    const MANIFEST: &str = r#"
        name = "tiny"
        version = "1"
        description = "for tests"
        [text]
        blend = { weights = { heuristics = 0.3, roberta = 0.3, binoculars = 0.4 } }
        thresholds = { human = 0.4, ai_generated = 0.9 }
        mixture = { segment = 0.8, share = 0.25 }
        quorum = 0.6
        [stages.heuristics]
        calibration = { features = [], mean = [], scale = [], linear = [], bias = 0.0 }
        [stages.roberta]
        calibration = { features = [], mean = [], scale = [], linear = [], bias = 0.0 }
        model = { architecture = "bert", directory = "x", format = "safetensors", input = { text = { window = 9, max_windows = 1 } }, files = [] }
        [stages.binoculars]
        calibration = { features = [], mean = [], scale = [], linear = [], bias = 0.0 }
        model = { architecture = "llama", directory = "x", format = "gguf", input = { text = { window = 9, max_windows = 1 } }, files = [] }
    "#;

    fn p(x: f64) -> Probability {
        Probability::new(x).unwrap()
    }

    fn scored(score: f64) -> Option<Outcome> {
        let (features, segments) = (BTreeMap::new(), Vec::new());
        Some(Outcome::Scored(StageScore { probability: p(score), features, segments, sighting: None }))
    }

    /// A text scan with these outcomes of heuristics, roberta and binoculars, concluded.
    fn concluded(outcomes: [Option<Outcome>; 3]) -> Scan {
        let at = OffsetDateTime::UNIX_EPOCH;
        let mut scan = Scan {
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
            occurrences: BTreeMap::new(),
            image: None,
            outcomes: [Stage::Heuristics, Stage::Roberta, Stage::Binoculars].into_iter().zip(outcomes).collect(),
            state: State::Processing,
            review: None,
        };
        scan.state = scan.conclude(&Pack::parse(MANIFEST).unwrap(), at);
        scan
    }

    fn verdict(scan: &Scan) -> (Verdict, f64) {
        let conclusion = scan.conclusion().unwrap();
        (conclusion.verdict, conclusion.confidence.rounded())
    }

    #[test]
    fn a_text_that_is_human_but_for_a_part_is_mixed() {
        let of_halves = |score: f64, halves: [f64; 2]| {
            let segments = [(0..10, halves[0]), (10..20, halves[1])].map(|(chars, s)| Segment { chars, score: p(s) });
            let binoculars = StageScore {
                probability: p(score),
                features: BTreeMap::new(),
                segments: segments.into(),
                sighting: None,
            };
            verdict(&concluded([scored(score), scored(score), Some(Outcome::Scored(binoculars))]))
        };
        assert_eq!(of_halves(0.2, [0.1, 0.3]), (Verdict::Human, 0.2));
        assert_eq!(of_halves(0.2, [0.1, 0.8]), (Verdict::Mixed, 0.4));
        assert_eq!(of_halves(0.95, [0.1, 0.99]), (Verdict::AiGenerated, 0.95));
    }

    #[test]
    fn below_the_quorum_nothing_is_accused_or_charged_and_what_is_missing_is_named() {
        let broken = || Some(Outcome::Failed(Failure::Broken));
        let warning = |scan: &Scan| ScanReport::new(scan, scan.created_at).warnings.pop().map(|w| w.message);

        let full = concluded([scored(0.99), scored(0.99), scored(0.99)]);
        assert_eq!(
            (verdict(&full), full.state.is_charged(), warning(&full)),
            ((Verdict::AiGenerated, 0.99), true, None)
        );

        let enough = concluded([broken(), scored(0.99), scored(0.99)]);
        assert_eq!((verdict(&enough).0, enough.state.is_charged()), (Verdict::AiGenerated, true));
        let message = "The stage heuristics could not run; the verdict rests on the stages that did.";
        assert_eq!(warning(&enough).as_deref(), Some(message));

        for outcomes in [[scored(0.99), broken(), None], [None, scored(0.99), broken()]] {
            let too_little = concluded(outcomes);
            assert_eq!((verdict(&too_little), too_little.state.is_charged()), ((Verdict::Mixed, 0.89), false));
            let message = warning(&too_little).unwrap();
            assert!(message.contains(" and binoculars could not run") && message.contains("not charged"), "{message}");
        }
        let human = concluded([scored(0.1), broken(), broken()]);
        assert_eq!((verdict(&human), human.state.is_charged()), ((Verdict::Human, 0.1), false));
    }

    #[test]
    fn heuristics_alone_never_accuse_whatever_their_weight() {
        let manifest = MANIFEST.replace("quorum = 0.6", "quorum = 0.0");
        let mut alone = concluded([scored(0.99), None, None]);
        alone.state = alone.conclude(&Pack::parse(&manifest).unwrap(), alone.created_at);
        assert_eq!((verdict(&alone), alone.state.is_charged()), ((Verdict::Mixed, 0.89), true));
    }
}
