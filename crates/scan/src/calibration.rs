//! From raw measurements to a probability: a logistic regression whose numbers are data of the pack.

use crate::{Features, Probability, Reading};
use serde::{Deserialize, Serialize};

/// Standardised features are clipped here, so that text unlike anything the pack was fitted on cannot run a
/// quadratic term off to certainty.
const CLIP: f64 = 4.0;

/// A logistic regression with optional quadratic terms:
/// `logit = bias + Σ linear_i z_i + Σ_{i≤j} quadratic_ij z_i z_j`, `z_i = clip((x_i − mean_i) / scale_i, ±4)`.
///
/// The quadratic form matters: today's model text lies on both sides of human text in perplexity, so no
/// monotone threshold on it can be right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "CalibrationParameters", into = "CalibrationParameters")]
pub struct Calibration(CalibrationParameters);

/// The numbers of a [`Calibration`], as a pack holds them and a fit makes them; not yet checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationParameters {
    /// Which measurements, in the order of the numbers below.
    pub features: Vec<String>,
    /// Subtracted from each.
    pub mean: Vec<f64>,
    /// Each is divided by.
    pub scale: Vec<f64>,
    /// Coefficients of the standardised features.
    pub linear: Vec<f64>,
    /// Those of their products: row-major upper triangle including the diagonal; empty for a plain logistic
    /// regression.
    #[serde(default)]
    pub quadratic: Vec<f64>,
    /// The log-odds where every term is zero.
    pub bias: f64,
}

/// The numbers of a calibration do not fit together.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CalibrationError {
    /// A list has the wrong length.
    #[error("calibration: `{list}` has {found} numbers, but {expected} belong there")]
    Length {
        /// Which list.
        list: &'static str,
        /// How many it has.
        found: usize,
        /// How many it should have.
        expected: usize,
    },
    /// A number is not finite, or a scale not positive.
    #[error("calibration: every number must be finite and every scale positive")]
    Number,
}

/// A reading lacks a feature that the calibration was fitted on: pack and code do not belong together.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the stage did not measure `{0}`, which the pack's calibration needs")]
pub struct MissingFeature(pub String);

impl TryFrom<CalibrationParameters> for Calibration {
    type Error = CalibrationError;

    fn try_from(data: CalibrationParameters) -> Result<Self, Self::Error> {
        let n = data.features.len();
        let length = |list, found, expected| {
            if found == expected { Ok(()) } else { Err(CalibrationError::Length { list, found, expected }) }
        };
        length("mean", data.mean.len(), n)?;
        length("scale", data.scale.len(), n)?;
        length("linear", data.linear.len(), n)?;
        if !data.quadratic.is_empty() {
            length("quadratic", data.quadratic.len(), n * (n + 1) / 2)?;
        }
        let finite = [&data.mean, &data.scale, &data.linear, &data.quadratic]
            .into_iter()
            .flatten()
            .chain([&data.bias])
            .all(|x| x.is_finite());
        if !finite || data.scale.iter().any(|s| *s <= 0.0) {
            return Err(CalibrationError::Number);
        }
        Ok(Self(data))
    }
}

impl From<Calibration> for CalibrationParameters {
    fn from(calibration: Calibration) -> Self {
        calibration.0
    }
}

impl Calibration {
    /// The numbers.
    pub fn parameters(&self) -> &CalibrationParameters {
        &self.0
    }

    /// What the coefficients are multiplied with: the standardised features and, in a quadratic calibration, their
    /// products.
    pub fn terms(&self, features: &Features) -> Result<Vec<f64>, MissingFeature> {
        let d = &self.0;
        let n = d.features.len();
        let mut terms = Vec::with_capacity(n + d.quadratic.len());
        for (i, name) in d.features.iter().enumerate() {
            let x = features.get(name).ok_or_else(|| MissingFeature(name.clone()))?;
            terms.push(((x - d.mean[i]) / d.scale[i]).clamp(-CLIP, CLIP));
        }
        if !d.quadratic.is_empty() {
            for i in 0..n {
                for j in i..n {
                    terms.push(terms[i] * terms[j]);
                }
            }
        }
        Ok(terms)
    }

    /// Log-odds in nats of AI, for one window's features.
    pub fn logit(&self, features: &Features) -> Result<f64, MissingFeature> {
        let terms = self.terms(features)?;
        let coefficients = self.0.linear.iter().chain(&self.0.quadratic);
        Ok(self.0.bias + coefficients.zip(terms).map(|(w, term)| w * term).sum::<f64>())
    }

    /// The probability for a whole reading: the token-weighted mean of its windows' log-odds. `None` when the
    /// reading has no window, that is when the content was too small for the stage.
    pub fn probability(&self, reading: &Reading) -> Result<Option<Probability>, MissingFeature> {
        let (mut sum, mut weight) = (0.0, 0.0);
        for window in &reading.windows {
            sum += self.logit(&window.features)? * window.tokens as f64;
            weight += window.tokens as f64;
        }
        Ok((weight > 0.0).then(|| Probability::from_logit(sum / weight)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Window;

    fn calibration(quadratic: &str) -> Result<Calibration, serde_json::Error> {
        serde_json::from_str(&format!(
            r#"{{"features":["a","b"],"mean":[1,0],"scale":[2,1],"linear":[1,-1],"quadratic":{quadratic},"bias":0.5}}"#
        ))
    }

    fn features(a: f64, b: f64) -> Features {
        Features::from([("a".into(), a), ("b".into(), b)])
    }

    #[test]
    fn logit_is_bias_plus_linear_plus_quadratic() {
        let plain = calibration("[]").unwrap();
        assert_eq!(plain.logit(&features(3.0, 2.0)).unwrap(), 0.5 + 1.0 - 2.0);
        let curved = calibration("[1, 10, 100]").unwrap();
        assert_eq!(curved.logit(&features(3.0, 2.0)).unwrap(), 0.5 + 1.0 - 2.0 + 1.0 + 20.0 + 400.0);
    }

    #[test]
    fn outliers_are_clipped() {
        let plain = calibration("[]").unwrap();
        assert_eq!(plain.logit(&features(1e9, 0.0)).unwrap(), 0.5 + 4.0);
    }

    #[test]
    fn a_missing_feature_and_wrong_lengths_are_errors() {
        let missing = calibration("[]").unwrap().logit(&Features::from([("a".into(), 1.0)]));
        assert_eq!(missing, Err(MissingFeature("b".into())));
        assert!(calibration("[1]").unwrap_err().to_string().contains("`quadratic` has 1 numbers, but 3"));
    }

    #[test]
    fn windows_count_by_their_tokens() {
        let window = |tokens, a| Window { chars: 0..1, tokens, features: features(a, 0.0) };
        let reading = Reading { windows: vec![window(30, 1.0), window(10, 9.0)], ..Reading::default() };
        let p = calibration("[]").unwrap().probability(&reading).unwrap().unwrap();
        assert!((p.logit() - (0.5 * 30.0 + 4.5 * 10.0) / 40.0).abs() < 1e-9);
        assert_eq!(calibration("[]").unwrap().probability(&Reading::default()), Ok(None));
    }
}
