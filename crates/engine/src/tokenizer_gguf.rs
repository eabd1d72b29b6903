//! The tokenizer inside a GGUF file: byte-level BPE, or SentencePiece's BPE over characters (Sennrich et al., 2016;
//! Radford et al., 2019; Kudo and Richardson, 2018).
//!
//! Control tokens such as `<|im_start|>` are not matched in the text: to a detector they are characters that
//! someone typed. Nothing is added before or after the text unless special tokens are asked for.

mod sentencepiece;

use crate::EngineError;
use crate::gguf::Gguf;
use candle_core::quantized::gguf_file::Value;
use candle_core::{Result, bail};
use tokenizers::models::bpe::{BPE, Merges, Vocab};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::{PreTokenizerWrapper, Tokenizer};

/// Builds the tokenizer of a GGUF of the GPT-2 kind with SmolLM's pre-tokenizer (every digit by itself), or of the
/// SentencePiece kind that Gemma has.
pub fn tokenizer(gguf: &Gguf) -> std::result::Result<Tokenizer, EngineError> {
    let text = |key| gguf.value(key)?.to_string();
    let kind = || Ok::<_, candle_core::Error>((text("tokenizer.ggml.model")?, text("tokenizer.ggml.pre")?));
    match kind().map_err(refused)? {
        (model, pre) if (model.as_str(), pre.as_str()) == ("gpt2", "smollm") => byte_level(gguf),
        (model, pre) if (model.as_str(), pre.as_str()) == ("llama", "default") => sentencepiece::tokenizer(gguf),
        (model, pre) => Err(EngineError::Tokenizer(format!(
            "the GGUF's is `{model}` with pre-tokenizer `{pre}`; only gpt2 with smollm and llama with default are known"
        ))),
    }
}

fn byte_level(gguf: &Gguf) -> std::result::Result<Tokenizer, EngineError> {
    let (vocab, merges) = tables(gguf).map_err(refused)?;
    let bpe = BPE::builder().vocab_and_merges(vocab, merges).build().map_err(refused)?;
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
    let vocab = strings(gguf, "tokenizer.ggml.tokens")?.into_iter().cloned().zip(0..).collect();
    let mut merges = Vec::new();
    for merge in strings(gguf, "tokenizer.ggml.merges")? {
        match merge.split_once(' ') {
            Some((left, right)) => merges.push((left.into(), right.into())),
            None => bail!("`{merge}` is not a merge of two tokens"),
        }
    }
    Ok((vocab, merges))
}

fn strings<'a>(gguf: &'a Gguf, key: &str) -> Result<Vec<&'a String>> {
    gguf.value(key)?.to_vec()?.iter().map(Value::to_string).collect()
}

fn refused(reason: impl ToString) -> EngineError {
    EngineError::Tokenizer(reason.to_string())
}
