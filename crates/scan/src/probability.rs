//! Probabilities and their log-odds.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A probability in [0, 1], never NaN. In this project always the probability that content was made by AI.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Probability(f64);

/// The number given is not in [0, 1].
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{0} is not a probability: it must lie between 0 and 1")]
pub struct NotAProbability(f64);

impl Probability {
    /// Checks that `value` lies in [0, 1].
    pub fn new(value: f64) -> Result<Self, NotAProbability> {
        if (0.0..=1.0).contains(&value) { Ok(Self(value)) } else { Err(NotAProbability(value)) }
    }

    /// One half.
    pub fn half() -> Self {
        Self(0.5)
    }

    /// The logistic function of `logit`, in nats. A NaN, which only a broken model yields, reads as no
    /// evidence either way.
    pub fn from_logit(logit: f64) -> Self {
        if logit.is_nan() { Self::half() } else { Self(1.0 / (1.0 + (-logit).exp())) }
    }

    /// Log-odds in nats, finite: 0 and 1 are moved in by 1e-6.
    pub fn logit(self) -> f64 {
        let p = self.0.clamp(1e-6, 1.0 - 1e-6);
        (p / (1.0 - p)).ln()
    }

    /// The number itself.
    pub fn value(self) -> f64 {
        self.0
    }

    /// The smaller of two probabilities.
    pub fn min(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }

    /// As shown to users: two decimals, since no calibration supports more.
    pub fn rounded(self) -> f64 {
        self.shown().0.0
    }

    /// The same as a value that says so.
    pub fn shown(self) -> Confidence {
        Confidence(Self((self.0 * 100.0).round() / 100.0))
    }
}

/// A probability as users see it: two decimals. What is decided on it agrees with what is shown.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Confidence(Probability);

impl From<Confidence> for Probability {
    fn from(confidence: Confidence) -> Self {
        confidence.0
    }
}

impl From<Confidence> for f64 {
    fn from(confidence: Confidence) -> Self {
        confidence.0.0
    }
}

impl TryFrom<f64> for Probability {
    type Error = NotAProbability;
    fn try_from(value: f64) -> Result<Self, Self::Error> {
        Self::new(value)
    }
}

impl From<Probability> for f64 {
    fn from(p: Probability) -> f64 {
        p.0
    }
}

/// Whole per cent: `87%`.
impl fmt::Display for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounded once, so that 0.87 and 87% stand together: the formatter would round ties to even.
        write!(f, "{:.0}%", self.rounded() * 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_between_zero_and_one_construct() {
        for bad in [-0.01, 1.01, f64::NAN, f64::INFINITY] {
            assert!(Probability::new(bad).is_err(), "{bad}");
        }
        assert!(serde_json::from_str::<Probability>("1.5").is_err());
        assert_eq!(serde_json::from_str::<Probability>("0.5").unwrap(), Probability(0.5));
    }

    #[test]
    fn percent_and_decimals_are_the_same_number() {
        let shown = |p: f64| (Probability(p).rounded(), Probability(p).to_string());
        assert_eq!(shown(0.865), (0.87, "87%".to_owned()));
        assert_eq!(shown(0.125), (0.13, "13%".to_owned()));
        assert_eq!(shown(0.99), (0.99, "99%".to_owned()));
    }

    #[test]
    fn logit_and_its_inverse_agree() {
        for p in [0.01, 0.3, 0.5, 0.99] {
            let there = Probability::new(p).unwrap().logit();
            assert!((Probability::from_logit(there).value() - p).abs() < 1e-12);
        }
        assert_eq!(Probability::from_logit(f64::NAN).value(), 0.5);
    }
}
