//! How much each stage counts, and the correction of their mean.

use super::CalibrateError;
use super::logistic::Observations;
use super::stage::six_digits;
use crate::eval::Scores;
use scan::blend::BlendError;
use scan::{Blend, Platt, Probability, Stage};
use std::collections::BTreeMap;

/// Weights are multiples of one part in so many.
const PARTS: usize = 20;
/// Two numbers need no penalty to speak of.
const STRENGTH: f64 = 1e3;

/// What the blend is fitted on: the same rows everywhere.
#[derive(Debug, Clone)]
pub struct Judgements {
    /// Each stage's probabilities, by fits without the row's group.
    pub stages: BTreeMap<Stage, Vec<Probability>>,
    /// The truth.
    pub is_ai: Vec<bool>,
    /// How much each row counts.
    pub weights: Vec<f64>,
    /// What each row is left out with.
    pub groups: Vec<usize>,
}

impl Judgements {
    /// The weights of the `fitted` stages with the greatest mean of AUROC and true-positive rate at 5 % false
    /// positives. None is zero: a scan whose other stages failed must still be judged by the one that ran. The stages that are
    /// not fitted keep the share that they have in `before`.
    pub fn weights(&self, before: &Blend, fitted: &[Stage]) -> Result<Blend, CalibrateError> {
        let total: f64 = before.weights().values().sum();
        let kept = before.weights().iter().filter(|(stage, _)| !fitted.contains(stage));
        let kept: BTreeMap<Stage, f64> = kept.map(|(stage, weight)| (*stage, weight / total)).collect();
        let rest = 1.0 - kept.values().sum::<f64>();
        let mut best: Option<(f64, Blend)> = None;
        for parts in splits(PARTS, fitted.len()) {
            let shares = fitted.iter().zip(parts).map(|(stage, n)| (*stage, rest * n as f64 / PARTS as f64));
            let weights = kept.clone().into_iter().chain(shares).map(|(stage, weight)| (stage, six_digits(weight)));
            // A split may leave all weight on nothing, where the stages that are kept have none.
            let Ok(blend) = Blend::new(weights.collect(), None) else { continue };
            let goodness = self.goodness(&self.means(&blend));
            if best.as_ref().is_none_or(|(most, _)| goodness > *most) {
                best = Some((goodness, blend));
            }
        }
        best.map(|(_, blend)| blend).ok_or(CalibrateError::NoStage)
    }

    /// The blend with its Platt scaling, and every row's confidence by a scaling without the row's group.
    pub fn platt(&self, blend: &Blend) -> Result<(Blend, Vec<Probability>), CalibrateError> {
        let means = self.means(blend);
        let whole = Blend::new(blend.weights().clone(), Some(self.scale(&means, None)?))?;
        let mut confidences = means.clone();
        let mut groups = self.groups.clone();
        groups.sort_unstable();
        groups.dedup();
        for group in groups {
            let platt = self.scale(&means, Some(group))?;
            for (row, confidence) in confidences.iter_mut().enumerate() {
                if self.groups[row] == group {
                    *confidence = platt.apply(means[row]);
                }
            }
        }
        Ok((whole, confidences))
    }

    fn scale(&self, means: &[Probability], without: Option<usize>) -> Result<Platt, CalibrateError> {
        let mut observations = Observations::new(1);
        for (row, mean) in means.iter().enumerate() {
            if without != Some(self.groups[row]) {
                observations.push(&[mean.logit()], self.is_ai[row], self.weights[row]);
            }
        }
        observations.balance();
        // Log-odds of probabilities are finite, so a fit that fails is a slope that cannot be.
        let solution = observations.fit(STRENGTH, None).map_err(|_| BlendError::Calibration)?;
        Ok(Platt { slope: six_digits(solution.coefficients[0]), intercept: six_digits(solution.bias) })
    }

    /// Every row's weighted mean.
    pub fn means(&self, blend: &Blend) -> Vec<Probability> {
        let mean = |row| {
            let scores = self.stages.iter().map(|(stage, probabilities)| (*stage, probabilities[row])).collect();
            blend.confidence(&scores).unwrap_or(Probability::from_logit(0.0))
        };
        (0..self.is_ai.len()).map(mean).collect()
    }

    fn goodness(&self, means: &[Probability]) -> f64 {
        let of = |is_ai| {
            let rows = means.iter().zip(&self.is_ai).filter(move |(_, row)| **row == is_ai);
            rows.map(|(mean, _)| mean.value())
        };
        let scores = Scores::new(of(false), of(true));
        (scores.auroc().unwrap_or(0.0) + scores.tpr_at_fpr(0.05).unwrap_or(0.0)) / 2.0
    }
}

/// All ways to split `parts` among `n`, at least one to each.
fn splits(parts: usize, n: usize) -> Vec<Vec<usize>> {
    match n {
        0 => Vec::new(),
        1 => vec![vec![parts]],
        _ => {
            let first = |own: usize| splits(parts - own, n - 1).into_iter().map(move |rest| [vec![own], rest].concat());
            (1..=parts.saturating_sub(n - 1)).flat_map(first).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(x: f64) -> Probability {
        Probability::new(x).unwrap()
    }

    /// Half of the rows are AI; `heuristics` ranks them all but one right, `roberta` says nothing.
    fn judgements() -> Judgements {
        let is_ai: Vec<bool> = (0..200).map(|row| row % 2 == 1).collect();
        let score = |row: usize| p(0.3 + 0.001 * row as f64 + if is_ai[row] && row != 1 { 0.3 } else { 0.0 });
        Judgements {
            stages: BTreeMap::from([
                (Stage::Heuristics, (0..200).map(score).collect()),
                (Stage::Roberta, (0..200).map(|row| p(0.1 + 0.8 * (row / 2 % 2) as f64)).collect()),
            ]),
            weights: vec![1.0; 200],
            groups: (0..200).map(|row| row / 2 % 4).collect(),
            is_ai,
        }
    }

    fn blend(heuristics: f64, roberta: f64) -> Blend {
        Blend::new(BTreeMap::from([(Stage::Heuristics, heuristics), (Stage::Roberta, roberta)]), None).unwrap()
    }

    #[test]
    fn parts_are_split_in_every_way() {
        assert_eq!(splits(4, 2), [[1, 3], [2, 2], [3, 1]]);
        assert_eq!(splits(PARTS, 3).len(), 171);
        assert!(splits(PARTS, 3).iter().all(|split| split.iter().sum::<usize>() == PARTS));
    }

    #[test]
    fn the_stage_that_knows_gets_the_weight_and_stages_that_are_not_fitted_keep_theirs() {
        let both = judgements().weights(&blend(1.0, 1.0), &[Stage::Heuristics, Stage::Roberta]).unwrap();
        assert!(both.weights()[&Stage::Heuristics] >= 0.8, "{both:?}");
        let one = judgements().weights(&blend(1.0, 3.0), &[Stage::Heuristics]).unwrap();
        assert_eq!(one, blend(0.25, 0.75));
    }

    #[test]
    fn scaling_spreads_timid_scores_and_refuses_reversed_ones() {
        let (scaled, confidences) = judgements().platt(&blend(1.0, 0.0)).unwrap();
        assert!(scaled.calibration().unwrap().slope > 1.5, "{scaled:?}");
        assert!(confidences[199].value() > 0.9 && confidences[0].value() < 0.1);
        let mut reversed = judgements();
        reversed.is_ai.iter_mut().for_each(|is_ai| *is_ai = !*is_ai);
        assert!(reversed.platt(&blend(1.0, 0.0)).unwrap_err().to_string().contains("do not rank"));
    }
}
