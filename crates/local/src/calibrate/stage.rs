//! One stage's calibration: a logistic regression of the form that the pack has, on the features that it names.

use super::CalibrateError;
use super::logistic::{Observations, Solution};
use scan::{Calibration, CalibrationParameters, Features, Probability, Stage};
use std::collections::BTreeSet;

/// The strengths that are tried; the one of least loss on groups left out is taken.
const STRENGTHS: [f64; 7] = [0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0];
/// A feature that is the same in every row is divided by this.
const LEAST_SCALE: f64 = 1e-6;

/// What a stage measured of one content, and whose that is.
#[derive(Debug, Clone, Copy)]
pub struct Example<'a> {
    /// The measurements.
    pub features: &'a Features,
    /// The truth.
    pub is_ai: bool,
    /// How much it counts.
    pub weight: f64,
    /// What it is left out with.
    pub group: usize,
}

/// A fitted calibration.
#[derive(Debug, Clone, PartialEq)]
pub struct StageFit {
    /// Fitted on every example.
    pub calibration: Calibration,
    /// The inverse of the L2 penalty that was taken.
    pub strength: f64,
    /// Each example's probability by a fit without its group.
    pub out_of_sample: Vec<Probability>,
}

/// Fits the coefficients anew; which features, and whether quadratic, is as in `form`.
pub fn fit(stage: Stage, examples: &[Example], form: &CalibrationParameters) -> Result<StageFit, CalibrateError> {
    let mut best: Option<(f64, StageFit)> = None;
    for strength in STRENGTHS {
        let whole = regress(stage, examples.iter(), form, strength, None)?;
        let out_of_sample = out_of_sample(stage, examples, &whole, strength)?;
        let loss = log_loss(examples, &out_of_sample);
        if best.as_ref().is_none_or(|(least, _)| loss < *least) {
            best = Some((loss, StageFit { calibration: whole, strength, out_of_sample }));
        }
    }
    best.map(|(_, fit)| fit).ok_or(CalibrateError::NoStage)
}

fn out_of_sample(
    stage: Stage,
    examples: &[Example],
    whole: &Calibration,
    strength: f64,
) -> Result<Vec<Probability>, CalibrateError> {
    let groups: BTreeSet<usize> = examples.iter().map(|example| example.group).collect();
    let mut probabilities = vec![Probability::from_logit(0.0); examples.len()];
    for group in groups {
        let others = examples.iter().filter(|example| example.group != group);
        let without = regress(stage, others, whole.parameters(), strength, Some(whole))?;
        for (example, probability) in examples.iter().zip(&mut probabilities) {
            if example.group == group {
                *probability = Probability::from_logit(without.logit(example.features)?);
            }
        }
    }
    Ok(probabilities)
}

/// One regression, sought from the coefficients of `start`, which has the same form.
fn regress<'a>(
    stage: Stage,
    examples: impl Iterator<Item = &'a Example<'a>> + Clone,
    form: &CalibrationParameters,
    strength: f64,
    start: Option<&Calibration>,
) -> Result<Calibration, CalibrateError> {
    let parameters = standardised(examples.clone(), form)?;
    let calibration = Calibration::try_from(parameters).map_err(|source| CalibrateError::Numbers { stage, source })?;
    let terms = form.linear.len() + form.quadratic.len();
    let mut observations = Observations::new(terms);
    for example in examples {
        observations.push(&calibration.terms(example.features)?, example.is_ai, example.weight);
    }
    observations.balance();
    let start = start.map(|start| {
        let CalibrationParameters { linear, quadratic, bias, .. } = start.parameters();
        Solution { coefficients: [&linear[..], &quadratic[..]].concat(), bias: *bias }
    });
    let solution =
        observations.fit(strength, start.as_ref()).map_err(|source| CalibrateError::Fit { stage, source })?;
    let (linear, quadratic) = solution.coefficients.split_at(form.linear.len());
    let mut parameters = calibration.parameters().clone();
    parameters.linear = linear.iter().copied().map(six_digits).collect();
    parameters.quadratic = quadratic.iter().copied().map(six_digits).collect();
    parameters.bias = six_digits(solution.bias);
    Calibration::try_from(parameters).map_err(|source| CalibrateError::Numbers { stage, source })
}

/// Means and standard deviations of these examples, in the form's order.
fn standardised<'a>(
    examples: impl Iterator<Item = &'a Example<'a>> + Clone,
    form: &CalibrationParameters,
) -> Result<CalibrationParameters, CalibrateError> {
    let mut parameters = form.clone();
    let n = examples.clone().count().max(1) as f64;
    for (i, name) in form.features.iter().enumerate() {
        let values = || examples.clone().map(|example| example.features.get(name).copied());
        let missing = || scan::calibration::MissingFeature(name.clone());
        let sum: f64 = values().sum::<Option<f64>>().ok_or_else(missing)?;
        let mean = sum / n;
        let variance = values().flatten().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        parameters.mean[i] = six_digits(mean);
        parameters.scale[i] = six_digits(variance.sqrt().max(LEAST_SCALE));
    }
    Ok(parameters)
}

