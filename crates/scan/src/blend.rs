//! From stage scores to one confidence, and from confidence to a verdict.

use crate::{Probability, Stage, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The weighted mean of the stages' calibrated probabilities, renormalised over those that ran.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blend {
    /// Non-negative; they need not sum to one.
    weights: BTreeMap<Stage, f64>,
    /// Corrects the mean, which is timid where stages agree. Fitted with every stage present and applied only
    /// then.
    #[serde(default)]
    calibration: Option<Platt>,
}

/// Platt scaling: `logit' = slope · logit + intercept` (Platt, 1999).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Platt {
    /// Above 1 for scores that are too timid.
    pub slope: f64,
    /// The log-odds of a mean of one half.
    pub intercept: f64,
}

impl Platt {
    /// The corrected probability.
    pub fn apply(&self, mean: Probability) -> Probability {
        Probability::from_logit(self.slope * mean.logit() + self.intercept)
    }
}

/// Where the verdicts part.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// Below it: `human`.
    human: Probability,
    /// From it on: `ai_generated`. Set by false-positive rate.
    ai_generated: Probability,
}

/// The numbers of a blend do not make sense.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BlendError {
    /// A weight is negative or not finite, or all are zero.
    #[error("blend: weights must be finite, not negative, and not all zero")]
    Weights,
    /// The calibration would turn the order of scores around, or is not finite.
    #[error("blend: the calibration's slope must be positive and both numbers finite")]
    Calibration,
    /// The thresholds are out of order.
    #[error("thresholds: `human` must not lie above `ai_generated`")]
    Thresholds,
}

impl Blend {
    /// A blend of these numbers, if they make sense.
    pub fn new(weights: BTreeMap<Stage, f64>, calibration: Option<Platt>) -> Result<Self, BlendError> {
        let blend = Self { weights, calibration };
        blend.validate()?;
        Ok(blend)
    }

    /// Checks that the numbers make sense.
    pub fn validate(&self) -> Result<(), BlendError> {
        let sum: f64 = self.weights.values().sum();
        if self.weights.values().any(|w| !w.is_finite() || *w < 0.0) || sum <= 0.0 {
            return Err(BlendError::Weights);
        }
        match self.calibration {
            Some(Platt { slope, intercept }) if !(slope.is_finite() && slope > 0.0 && intercept.is_finite()) => {
                Err(BlendError::Calibration)
            }
            _ => Ok(()),
        }
    }

    /// The weight of each stage.
    pub fn weights(&self) -> &BTreeMap<Stage, f64> {
        &self.weights
    }

    /// The correction of the mean.
    pub fn calibration(&self) -> Option<Platt> {
        self.calibration
    }

    /// The stages that take part.
    pub fn stages(&self) -> impl Iterator<Item = Stage> + '_ {
        self.weights.keys().copied()
    }

    /// How much of the weight is that of the stages that ran, 0 to 1.
    pub fn share(&self, scores: &BTreeMap<Stage, Probability>) -> f64 {
        let present: f64 = self.weights.iter().filter(|(stage, _)| scores.contains_key(stage)).map(|(_, w)| w).sum();
        // So that a half of decimal fractions is a half.
        (present / self.weights.values().sum::<f64>() * 1e9).round() / 1e9
    }

    /// The confidence, from the scores of the stages that ran; `None` when none of them has weight.
    pub fn confidence(&self, scores: &BTreeMap<Stage, Probability>) -> Option<Probability> {
        let present = || self.weights.iter().filter_map(|(stage, w)| scores.get(stage).map(|p| (p, w)));
        let weight: f64 = present().map(|(_, w)| w).sum();
        if weight <= 0.0 {
            return None;
        }
        let mean = present().map(|(p, w)| p.value() * w).sum::<f64>() / weight;
        let mean = Probability::new(mean.clamp(0.0, 1.0)).ok()?;
        match self.calibration {
            Some(platt) if present().count() == self.weights.len() => Some(platt.apply(mean)),
            _ => Some(mean),
        }
    }
}

impl Thresholds {
    /// Thresholds in their order.
    pub fn new(human: Probability, ai_generated: Probability) -> Result<Self, BlendError> {
        let thresholds = Self { human, ai_generated };
        thresholds.validate()?;
        Ok(thresholds)
    }

