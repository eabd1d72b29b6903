//! Logistic regression with sample weights and an L2 penalty, by Newton's method (iteratively reweighted least
//! squares).
//!
//! Minimises `½ Σ w_j² + strength · Σ weight_i · log(1 + exp(−y_i · (w · x_i + bias)))`, as scikit-learn's
//! `LogisticRegression(C=strength)` does; the bias is not penalised.

/// Newton's method needs far fewer steps than this on any data; it bounds the work on data that are no numbers.
const MAX_STEPS: usize = 100;
/// The gradient's largest component, per unit of weight, at which the minimum is reached.
const TOLERANCE: f64 = 1e-9;
/// Keeps the bias's own curvature above zero where every probability has saturated.
const RIDGE: f64 = 1e-9;

/// What is fitted on: one observation a row.
#[derive(Debug, Clone, Default)]
pub struct Observations {
    /// Every row's terms and, last, a one for the bias; row-major.
    terms: Vec<f64>,
    is_ai: Vec<bool>,
    weights: Vec<f64>,
    width: usize,
}

/// A fitted regression.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// One per term.
    pub coefficients: Vec<f64>,
    /// The log-odds where every term is zero.
    pub bias: f64,
}

/// The terms are not all finite, or so large that their squares are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the features are not finite numbers of ordinary size")]
pub struct NotFinite;

impl Observations {
    /// None yet; each will have `terms` terms.
    pub fn new(terms: usize) -> Self {
        Self { width: terms + 1, ..Self::default() }
    }

    /// Adds one.
    pub fn push(&mut self, terms: &[f64], is_ai: bool, weight: f64) {
        debug_assert_eq!(terms.len() + 1, self.width);
        self.terms.extend_from_slice(terms);
        self.terms.push(1.0);
        self.is_ai.push(is_ai);
        self.weights.push(weight);
    }

    /// Scales the weights so that both labels count alike, and a row 1 on average. Where a group is left out, this keeps
    /// the fit without it from leaning towards the label that the group lacks.
    pub fn balance(&mut self) {
        let total = |is_ai| {
            let of_label = self.rows().filter(move |(_, label, _)| *label == is_ai);
            of_label.map(|(_, _, weight)| weight).sum::<f64>()
        };
        let (human, ai, half) = (total(false), total(true), self.weights.len() as f64 / 2.0);
        for (weight, is_ai) in self.weights.iter_mut().zip(&self.is_ai) {
            *weight *= half / if *is_ai { ai } else { human };
        }
    }

    /// The minimum, sought from `start`.
    pub fn fit(&self, strength: f64, start: Option<&Solution>) -> Result<Solution, NotFinite> {
        let mut theta = match start {
            Some(Solution { coefficients, bias }) => coefficients.iter().chain([bias]).copied().collect(),
            None => vec![0.0; self.width],
        };
        let mut objective = self.objective(&theta, strength);
        let enough = TOLERANCE * strength * self.weights.iter().sum::<f64>().max(1.0);
        for _ in 0..MAX_STEPS {
            let (gradient, hessian) = self.derivatives(&theta, strength);
            if gradient.iter().all(|g| g.abs() <= enough) {
                break;
            }
            let step = solve(hessian, &gradient).ok_or(NotFinite)?;
            let slope: f64 = gradient.iter().zip(&step).map(|(g, s)| g * s).sum();
            let Some(next) = self.descend(&theta, &step, objective, slope, strength) else { break };
            (theta, objective) = next;
        }
        let bias = theta.pop().filter(|_| objective.is_finite()).ok_or(NotFinite)?;
        Ok(Solution { coefficients: theta, bias })
    }

    /// The longest of the halved steps against `step` that lowers the objective as much as its slope promises (Armijo);
    /// `None` where rounding leaves nothing to gain.
    fn descend(
        &self,
        theta: &[f64],
        step: &[f64],
        objective: f64,
        slope: f64,
        strength: f64,
    ) -> Option<(Vec<f64>, f64)> {
        let halvings = std::iter::successors(Some(1.0), |length| Some(length / 2.0)).take(40);
        let tried = halvings.map(|length| {
            let next: Vec<f64> = theta.iter().zip(step).map(|(t, s)| t - length * s).collect();
            let value = self.objective(&next, strength);
            (length, next, value)
        });
        let is_lower = |(length, _, value): &(f64, Vec<f64>, f64)| *value < objective - 1e-4 * length * slope;
        tried.into_iter().find(is_lower).map(|(_, next, value)| (next, value))
    }

    fn rows(&self) -> impl Iterator<Item = (&[f64], bool, f64)> {
        let labelled = self.is_ai.iter().zip(&self.weights);
        self.terms.chunks_exact(self.width).zip(labelled).map(|(row, (is_ai, weight))| (row, *is_ai, *weight))
    }

    fn objective(&self, theta: &[f64], strength: f64) -> f64 {
        let loss = |(row, is_ai, weight): (&[f64], bool, f64)| {
            let z = dot(row, theta);
            // log(1 + e^z) without overflow.
            weight * (z.max(0.0) + (-z.abs()).exp().ln_1p() - if is_ai { z } else { 0.0 })
        };
        let penalty: f64 = theta[..self.width - 1].iter().map(|w| w * w).sum();
        penalty / 2.0 + strength * self.rows().map(loss).sum::<f64>()
    }

