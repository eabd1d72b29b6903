//! The tokenizer inside a GGUF file: byte-level BPE (Sennrich et al., 2016; Radford et al., 2019).

use crate::EngineError;
use crate::gguf::Gguf;
use candle_core::quantized::gguf_file::Value;
use candle_core::{Result, bail};
use tokenizers::models::bpe::{BPE, Merges, Vocab};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::{PreTokenizerWrapper, Tokenizer};

/// Builds the tokenizer of a GGUF of the GPT-2 kind with SmolLM's pre-tokenizer (every digit by itself).
///
/// Control tokens such as `<|im_start|>` are not matched in the text: to a detector they are characters that
/// someone typed. Nothing is added before or after the text.
pub fn tokenizer(gguf: &Gguf) -> std::result::Result<Tokenizer, EngineError> {
    let (vocab, merges) = tables(gguf).map_err(|e| EngineError::Tokenizer(e.to_string()))?;
    let bpe = BPE::builder().vocab_and_merges(vocab, merges).build();
    let bpe = bpe.map_err(|e| EngineError::Tokenizer(e.to_string()))?;
    let byte_level = ByteLevel::new(false, true, true);
    let split: [PreTokenizerWrapper; 2] = [Digits::new(true).into(), byte_level.into()];
    let mut tokenizer = Tokenizer::new(bpe);
    tokenizer
        .with_pre_tokenizer(Some(Sequence::new(split.into())))
        .with_post_processor(Some(byte_level))
        .with_decoder(Some(byte_level));
    Ok(tokenizer)
}

fn tables(gguf: &Gguf) -> Result<(Vocab, Merges)> {
    let kind = gguf.value("tokenizer.ggml.model")?.to_string()?;
    let split = gguf.value("tokenizer.ggml.pre")?.to_string()?;
    if (kind.as_str(), split.as_str()) != ("gpt2", "smollm") {
        bail!("the GGUF's tokenizer is `{kind}` with pre-tokenizer `{split}`; only gpt2 with smollm is known")
    }
    let strings = |key| gguf.value(key)?.to_vec()?.iter().map(Value::to_string).collect::<Result<Vec<_>>>();
    let vocab = strings("tokenizer.ggml.tokens")?.into_iter().cloned().zip(0..).collect();
    let mut merges = Vec::new();
    for merge in strings("tokenizer.ggml.merges")? {
        match merge.split_once(' ') {
            Some((left, right)) => merges.push((left.into(), right.into())),
            None => bail!("`{merge}` is not a merge of two tokens"),
        }
    }
    Ok((vocab, merges))
}