    /// Checks their order.
    pub fn validate(&self) -> Result<(), BlendError> {
        if self.human <= self.ai_generated { Ok(()) } else { Err(BlendError::Thresholds) }
    }

    /// Below it a verdict is `human`.
    pub fn human(&self) -> Probability {
        self.human
    }

    /// The least confidence that accuses.
    pub fn ai_generated(&self) -> Probability {
        self.ai_generated
    }

    /// The verdict that belongs to a confidence.
    pub fn verdict(&self, confidence: Probability) -> Verdict {
        if confidence >= self.ai_generated {
            Verdict::AiGenerated
        } else if confidence < self.human {
            Verdict::Human
        } else {
            Verdict::Mixed
        }
    }

    /// The confidence, raised to the least that is not called human: for content of which parts are not.
    pub fn at_least_mixed(&self, confidence: Probability) -> Probability {
        if confidence < self.human { self.human } else { confidence }
    }

    /// The highest confidence that does not accuse: for content that is too short to.
    pub fn without_accusing(&self, confidence: Probability) -> Probability {
        let below = Probability::new((self.ai_generated.value() - 0.01).max(0.0)).unwrap_or(confidence);
        confidence.min(below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(x: f64) -> Probability {
        Probability::new(x).unwrap()
    }

    fn reference() -> Blend {
        serde_json::from_str(r#"{"weights":{"heuristics":0.2,"roberta":0.2,"binoculars":0.6}}"#).unwrap()
    }

    #[test]
    fn the_documented_example_gives_87_percent() {
        let scores =
            BTreeMap::from([(Stage::Heuristics, p(0.82)), (Stage::Roberta, p(0.79)), (Stage::Binoculars, p(0.91))]);
        assert_eq!(reference().confidence(&scores).unwrap().rounded(), 0.87);
    }

    #[test]
    fn a_missing_stage_is_left_out_and_the_rest_renormalised() {
        let scores = BTreeMap::from([(Stage::Heuristics, p(0.2)), (Stage::Roberta, p(0.6))]);
        assert!((reference().confidence(&scores).unwrap().value() - 0.4).abs() < 1e-12);
        assert_eq!(reference().confidence(&BTreeMap::new()), None);
        assert_eq!((reference().share(&scores), reference().share(&BTreeMap::new())), (0.4, 0.0));
    }

    #[test]
    fn the_calibration_applies_only_when_every_stage_ran() {
        let mut blend = reference();
        blend.calibration = Some(Platt { slope: 2.0, intercept: 0.0 });
        let all: BTreeMap<_, _> = Stage::of(crate::Modality::Text).map(|stage| (stage, p(0.8))).collect();
        assert!((blend.confidence(&all).unwrap().logit() - 2.0 * p(0.8).logit()).abs() < 1e-9);
        let one = BTreeMap::from([(Stage::Roberta, p(0.8))]);
        assert!((blend.confidence(&one).unwrap().value() - 0.8).abs() < 1e-12);
    }

    #[test]
    fn verdicts_follow_the_thresholds() {
        let thresholds = Thresholds { human: p(0.4), ai_generated: p(0.8) };
        let verdicts = [0.39, 0.4, 0.79, 0.8].map(|c| thresholds.verdict(p(c)));
        assert_eq!(verdicts, [Verdict::Human, Verdict::Mixed, Verdict::Mixed, Verdict::AiGenerated]);
        assert_eq!(thresholds.verdict(thresholds.without_accusing(p(0.99))), Verdict::Mixed);
        assert_eq!(thresholds.without_accusing(p(0.1)), p(0.1));
        assert_eq!(thresholds.verdict(thresholds.at_least_mixed(p(0.1))), Verdict::Mixed);
        assert_eq!(thresholds.at_least_mixed(p(0.9)), p(0.9));
    }

    #[test]
    fn senseless_numbers_are_refused() {
        let blend = |json: &str| serde_json::from_str::<Blend>(json).unwrap().validate();
        assert_eq!(blend(r#"{"weights":{"roberta":-1.0}}"#), Err(BlendError::Weights));
        assert_eq!(blend(r#"{"weights":{"roberta":0.0}}"#), Err(BlendError::Weights));
        let turned = r#"{"weights":{"roberta":1.0},"calibration":{"slope":-1.0,"intercept":0.0}}"#;
        assert_eq!(blend(turned), Err(BlendError::Calibration));
    }
}
