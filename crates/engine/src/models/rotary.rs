//! Rotary positions (Su et al., 2021, arXiv:2104.09864), in the two-halves form of HF transformers.

use super::Packed;
use candle_core::{DType, Device, Result, Tensor, bail};
use serde::Deserialize;

/// How a `config.json` says that rotary frequencies are made.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct RopeConfig {
    /// Base of the frequencies, where older files keep it.
    pub rope_theta: Option<f64>,
    /// Base and kind, where newer files keep them.
    pub rope_parameters: Option<RopeParameters>,
    /// Context extension of older files.
    pub rope_scaling: Option<RopeParameters>,
}

/// Base of the frequencies and the kind of scaling.
#[derive(Debug, Clone, Deserialize)]
pub struct RopeParameters {
    /// Base of the frequencies.
    pub rope_theta: Option<f64>,
    /// Only `default`, plain rotary, is supported.
    #[serde(alias = "type")]
    pub rope_type: Option<String>,
}

/// Rotation frequencies of one attention head.
pub(super) struct Rotary {
    /// `base^(-2i/dim)` for `i` in `0..dim/2`.
    frequencies: Vec<f32>,
}

/// Cosines and sines of a batch's positions, each `[tokens, dim/2]`.
pub(super) struct Angles {
    cos: Tensor,
    sin: Tensor,
}

impl Rotary {
    /// For heads of width `dim`; the base is 10,000 unless the configuration says otherwise.
    pub(super) fn new(dim: usize, config: &RopeConfig) -> Result<Self> {
        let newer = config.rope_parameters.as_ref();
        for parameters in newer.into_iter().chain(&config.rope_scaling) {
            match parameters.rope_type.as_deref() {
                None | Some("default") => {}
                Some(kind) => bail!("rotary scaling `{kind}` is not supported"),
            }
        }
        let base = newer.and_then(|p| p.rope_theta).or(config.rope_theta).unwrap_or(10_000.0);
        let frequencies = (0..dim / 2).map(|i| base.powf(-2.0 * i as f64 / dim as f64) as f32).collect();
        Ok(Self { frequencies })
    }

    /// The angles of each token of the batch; positions restart with each sequence.
    pub(super) fn angles(&self, batch: &Packed, dtype: DType, device: &Device) -> Result<Angles> {
        let shape = (batch.tokens(), self.frequencies.len());
        let angles: Vec<f32> =
            batch.positions().flat_map(|p| self.frequencies.iter().map(move |f| p as f32 * f)).collect();
        let table = |f: fn(f32) -> f32| {
            let values: Vec<f32> = angles.iter().map(|&a| f(a)).collect();
            Tensor::from_vec(values, shape, device)?.to_dtype(dtype)
        };
        Ok(Angles { cos: table(f32::cos)?, sin: table(f32::sin)? })
    }
}

impl Angles {
    /// Rotates `[tokens, heads, dim]`.
    pub(super) fn rotate(&self, x: &Tensor) -> Result<Tensor> {
        candle_nn::rotary_emb::rope_thd(&x.contiguous()?.unsqueeze(0)?, &self.cos, &self.sin)?.squeeze(0)
    }
}
