//! How well scores part human from AI texts. A higher score says AI; a threshold `t` says AI of `score >= t`.
//!
//! Every measure is `None` where the texts that it needs are missing.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Resamples behind an interval.
const RESAMPLES: usize = 1_000;
/// Equal-width bins of the calibration error.
const BINS: usize = 15;
/// The 97.5 % point of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// The scores of both classes, sorted once. Every distinct score has a rank; equal scores share theirs.
#[derive(Debug, Clone)]
pub struct Scores {
    human: Class,
    ai: Class,
    ranks: usize,
}

#[derive(Debug, Clone)]
struct Class {
    /// Ascending.
    scores: Vec<f64>,
    /// The rank of each score.
    ranks: Vec<usize>,
}

/// A share with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// The share found.
    pub rate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Scores {
    /// Sorts the scores. Those that are not finite say nothing and are left out.
    pub fn new(human: impl IntoIterator<Item = f64>, ai: impl IntoIterator<Item = f64>) -> Self {
        let (human, ai) = (sorted(human), sorted(ai));
        let mut distinct = sorted(human.iter().chain(&ai).copied());
        distinct.dedup();
        let class = |scores: Vec<f64>| {
            let ranks = scores.iter().map(|score| distinct.partition_point(|d| d < score)).collect();
            Class { scores, ranks }
        };
        Self { human: class(human), ai: class(ai), ranks: distinct.len() }
    }

    /// Number of human texts.
    pub fn n_human(&self) -> usize {
        self.human.scores.len()
    }

    /// Number of AI texts.
    pub fn n_ai(&self) -> usize {
        self.ai.scores.len()
    }

    /// Area under the ROC curve: the probability that an AI text scores above a human one, ties counting half
    /// (the Mann–Whitney statistic).
    pub fn auroc(&self) -> Option<f64> {
        let (human, ai) = (self.human.counts(self.ranks), self.ai.counts(self.ranks));
        self.has_both().then(|| area(&human, &ai))
    }

    /// The 95 % percentile bootstrap interval of [`Scores::auroc`]: 1,000 resamples, drawn within each class.
    pub fn auroc_interval(&self, seed: u64) -> Option<(f64, f64)> {
        if !self.has_both() {
            return None;
        }
        let mut random = StdRng::seed_from_u64(seed);
        let (mut human, mut ai) = (vec![0; self.ranks], vec![0; self.ranks]);
        let mut areas: Vec<f64> = (0..RESAMPLES)
            .map(|_| {
                self.human.resample(&mut random, &mut human);
                self.ai.resample(&mut random, &mut ai);
                area(&human, &ai)
            })
            .collect();
        areas.sort_by(f64::total_cmp);
        Some((areas[RESAMPLES / 40], areas[RESAMPLES - 1 - RESAMPLES / 40]))
    }

    /// The largest true-positive rate of any threshold whose false-positive rate is at most `fpr`.
    pub fn tpr_at_fpr(&self, fpr: f64) -> Option<f64> {
        if !self.has_both() {
            return None;
        }
        let (human, ai) = (self.human.counts(self.ranks), self.ai.counts(self.ranks));
        let (mut accused, mut caught) = (0, 0);
        for rank in (0..self.ranks).rev() {
            accused += human[rank];
            // The small term undoes the rounding of `fpr`: 5 of 100 is a rate of 0.05.
            if accused as f64 > fpr * self.n_human() as f64 + 1e-9 {
                break;
            }
            caught += ai[rank];
        }
        Some(caught as f64 / self.n_ai() as f64)
    }

    /// Expected calibration error of the scores as probabilities of AI: over 15 equal-width bins, the mean gap
    /// between mean score and share of AI, weighted by the bins' sizes (Guo et al., 2017, arXiv:1706.04599).
    pub fn ece(&self) -> Option<f64> {
        if !self.has_both() {
            return None;
        }
        let mut gaps = [0.0; BINS];
        for (class, is_ai) in [(&self.human, 0.0), (&self.ai, 1.0)] {
            for score in &class.scores {
                gaps[((score * BINS as f64).max(0.0) as usize).min(BINS - 1)] += score - is_ai;
            }
        }
        Some(gaps.iter().map(|gap| gap.abs()).sum::<f64>() / (self.n_human() + self.n_ai()) as f64)
    }

    /// The share of human texts called AI at `threshold`, with its Wilson interval.
    pub fn fpr_at(&self, threshold: f64) -> Option<Rate> {
        wilson(self.human.at_least(threshold), self.n_human())
    }

    /// The share of AI texts called AI at `threshold`, with its Wilson interval.
    pub fn tpr_at(&self, threshold: f64) -> Option<Rate> {
        wilson(self.ai.at_least(threshold), self.n_ai())
    }

    fn has_both(&self) -> bool {
        self.n_human() > 0 && self.n_ai() > 0
    }
}

