//! llama.cpp's GGUF: configuration and weights of a Llama or a Gemma 3, given to the model under their HF names.

mod gemma3;

use crate::EngineError;
use crate::models::llama::{Config, RopeConfig};
use crate::quantised::Random;
use candle_core::quantized::gguf_file::{Content, Value};
use candle_core::{DType, Device, Result, Tensor, bail};
use candle_nn::VarBuilder;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::{Path, PathBuf};

/// An open GGUF file: its metadata, and where its tensors lie.
pub struct Gguf {
    path: PathBuf,
    reader: Box<dyn Random>,
    content: Content,
}

impl Gguf {
    /// Opens the file at `path`.
    pub fn open(path: &Path) -> std::result::Result<Self, EngineError> {
        Self::read(path, BufReader::new(File::open(path).map_err(EngineError::io(path))?))
    }

    /// Reads the header of a file that errors call `path`. Tensors are read by [`load`](Self::load).
    pub fn read(path: &Path, mut reader: impl Read + Seek + Send + 'static) -> std::result::Result<Self, EngineError> {
        let content = Content::read(&mut reader).map_err(EngineError::weights(path))?;
        Ok(Self { path: path.into(), reader: Box::new(reader), content })
    }

    /// The shape of the Llama in this file.
    pub fn config(&self) -> std::result::Result<Config, EngineError> {
        self.llama().map_err(|e| EngineError::config(&self.path, e))
    }

    fn llama(&self) -> Result<Config> {
        self.expect_architecture("llama")?;
        if self.content.tensor_infos.contains_key("rope_freqs.weight")
            || self.content.metadata.contains_key("llama.rope.scaling.type")
        {
            bail!("rotary scaling is not supported")
        }
        let number = |key| self.number(key);
        Ok(Config {
            hidden_size: number("llama.embedding_length")?,
            intermediate_size: number("llama.feed_forward_length")?,
            vocab_size: self.vocabulary()?,
            num_hidden_layers: number("llama.block_count")?,
            num_attention_heads: number("llama.attention.head_count")?,
            num_key_value_heads: Some(number("llama.attention.head_count_kv")?),
            head_dim: self.optional_number("llama.attention.key_length")?,
            rms_norm_eps: f64::from(self.value("llama.attention.layer_norm_rms_epsilon")?.to_f32()?),
            rope: RopeConfig { rope_theta: self.optional_float("llama.rope.freq_base")?, ..RopeConfig::default() },
            tie_word_embeddings: !self.content.tensor_infos.contains_key("output.weight"),
            attention_bias: self.content.tensor_infos.contains_key("blk.0.attn_q.bias"),
            mlp_bias: false,
        })
    }

    fn expect_architecture(&self, expected: &str) -> Result<()> {
        match self.value("general.architecture")?.to_string()? {
            found if found == expected => Ok(()),
            found => bail!("the architecture is `{found}`, not `{expected}`"),
        }
    }

    /// Rows of the embedding table.
    fn vocabulary(&self) -> Result<usize> {
        match self.content.tensor_infos.get("token_embd.weight") {
            Some(embedding) => Ok(embedding.shape.dims2()?.0),
            None => bail!("there is no tensor `token_embd.weight`"),
        }
    }

    fn number(&self, key: &str) -> Result<usize> {
        Ok(self.value(key)?.to_u32()? as usize)
    }

    fn optional_number(&self, key: &str) -> Result<Option<usize>> {
        Ok(self.content.metadata.get(key).map(Value::to_u32).transpose()?.map(|n| n as usize))
    }

    fn optional_float(&self, key: &str) -> Result<Option<f64>> {
        Ok(self.content.metadata.get(key).map(Value::to_f32).transpose()?.map(f64::from))
    }

    /// A metadata value that must be there.
    pub(crate) fn value(&self, key: &str) -> Result<&Value> {
        match self.content.metadata.get(key) {
            Some(value) => Ok(value),
            None => bail!("there is no metadata `{key}`"),
        }
    }

    /// Expands every tensor to `dtype` on `device` and lets `load` take them under their HF names. Expanded,
    /// because candle's product with Q4_1 weights has no vector kernel.
    pub fn load<T>(
        &mut self,
        config: &Config,
        dtype: DType,
        device: &Device,
        load: impl FnOnce(VarBuilder) -> Result<T>,
    ) -> std::result::Result<T, EngineError> {
        let weights = self.tensors(config, dtype, device);
        weights
            .and_then(|tensors| load(VarBuilder::from_tensors(tensors, dtype, device)))
            .map_err(EngineError::weights(&self.path))
    }

    fn tensors(&mut self, config: &Config, dtype: DType, device: &Device) -> Result<HashMap<String, Tensor>> {
        let mut tensors = HashMap::new();
        for name in self.content.tensor_infos.keys() {
            let tensor = self.content.tensor(&mut self.reader, name, &Device::Cpu)?;
            let tensor = tensor.dequantize(&Device::Cpu)?.to_dtype(dtype)?.to_device(device)?;
            let shared = config.num_key_value_heads.unwrap_or(config.num_attention_heads);
            let tensor = match name.rsplit_once(".attn_") {
                Some((_, "q.weight")) => two_halves(&tensor, config.num_attention_heads)?,
                Some((_, "k.weight")) => two_halves(&tensor, shared)?,
                _ => tensor,
            };
            tensors.insert(hf_name(name), tensor);
        }
        Ok(tensors)
    }
}

/// Undoes llama.cpp's reordering of query and key rows: it interleaves the two halves of each head that HF's
/// rotary form pairs up.
fn two_halves(weight: &Tensor, heads: usize) -> Result<Tensor> {
    let (rows, columns) = weight.dims2()?;
    if heads == 0 || rows % (2 * heads) != 0 {
        bail!("{heads} heads do not divide {rows} rows")
    }
    weight.reshape((heads, rows / heads / 2, 2, columns))?.transpose(1, 2)?.reshape((rows, columns))
}

/// `blk.3.attn_q.weight` → `model.layers.3.self_attn.q_proj.weight`. Unknown names stay as they are.
fn hf_name(name: &str) -> String {
    let renamed = |part: &str| match part {
        "attn_norm.weight" => Some("input_layernorm.weight"),
        "attn_q.weight" => Some("self_attn.q_proj.weight"),
        "attn_k.weight" => Some("self_attn.k_proj.weight"),
        "attn_v.weight" => Some("self_attn.v_proj.weight"),
        "attn_output.weight" => Some("self_attn.o_proj.weight"),
        "ffn_norm.weight" => Some("post_attention_layernorm.weight"),
        "ffn_gate.weight" => Some("mlp.gate_proj.weight"),
        "ffn_up.weight" => Some("mlp.up_proj.weight"),
        "ffn_down.weight" => Some("mlp.down_proj.weight"),
        _ => None,
    };
    let layer = name.strip_prefix("blk.").and_then(|rest| rest.split_once('.'));
    match (name, layer) {
        ("token_embd.weight", _) => "model.embed_tokens.weight".into(),
        ("output_norm.weight", _) => "model.norm.weight".into(),
        ("output.weight", _) => "lm_head.weight".into(),
        (_, Some((i, part))) => renamed(part).map_or_else(|| name.into(), |part| format!("model.layers.{i}.{part}")),
        _ => name.into(),
    }
}
