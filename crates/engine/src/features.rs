//! From token scores to the named features that a pack's calibration is fitted on.
//!
//! `models/training/lm_features.py` computes the same; names and definitions change in both or in neither.

use crate::scoring::TokenScores;
use scan::Features;

/// Ranks above this count as rare.
const RARE: f32 = 1000.0;

/// Below this a variance is rounding noise, and what would be divided by it is 0.
const FLAT: f64 = 1e-12;

/// The features of a stretch of scored tokens. `suffixes` names the observers, in the scores' order (`_22` for
/// the state after layer 22, empty for a second model). Finite for any number of tokens; 0 where a quantity is
/// not defined.
pub fn features(scores: &TokenScores, suffixes: &[String]) -> Features {
    let nll = Series::new(&scores.nll);
    let log_perplexity = nll.mean();
    let entropy = Series::new(&scores.entropy);
    let (delta, rank) = (nll.differences(), Series::new(&scores.rank));
    let share = |f: fn(f64) -> bool| rank.map(|r| f64::from(u8::from(f(r)))).mean();
    let mut features = Features::from([
        ("log_perplexity".into(), log_perplexity),
        ("log_rank".into(), rank.map(f64::ln).mean()),
        ("curvature".into(), curvature(&nll, &entropy, &Series::new(&scores.variance))),
        ("entropy".into(), entropy.mean()),
        ("surprisal_std".into(), nll.moment(2).sqrt()),
        ("surprisal_skew".into(), nll.standardised(3)),
        ("surprisal_kurtosis".into(), nll.standardised(4) - if nll.is_flat() { 0.0 } else { 3.0 }),
        ("surprisal_delta_std".into(), delta.moment(2).sqrt()),
        ("surprisal_delta2_std".into(), delta.differences().moment(2).sqrt()),
        ("surprisal_autocorr".into(), nll.autocorrelation()),
        ("top1_rate".into(), share(|r| r <= 1.0)),
        ("rare_rate".into(), share(|r| r > f64::from(RARE))),
        ("log_tokens".into(), (scores.len().max(1) as f64).ln()),
    ]);
    for (suffix, cross) in suffixes.iter().zip(&scores.cross) {
        let cross = Series::new(cross).mean();
        features.insert(format!("cross_perplexity{suffix}"), cross);
        features.insert(format!("binoculars{suffix}"), if cross > FLAT { log_perplexity / cross } else { 0.0 });
    }
    features
}

/// Fast-DetectGPT's analytic curvature (Bao et al., 2024, arXiv:2310.05130): how far the text's log-likelihood
/// lies above its expectation under the model, in standard deviations.
fn curvature(nll: &Series, entropy: &Series, variance: &Series) -> f64 {
    let variance: f64 = variance.0.iter().sum();
    let excess: f64 = entropy.0.iter().sum::<f64>() - nll.0.iter().sum::<f64>();
    if variance > FLAT { excess / variance.sqrt() } else { 0.0 }
}

/// Numbers in order. Statistics are of the population, and 0 for an empty series.
struct Series(Vec<f64>);

impl Series {
    fn new(values: &[f32]) -> Self {
        Self(values.iter().map(|&x| f64::from(x)).collect())
    }

    fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Self(self.0.iter().map(|&x| f(x)).collect())
    }

    fn differences(&self) -> Self {
        Self(self.0.windows(2).map(|w| w[1] - w[0]).collect())
    }

    fn mean(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len().max(1) as f64
    }

    /// Central moment.
    fn moment(&self, order: i32) -> f64 {
        let mean = self.mean();
        self.map(|x| (x - mean).powi(order)).mean()
    }

    fn is_flat(&self) -> bool {
        self.moment(2) <= FLAT
    }

    /// Central moment over the same power of the standard deviation.
    fn standardised(&self, order: i32) -> f64 {
        if self.is_flat() { 0.0 } else { self.moment(order) / self.moment(2).sqrt().powi(order) }
    }

    /// Mean product of each value's distance from the mean with the next one's, over the variance.
    fn autocorrelation(&self) -> f64 {
        if self.is_flat() {
            return 0.0;
        }
        let mean = self.mean();
        let products = Series(self.0.windows(2).map(|w| (w[0] - mean) * (w[1] - mean)).collect());
        products.mean() / self.moment(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(nll: &[f32]) -> TokenScores {
        let n = nll.len();
        TokenScores {
            nll: nll.into(),
            entropy: vec![2.0; n],
            variance: vec![4.0; n],
            rank: (0..n).map(|i| if i == 0 { 1.0 } else { 2000.0 }).collect(),
            cross: vec![vec![4.0; n]],
            projected: Vec::new(),
        }
    }

    #[test]
    fn definitions_hold_on_numbers_worked_by_hand() {
        let f = features(&scores(&[1.0, 3.0, 1.0, 3.0]), &["_22".into()]);
        let expected = [
            ("log_perplexity", 2.0),
            ("cross_perplexity_22", 4.0),
            ("binoculars_22", 0.5),
            ("curvature", 0.0),
            ("entropy", 2.0),
            ("surprisal_std", 1.0),
            ("surprisal_skew", 0.0),
            ("surprisal_kurtosis", -2.0),
            ("surprisal_delta_std", (32.0f64 / 9.0).sqrt()),
            ("surprisal_delta2_std", 4.0),
            ("surprisal_autocorr", -1.0),
            ("top1_rate", 0.25),
            ("rare_rate", 0.75),
            ("log_rank", 0.75 * 2000f64.ln()),
            ("log_tokens", 4f64.ln()),
        ];
        assert_eq!(f.len(), expected.len());
        for (name, value) in expected {
            assert!((f[name] - value).abs() < 1e-9, "{name} is {}, not {value}", f[name]);
        }
    }

    #[test]
    fn few_or_equal_tokens_still_give_finite_features() {
        for nll in [&[][..], &[2.0], &[2.0, 2.0], &[0.0, 0.0, 0.0]] {
            let f = features(&scores(nll), &[String::new()]);
            assert!(f.values().all(|x| x.is_finite()), "{f:?}");
            assert_eq!(f["surprisal_kurtosis"], 0.0);
        }
    }
}