impl Class {
    /// How many scores have each rank.
    fn counts(&self, ranks: usize) -> Vec<usize> {
        let mut counts = vec![0; ranks];
        for rank in &self.ranks {
            counts[*rank] += 1;
        }
        counts
    }

    /// As many draws as there are scores, with replacement, counted by rank.
    fn resample(&self, random: &mut StdRng, counts: &mut [usize]) {
        counts.fill(0);
        for _ in 0..self.ranks.len() {
            counts[self.ranks[random.random_range(0..self.ranks.len())]] += 1;
        }
    }

    fn at_least(&self, threshold: f64) -> usize {
        self.scores.len() - self.scores.partition_point(|score| *score < threshold)
    }
}

/// The Wilson score interval of `hits` among `n` (Wilson, 1927): fair at rates near zero.
pub fn wilson(hits: usize, n: usize) -> Option<Rate> {
    let (rate, n) = (hits as f64 / n as f64, n as f64);
    let centre = rate + Z * Z / (2.0 * n);
    let half = Z * (rate * (1.0 - rate) / n + Z * Z / (4.0 * n * n)).sqrt();
    let end = |x: f64| (x / (1.0 + Z * Z / n)).clamp(0.0, 1.0);
    (n > 0.0).then(|| Rate { rate, low: end(centre - half), high: end(centre + half) })
}

/// Mann–Whitney from counts by rank.
fn area(human: &[usize], ai: &[usize]) -> f64 {
    let (mut below, mut pairs, mut n_ai) = (0, 0, 0);
    for (human, ai) in human.iter().zip(ai) {
        pairs += ai * (2 * below + human);
        below += human;
        n_ai += ai;
    }
    pairs as f64 / (2 * below * n_ai) as f64
}

