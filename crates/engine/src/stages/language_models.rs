//! Language models out of a pack: whole, or as much of them as a probe reads.

use crate::files::PackFiles;
use crate::models::gemma3::Gemma3;
use crate::models::{Backbone, CausalLm, falcon, llama};
use crate::{EngineError, dtype, tokenizer_gguf};
use candle_core::Device;
use scan::Stage;
use scan::pack::{Architecture, Format, ModelSpec};
use tokenizers::Tokenizer;

/// A network whose first `layers` layers at least are loaded, and its tokenizer, from a folder of the pack. Texts are read
/// as the tokenizer frames them when it is asked for special tokens: Gemma wants its `<bos>`.
pub fn backbone(
    spec: &ModelSpec,
    directory: &str,
    pack: &PackFiles,
    layers: usize,
    device: &Device,
) -> Result<(Box<dyn Backbone>, Tokenizer), EngineError> {
    let (files, dtype) = (|| pack.model(&spec.files, directory), dtype(device));
    match (spec.architecture, spec.format) {
        (Architecture::Gemma3, Format::Gguf) => {
            let gguf = files()?.gguf()?;
            let (config, tokenizer) = (gguf.gemma3_config()?, tokenizer_gguf::tokenizer(&gguf)?);
            Ok((Box::new(gguf.gemma3(&config, layers, dtype, device)?), tokenizer))
        }
        (Architecture::Gemma3, Format::Safetensors) => {
            let files = files()?;
            let config = files.config()?;
            let gemma3 = files.load(dtype, device, |vb| Gemma3::load(vb, &config, layers))?;
            Ok((Box::new(gemma3), files.tokenizer()?))
        }
        _ => causal_lm(spec, directory, pack, device).map(|(model, tokenizer)| (model as Box<dyn Backbone>, tokenizer)),
    }
}

/// A causal language model and its tokenizer, from a folder of the pack.
pub(super) fn causal_lm(
    spec: &ModelSpec,
    directory: &str,
    pack: &PackFiles,
    device: &Device,
) -> Result<(Box<dyn CausalLm>, Tokenizer), EngineError> {
    let files = pack.model(&spec.files, directory)?;
    let dtype = dtype(device);
    let model: Box<dyn CausalLm> = match (spec.architecture, spec.format) {
        (Architecture::Llama, Format::Gguf) => {
            let mut gguf = files.gguf()?;
            let config = gguf.config()?;
            let llama = gguf.load(&config, dtype, device, |vb| llama::load(vb, &config))?;
            return Ok((Box::new(llama), tokenizer_gguf::tokenizer(&gguf)?));
        }
        (Architecture::Llama, Format::Safetensors) => {
            let config: llama::Config = files.config()?;
            Box::new(files.load(dtype, device, |vb| llama::load(vb, &config))?)
        }
        (Architecture::Falcon, Format::Safetensors) => {
            let config: falcon::Config = files.config()?;
            Box::new(files.load(dtype, device, |vb| falcon::load(vb, &config))?)
        }
        (architecture, format) => {
            let reason = format!("{architecture:?} from {format:?} is not a causal language model it can load");
            return Err(EngineError::unsupported(Stage::Binoculars, reason));
        }
    };
    Ok((model, files.tokenizer()?))
}
