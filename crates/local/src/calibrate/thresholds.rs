//! Where the verdicts part.

use super::{CalibrateError, Probabilities};
use crate::eval::{Label, Row};
use scan::{Probability, Thresholds};
use std::collections::BTreeMap;

/// A human source of so many rows has a say of its own.
const SOURCE_SIZE: usize = 80;
/// It may be accused so many times as often as all human content.
const SOURCE_FACTOR: f64 = 3.0;
/// At most this share of the AI content may be called human.
const MAX_AI_BELOW: f64 = 0.10;
/// Steps of the thresholds, per mille.
const ACCUSING_STEP: usize = 5;
const HUMAN_STEP: usize = 10;

/// `ai_generated`: the least confidence, from 0.5 in steps of 0.005, that calls at most `max_fpr` of the human rows AI,
/// and at most three times that share of every larger human source. `human`: the greatest of 0.30 to 0.50 below which a
/// tenth of the AI rows lie at most. Both hold in and out of sample: content that nothing was fitted on must not be accused
/// more often than what was. `highest` bounds the first, if a proof must reach it.
pub fn fit(
    rows: &[(&Row, Probabilities)],
    max_fpr: f64,
    highest: Option<Probability>,
) -> Result<Thresholds, CalibrateError> {
    let highest = highest.map_or(1.0, Probability::value);
    let source_fpr = SOURCE_FACTOR * max_fpr;
    let candidates = || (500..1000).step_by(ACCUSING_STEP).filter_map(per_mille).filter(|t| t.value() <= highest);
    let keeps_limits = |threshold: &Probability| {
        SAMPLES.iter().all(|of| {
            let rates = false_positive_rates(rows, of, *threshold);
            rates.all <= max_fpr && rates.sources.values().all(|rate| *rate <= source_fpr)
        })
    };
    let last = candidates().next_back().map_or(highest, Probability::value);
    let accusing = candidates().find(keeps_limits);
    let accusing = accusing.ok_or(CalibrateError::NoThreshold { max_fpr, source_fpr, highest: last })?;
    let of_ai: Vec<Probabilities> = rows.iter().filter(|(row, _)| row.label == Label::Ai).map(|(_, p)| *p).collect();
    let is_rarely_below = |threshold: &Probability| {
        SAMPLES.iter().all(|of| {
            let below = of_ai.iter().filter(|p| of(p) < *threshold).count();
            below as f64 <= MAX_AI_BELOW * of_ai.len() as f64 + 1e-9
        })
    };
    let mut falling = (300..=500).rev().step_by(HUMAN_STEP).filter_map(per_mille);
    let human = falling.find(is_rarely_below).or(per_mille(300)).unwrap_or(accusing);
    Ok(Thresholds::new(human, accusing)?)
}

/// What must hold holds for each.
const SAMPLES: [fn(&Probabilities) -> Probability; 2] = [|p| p.in_sample, |p| p.out_of_sample];

struct Rates {
    all: f64,
    sources: BTreeMap<String, f64>,
}

fn false_positive_rates(
    rows: &[(&Row, Probabilities)],
    of: impl Fn(&Probabilities) -> Probability,
    threshold: Probability,
) -> Rates {
    let mut sources: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (row, probabilities) in rows.iter().filter(|(row, _)| row.label == Label::Human) {
        let (accused, n) = sources.entry(&row.source).or_default();
        *accused += usize::from(of(probabilities) >= threshold);
        *n += 1;
    }
    let rate = |accused: usize, n: usize| accused as f64 / n.max(1) as f64;
    let (accused, n) = sources.values().fold((0, 0), |(a, n), (accused, rows)| (a + accused, n + rows));
    let large = sources.into_iter().filter(|(_, (_, n))| *n >= SOURCE_SIZE);
    Rates {
        all: rate(accused, n),
        sources: large.map(|(source, (accused, n))| (source.to_owned(), rate(accused, n))).collect(),
    }
}

fn per_mille(n: usize) -> Option<Probability> {
    Probability::new(n as f64 / 1000.0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(source: &str, label: Label, confidences: impl IntoIterator<Item = f64>) -> Vec<(Row, Probabilities)> {
        let row = |confidence: f64| {
            let p = Probability::new(confidence).unwrap();
            (Row::scored(source, label, confidence), Probabilities { in_sample: p, out_of_sample: p })
        };
        confidences.into_iter().map(row).collect()
    }

    fn fitted(rows: &[(Row, Probabilities)], max_fpr: f64, highest: Option<f64>) -> Result<(f64, f64), String> {
        let rows: Vec<_> = rows.iter().map(|(row, p)| (row, *p)).collect();
        let thresholds = fit(&rows, max_fpr, highest.map(|p| Probability::new(p).unwrap()));
        let numbers = |t: Thresholds| (t.human().value(), t.ai_generated().value());
        thresholds.map(numbers).map_err(|error| error.to_string())
    }

    #[test]
    fn as_many_humans_are_accused_as_allowed() {
        // 0.000, 0.005, …, 0.995: two of 200 are 1 %.
        let mut all = rows("a", Label::Human, (0..200).map(|i| f64::from(i) / 200.0));
        all.extend(rows("b", Label::Ai, (0..10).map(|i| f64::from(i) / 10.0 + 0.05)));
        assert_eq!(fitted(&all, 0.01, None), Ok((0.3, 0.99)));
        assert_eq!(fitted(&all, 0.1, None), Ok((0.3, 0.9)));
        assert_eq!(fitted(&all, 0.9, None), Ok((0.3, 0.5)));
        assert!(fitted(&all, 0.001, None).unwrap_err().contains("--max-fpr"));
        assert!(fitted(&all, 0.01, Some(0.95)).unwrap_err().contains("0.95"));
    }

    #[test]
    fn a_large_source_has_a_say_of_its_own() {
        let mut all = rows("many", Label::Human, [0.1; 900]);
        all.extend(rows("b", Label::Ai, [0.99; 10]));
        all.extend(rows("few", Label::Human, [0.8; 8]));
        assert_eq!(fitted(&all, 0.01, None), Ok((0.5, 0.5)));
        all.extend(rows("few", Label::Human, [0.1; 72]));
        assert_eq!(fitted(&all, 0.01, None), Ok((0.5, 0.805)));
    }

    #[test]
    fn content_that_nothing_was_fitted_on_has_its_say_too() {
        let p = |p| Probability::new(p).unwrap();
        let mut all = rows("a", Label::Human, [0.1; 100]);
        all.extend(rows("b", Label::Ai, [0.99; 100]));
        all.iter_mut().take(2).for_each(|(_, row)| row.out_of_sample = p(0.7));
        all.iter_mut().rev().take(11).for_each(|(_, row)| row.out_of_sample = p(0.4));
        assert_eq!(fitted(&all, 0.01, None), Ok((0.4, 0.705)));
    }

    #[test]
    fn the_human_threshold_lets_a_tenth_of_the_ai_content_pass() {
        let mut all = rows("a", Label::Human, [0.1; 10]);
        all.extend(rows("b", Label::Ai, (0..100).map(|i| f64::from(i) / 100.0 * 0.5 + 0.4)));
        // Below 0.45 lie ten of the hundred; below 0.46 twelve.
        assert_eq!(fitted(&all, 0.01, None), Ok((0.45, 0.5)));
    }
}