/// What a manifest holds of a number, so that what is measured here is what is written.
pub fn six_digits(x: f64) -> f64 {
    format!("{x:.5e}").parse().unwrap_or(x)
}

/// Weighted mean negative log-likelihood in nats.
fn log_loss(examples: &[Example], probabilities: &[Probability]) -> f64 {
    let loss = |(example, p): (&Example, &Probability)| {
        // −log p = log(1 + e^−z).
        let z = if example.is_ai { p.logit() } else { -p.logit() };
        example.weight * (-z).exp().ln_1p()
    };
    let total: f64 = examples.iter().map(|example| example.weight).sum();
    examples.iter().zip(probabilities).map(loss).sum::<f64>() / total
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    /// AI content lies on both sides of human content, as recent texts do in perplexity.
    fn both_sides(random: &mut StdRng) -> Vec<(Features, bool, usize)> {
        let row = |n: usize| {
            let is_ai = n % 2 == 1;
            let x = random.random_range(-1.0..1.0) + if is_ai { [-3.0, 3.0][n / 2 % 2] } else { 0.0 };
            (Features::from([("x".to_owned(), 10.0 + x), ("noise".to_owned(), random.random())]), is_ai, n / 2 % 3)
        };
        (0..300).map(row).collect()
    }

    fn form(quadratic: usize) -> CalibrationParameters {
        CalibrationParameters {
            features: vec!["x".into(), "noise".into()],
            mean: vec![0.0; 2],
            scale: vec![1.0; 2],
            linear: vec![0.0; 2],
            quadratic: vec![0.0; quadratic],
            bias: 0.0,
        }
    }

    #[test]
    fn a_quadratic_form_learns_what_a_plain_one_cannot_on_groups_that_it_has_not_seen() {
        let rows = both_sides(&mut StdRng::seed_from_u64(1));
        let examples: Vec<_> = rows
            .iter()
            .map(|(features, is_ai, group)| Example { features, is_ai: *is_ai, weight: 1.0, group: *group })
            .collect();
        let right = |fit: &StageFit| {
            let is_right = |(example, p): &(&Example, &Probability)| (p.value() > 0.5) == example.is_ai;
            examples.iter().zip(&fit.out_of_sample).filter(is_right).count()
        };
        let curved = fit(Stage::Binoculars, &examples, &form(3)).unwrap();
        let plain = fit(Stage::Binoculars, &examples, &form(0)).unwrap();
        assert!(right(&curved) > 290 && right(&plain) < 220, "{} {}", right(&curved), right(&plain));
        assert_eq!(curved.calibration.parameters().quadratic.len(), 3);
        assert!((curved.calibration.parameters().mean[0] - 10.0).abs() < 0.5);
    }

    #[test]
    fn what_says_nothing_is_not_turned_around_where_sources_have_one_label() {
        let mut random = StdRng::seed_from_u64(2);
        // Six sources, three of each label.
        let noise = |n: usize| (Features::from([("x".to_owned(), random.random())]), n % 2 == 1, n % 6);
        let rows: Vec<_> = (0..600).map(noise).collect();
        let examples: Vec<_> = rows
            .iter()
            .map(|(features, is_ai, group)| Example { features, is_ai: *is_ai, weight: 1.0, group: *group })
            .collect();
        let form = CalibrationParameters {
            features: vec!["x".into()],
            mean: vec![0.0],
            scale: vec![1.0],
            linear: vec![0.0],
            ..form(0)
        };
        let fit = fit(Stage::Heuristics, &examples, &form).unwrap();
        assert!(fit.out_of_sample.iter().all(|p| (p.value() - 0.5).abs() < 0.05), "{:?}", fit.out_of_sample);
    }

    #[test]
    fn a_feature_that_was_not_measured_is_named() {
        let features = Features::from([("x".to_owned(), 1.0)]);
        let examples = [Example { features: &features, is_ai: true, weight: 1.0, group: 0 }];
        let error = fit(Stage::Binoculars, &examples, &form(0)).unwrap_err();
        assert!(error.to_string().contains("`noise`"), "{error}");
    }

    #[test]
    fn numbers_are_those_of_the_manifest() {
        assert_eq!([1.234_567_8, -0.000_123_456_78, 0.0].map(six_digits), [1.23457, -0.000123457, 0.0]);
    }
}