fn sorted(scores: impl IntoIterator<Item = f64>) -> Vec<f64> {
    // Adding zero makes -0.0 the same score as 0.0.
    let mut scores: Vec<f64> = scores.into_iter().filter(|score| score.is_finite()).map(|score| score + 0.0).collect();
    scores.sort_by(f64::total_cmp);
    scores
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(a: Option<f64>, b: f64) -> bool {
        a.is_some_and(|a| (a - b).abs() < 1e-9)
    }

    #[test]
    fn auroc_counts_ties_half() {
        // Pairs (human, ai): .1<.4 .1<.4 .1<.8 | .4=.4 .4=.4 .4<.8 → (3 + 1 + 1) / 6.
        let scores = Scores::new([0.1, 0.4], [0.4, 0.4, 0.8]);
        assert!(close(scores.auroc(), 5.0 / 6.0));
        assert_eq!(Scores::new([0.5; 9], [0.5; 4]).auroc(), Some(0.5));
        assert_eq!(Scores::new([0.9], [0.1]).auroc(), Some(0.0));
    }

    #[test]
    fn tpr_at_fpr_is_that_of_the_best_allowed_threshold() {
        let human: Vec<f64> = (0..100).map(|i| f64::from(i) / 100.0).collect();
        let scores = Scores::new(human, [0.2, 0.945, 0.95, 0.985, 0.995]);
        // 1 %: one human (.99) may be accused, so t = .985. 5 %: .95 to .99, so t = .945; .94 would accuse six.
        assert!(close(scores.tpr_at_fpr(0.01), 0.4));
        assert!(close(scores.tpr_at_fpr(0.05), 0.8));
        // A tie cannot be split: the threshold that catches the AI text accuses the human too.
        assert_eq!(Scores::new([0.9, 0.1], [0.9]).tpr_at_fpr(0.05), Some(0.0));
        assert_eq!(Scores::new([0.9, 0.1], [0.95]).tpr_at_fpr(0.0), Some(1.0));
    }

    #[test]
    fn ece_is_the_mean_gap_of_the_bins() {
        // Bin of .1: scores .1 .1 with no AI, gap .1; bin of .9: .9 .9 with one AI of two, gap .4.
        assert!(close(Scores::new([0.1, 0.1, 0.9], [0.9]).ece(), 0.25));
        assert!(close(Scores::new([0.0], [1.0]).ece(), 0.0));
    }

    #[test]
    fn wilson_agrees_with_the_textbook() {
        // 4 of 40: 4.0 % to 23.1 % (Newcombe, 1998, method 3).
        let rate = wilson(4, 40).unwrap();
        assert!((rate.low - 0.0396).abs() < 5e-4 && (rate.high - 0.2305).abs() < 5e-4, "{rate:?}");
        assert_eq!(wilson(0, 10).unwrap().low, 0.0);
        assert_eq!(wilson(0, 0), None);
        let scores = Scores::new([0.1, 0.5, 0.9], []);
        assert!(close(scores.fpr_at(0.5).map(|rate| rate.rate), 2.0 / 3.0));
    }

    #[test]
    fn a_missing_class_gives_nothing() {
        let scores = Scores::new([0.1, 0.2], [f64::NAN]);
        assert_eq!((scores.auroc(), scores.auroc_interval(1), scores.ece()), (None, None, None));
        assert_eq!((scores.tpr_at_fpr(0.01), scores.tpr_at(0.5)), (None, None));
        assert_eq!((scores.n_human(), scores.n_ai()), (2, 0));
    }

    #[test]
    fn the_interval_is_seeded_and_about_as_wide_as_theory_says() {
        let human: Vec<f64> = (0..200).map(|i| f64::from(i * 7 % 200)).collect();
        let ai: Vec<f64> = (0..200).map(|i| f64::from(i * 11 % 200) + 60.5).collect();
        let scores = Scores::new(human, ai);
        let (low, high) = scores.auroc_interval(3).unwrap();
        assert_eq!(scores.auroc_interval(3), Some((low, high)));
        let area = scores.auroc().unwrap();
        // The standard error of Hanley and McNeil (1982).
        let (q1, q2) = (area / (2.0 - area), 2.0 * area * area / (1.0 + area));
        let variance = (area * (1.0 - area) + 199.0 * (q1 + q2 - 2.0 * area * area)) / 40_000.0;
        assert!(low < area && area < high);
        assert!(((high - low) / (2.0 * Z * variance.sqrt()) - 1.0).abs() < 0.2, "{low} {high} {}", variance.sqrt());
    }

    /// Few distinct values, so that ties are common.
    fn some_scores() -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec((0..12u8).prop_map(|x| f64::from(x) / 11.0), 1..30)
    }

    proptest! {
        #[test]
        fn auroc_equals_its_definition(human in some_scores(), ai in some_scores()) {
            let wins = |h: &f64, a: &f64| if a > h { 1.0 } else if a == h { 0.5 } else { 0.0 };
            let sum: f64 = human.iter().flat_map(|h| ai.iter().map(move |a| wins(h, a))).sum();
            let expected = sum / (human.len() * ai.len()) as f64;
            prop_assert!(close(Scores::new(human, ai).auroc(), expected));
        }

        #[test]
        fn only_the_order_of_scores_matters(human in some_scores(), ai in some_scores(), fpr in 0.0..0.3) {
            let plain = Scores::new(human.clone(), ai.clone());
            let bent = |scores: Vec<f64>| scores.into_iter().map(|x| (3.0 * x).exp() - 40.0);
            let bent = Scores::new(bent(human), bent(ai));
            prop_assert_eq!(plain.auroc(), bent.auroc());
            prop_assert_eq!(plain.auroc_interval(5), bent.auroc_interval(5));
            prop_assert_eq!(plain.tpr_at_fpr(fpr), bent.tpr_at_fpr(fpr));
        }

        #[test]
        fn tpr_at_fpr_equals_a_search_over_thresholds(human in some_scores(), ai in some_scores(), fpr in 0.0..0.3) {
            let share = |of: &[f64], t: f64| of.iter().filter(|s| **s >= t).count() as f64 / of.len() as f64;
            let thresholds = human.iter().chain(&ai).copied().chain([f64::INFINITY]);
            let best = thresholds.filter(|t| share(&human, *t) <= fpr).map(|t| share(&ai, t)).fold(0.0, f64::max);
            prop_assert!(close(Scores::new(human, ai).tpr_at_fpr(fpr), best));
        }
    }
}
