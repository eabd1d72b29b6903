//! Gemma 3 in a GGUF file. llama.cpp stores 1 + w for its norms, and query and key rows in HF's own order.

use super::Gguf;
use crate::EngineError;
use crate::models::gemma3::{Checkpoint, Config, Gemma3};
use crate::quantised::{Filed, Matrix, Table};
use candle_core::quantized::QTensor;
use candle_core::{DType, Device, Result, Tensor, bail};
use candle_nn::{Embedding, Linear};

impl Gguf {
    /// The shape of the Gemma 3 in this file.
    pub fn gemma3_config(&self) -> std::result::Result<Config, EngineError> {
        self.gemma3_metadata().map_err(|e| EngineError::config(&self.path, e))
    }

    fn gemma3_metadata(&self) -> Result<Config> {
        self.expect_architecture("gemma3")?;
        if self.content.metadata.keys().any(|key| key.starts_with("gemma3.rope.scaling.")) {
            bail!("rotary scaling is not supported")
        }
        let number = |key: &str| self.number(&format!("gemma3.{key}"));
        let optional = |key: &str| self.optional_number(&format!("gemma3.{key}"));
        let base = |key: &str| self.optional_float(&format!("gemma3.rope.{key}"));
        let (heads, hidden) = (number("attention.head_count")?, number("embedding_length")?);
        let head_dim = optional("attention.key_length")?.unwrap_or(hidden / heads.max(1));
        if optional("attention.value_length")?.is_some_and(|width| width != head_dim) {
            bail!("keys and values differ in width")
        }
        Ok(Config {
            hidden_size: hidden,
            intermediate_size: number("feed_forward_length")?,
            vocab_size: self.vocabulary()?,
            num_hidden_layers: number("block_count")?,
            num_attention_heads: heads,
            num_key_value_heads: number("attention.head_count_kv")?,
            head_dim,
            rms_norm_eps: f64::from(self.value("gemma3.attention.layer_norm_rms_epsilon")?.to_f32()?),
            query_pre_attn_scalar: head_dim as f64,
            sliding_window: number("attention.sliding_window")?,
            layer_types: None,
            sliding_window_pattern: optional("attention.sliding_window_pattern")?,
            rope_parameters: None,
            rope_theta: base("freq_base")?,
            rope_local_base_freq: base("freq_base_swa")?,
            rope_scaling: None,
            hidden_activation: None,
            attention_bias: false,
            attn_logit_softcapping: None,
            use_bidirectional_attention: None,
        })
    }

    /// Loads the first `layers` layers of the Gemma 3 in this file, computing in `dtype` on `device`. On the CPU, weights
    /// stay quantised, and the embedding table stays in the file, which must not be written to meanwhile.
    pub fn gemma3(
        self,
        config: &Config,
        layers: usize,
        dtype: DType,
        device: &Device,
    ) -> std::result::Result<Gemma3, EngineError> {
        let path = self.path.clone();
        let tensors = Tensors { gguf: Some(self), dtype, device };
        Gemma3::from_checkpoint(tensors, config, layers, dtype, device.clone()).map_err(EngineError::weights(&path))
    }
}

/// The file's tensors; nothing once the embedding table has taken the file.
struct Tensors<'a> {
    gguf: Option<Gguf>,
    dtype: DType,
    device: &'a Device,
}

impl Tensors<'_> {
    fn read(&mut self, name: &str, shape: &[usize]) -> Result<QTensor> {
        let Some(gguf) = &mut self.gguf else { bail!("`{name}` is asked for after the embedding table") };
        let name = gguf_name(name)?;
        let tensor = gguf.content.tensor(&mut gguf.reader, &name, &Device::Cpu)?;
        match tensor.shape().dims() == shape {
            true => Ok(tensor),
            false => bail!("`{name}` has the shape {:?}, not {shape:?}", tensor.shape()),
        }
    }

    fn expand(&self, tensor: &QTensor) -> Result<Tensor> {
        tensor.dequantize(&Device::Cpu)?.to_dtype(self.dtype)?.to_device(self.device)
    }
}

impl Checkpoint for Tensors<'_> {
    fn matrix(&mut self, name: &str, rows: usize, columns: usize) -> Result<Matrix> {
        let weight = self.read(name, &[rows, columns])?;
        match self.device.is_cpu() && self.dtype == DType::F32 {
            true => Matrix::quantised(&weight),
            false => Ok(Matrix::Dense(Linear::new(self.expand(&weight)?, None))),
        }
    }

    fn norm(&mut self, name: &str, width: usize) -> Result<Tensor> {
        let factor = self.read(name, &[width])?;
        self.expand(&factor)
    }

    fn table(&mut self, name: &str, rows: usize, columns: usize) -> Result<Table> {
        if !self.device.is_cpu() {
            let weight = self.read(name, &[rows, columns])?;
            return Ok(Table::Dense(Embedding::new(self.expand(&weight)?, columns)));
        }
        let (Some(gguf), name) = (self.gguf.take(), gguf_name(name)?) else { bail!("the file is taken already") };
        match gguf.content.tensor_infos.get(&name) {
            Some(info) if info.shape.dims() == [rows, columns] => {
                Ok(Table::Filed(Filed::new(gguf.reader, gguf.content.tensor_data_offset, info)?))
            }
            _ => bail!("there is no tensor `{name}` of the shape {rows} × {columns}"),
        }
    }
}

/// `layers.3.self_attn.q_proj` → `blk.3.attn_q.weight`.
fn gguf_name(name: &str) -> Result<String> {
    if name == "embed_tokens" {
        return Ok("token_embd.weight".into());
    }
    let Some((layer, part)) = name.strip_prefix("layers.").and_then(|rest| rest.split_once('.')) else {
        bail!("`{name}` is no part of a Gemma 3")
    };
    let part = match part {
        "input_layernorm" => "attn_norm",
        "self_attn.q_proj" => "attn_q",
        "self_attn.k_proj" => "attn_k",
        "self_attn.v_proj" => "attn_v",
        "self_attn.q_norm" => "attn_q_norm",
        "self_attn.k_norm" => "attn_k_norm",
        "self_attn.o_proj" => "attn_output",
        "post_attention_layernorm" => "post_attention_norm",
        "pre_feedforward_layernorm" => "ffn_norm",
        "mlp.gate_proj" => "ffn_gate",
        "mlp.up_proj" => "ffn_up",
        "mlp.down_proj" => "ffn_down",
        "post_feedforward_layernorm" => "post_ffw_norm",
        _ => bail!("`{name}` is no part of a Gemma 3"),
    };
    Ok(format!("blk.{layer}.{part}.weight"))
}