    /// The gradient and the lower triangle of the Hessian, row-major with full rows.
    fn derivatives(&self, theta: &[f64], strength: f64) -> (Vec<f64>, Vec<f64>) {
        let n = self.width;
        let (mut gradient, mut hessian) = (vec![0.0; n], vec![0.0; n * n]);
        for (row, is_ai, weight) in self.rows() {
            let p = 1.0 / (1.0 + (-dot(row, theta)).exp());
            let (slope, curvature) = (strength * weight * (p - f64::from(is_ai)), strength * weight * p * (1.0 - p));
            for (i, x) in row.iter().enumerate() {
                gradient[i] += slope * x;
                let scaled = curvature * x;
                for (h, y) in hessian[i * n..=i * n + i].iter_mut().zip(row) {
                    *h += scaled * y;
                }
            }
        }
        for i in 0..n - 1 {
            gradient[i] += theta[i];
            hessian[i * n + i] += 1.0;
        }
        hessian[n * n - 1] += RIDGE;
        (gradient, hessian)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Solves `matrix · x = right` for a symmetric positive definite matrix, of which the lower triangle is given, by
/// Cholesky's decomposition. `None` if it is not positive definite, as with numbers that are not finite.
fn solve(mut matrix: Vec<f64>, right: &[f64]) -> Option<Vec<f64>> {
    let n = right.len();
    for i in 0..n {
        for j in 0..=i {
            let rest = matrix[i * n + j] - dot(&matrix[i * n..i * n + j], &matrix[j * n..j * n + j]);
            if i > j {
                matrix[i * n + j] = rest / matrix[j * n + j];
            } else if rest > 0.0 {
                matrix[i * n + i] = rest.sqrt();
            } else {
                return None;
            }
        }
    }
    let mut x = right.to_vec();
    for i in 0..n {
        x[i] = (x[i] - dot(&matrix[i * n..i * n + i], &x[..i])) / matrix[i * n + i];
    }
    for i in (0..n).rev() {
        let later: f64 = (i + 1..n).map(|k| matrix[k * n + i] * x[k]).sum();
        x[i] = (x[i] - later) / matrix[i * n + i];
    }
    Some(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};
    use std::f64::consts::E;

    fn observations<const N: usize>(rows: &[([f64; N], bool, f64)]) -> Observations {
        let mut observations = Observations::new(N);
        rows.iter().for_each(|(terms, is_ai, weight)| observations.push(terms, *is_ai, *weight));
        observations
    }

    #[test]
    fn a_case_that_can_be_worked_by_hand() {
        // By symmetry the bias is 0; the derivative is w − 2·strength / (1 + e^w), so strength (1 + e) / 2 makes w 1.
        let two = observations(&[([1.0], true, 1.0), ([-1.0], false, 1.0)]);
        let Solution { coefficients, bias } = two.fit((1.0 + E) / 2.0, None).unwrap();
        assert!((coefficients[0] - 1.0).abs() < 1e-8 && bias.abs() < 1e-8, "{coefficients:?} {bias}");
    }

    #[test]
    fn without_terms_the_bias_is_the_log_odds_of_the_weights() {
        let found = observations(&[([], true, 1.5), ([], true, 1.5), ([], false, 1.0)]).fit(1.0, None).unwrap();
        assert!((found.bias - 3.0_f64.ln()).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn balanced_labels_count_alike() {
        let mut rows = observations(&[([], true, 2.0), ([], true, 1.0), ([], false, 0.5), ([], false, 0.1)]);
        rows.balance();
        assert!((rows.weights.iter().sum::<f64>() - 4.0).abs() < 1e-9);
        assert!((rows.weights[0] / rows.weights[1] - 2.0).abs() < 1e-9);
        assert!(rows.fit(1.0, None).unwrap().bias.abs() < 1e-6);
    }

    #[test]
    fn known_coefficients_are_recovered() {
        let (truth, bias) = ([1.5, -2.0, 0.0], 0.5);
        let mut random = StdRng::seed_from_u64(7);
        let mut sample = Observations::new(3);
        for _ in 0..20_000 {
            let x: [f64; 3] = std::array::from_fn(|_| random.random_range(-2.0..2.0));
            let p = 1.0 / (1.0 + (-dot(&x, &truth) - bias).exp());
            sample.push(&x, random.random_bool(p), 1.0);
        }
        let found = sample.fit(1e3, None).unwrap();
        for (found, truth) in found.coefficients.iter().chain([&found.bias]).zip(truth.iter().chain([&bias])) {
            assert!((found - truth).abs() < 0.1, "{found} for {truth}");
        }
        let again = sample.fit(1e3, Some(&Solution { coefficients: vec![5.0, 5.0, 5.0], bias: -5.0 })).unwrap();
        assert!(found.coefficients.iter().zip(&again.coefficients).all(|(a, b)| (a - b).abs() < 1e-6));
    }

    #[test]
    fn a_weight_counts_as_so_many_rows() {
        let rows = [([0.5, 1.0], true, 1.0), ([0.1, -1.0], false, 1.0), ([0.4, 0.2], false, 1.0)];
        let thrice: Vec<_> = rows.iter().copied().chain([rows[2], rows[2]]).collect();
        let mut heavy = rows;
        heavy[2].2 = 3.0;
        let (a, b) = (observations(&thrice).fit(1.0, None).unwrap(), observations(&heavy).fit(1.0, None).unwrap());
        assert!(a.coefficients.iter().zip(&b.coefficients).all(|(a, b)| (a - b).abs() < 1e-9));
    }

    #[test]
    fn separable_data_have_a_finite_fit_and_numbers_that_are_none_are_refused() {
        let apart = observations(&[([3.0], true, 1.0), ([2.0], true, 1.0), ([-2.0], false, 1.0)]);
        let found = apart.fit(1e3, None).unwrap();
        assert!(found.coefficients[0].is_finite() && found.coefficients[0] > 1.0, "{found:?}");
        let broken = observations(&[([f64::NAN], true, 1.0), ([0.0], false, 1.0)]);
        assert_eq!(broken.fit(1.0, None), Err(NotFinite));
    }
}
