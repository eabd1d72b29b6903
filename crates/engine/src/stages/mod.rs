//! The neural stages: from a text or the pixels of an image to a reading.

pub mod binoculars;
pub mod classifier;
pub mod encoder;
pub mod language_models;

use candle_core::{DType, Result, Tensor};

/// Log-odds of AI, in nats, from logits `[inputs, 2]` of which `ai` is AI's, or `[inputs, 1]` that are log-odds.
fn log_odds(logits: &Tensor, ai: usize) -> Result<Vec<f64>> {
    let logits = logits.to_dtype(DType::F32)?.to_vec2::<f32>()?;
    let log_odds = |row: &Vec<f32>| match row.len() {
        1 => f64::from(row[0]),
        _ => f64::from(row[ai]) - f64::from(row[1 - ai]),
    };
    Ok(logits.iter().map(log_odds).collect())
}
