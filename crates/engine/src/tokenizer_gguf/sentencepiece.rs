//! Gemma's tokenizer: SentencePiece's BPE with byte fallback, no space put before the text, and spaces written as `▁`.
//!
//! A GGUF file of this kind lists no merges. As HF transformers does for Gemma (`integrations/gguf`), they are made anew:
//! every way to cut a token into two others is a merge, earlier tokens first, and of one token the longest left part first.

use super::{refused, strings};
use crate::EngineError;
use crate::gguf::Gguf;
use candle_core::quantized::gguf_file::Value;
use candle_core::{Result, bail};
use std::borrow::Cow;
use tokenizers::models::bpe::{BPE, Merges, Vocab};
use tokenizers::normalizers::Replace;
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{AddedToken, Tokenizer};

/// The space of SentencePiece, U+2581.
const SPACE: &str = "▁";
/// The longest token in bytes, so that cutting up every token stays cheap; Gemma's longest has under 100.
const LONGEST: usize = 1024;
/// `llama.cpp`'s LLAMA_TOKEN_TYPE_USER_DEFINED: matched in the text before anything is merged.
const USER_DEFINED: i32 = 4;

/// What the file says of its tokens.
struct Tokens<'a> {
    /// As the merges spell them.
    spelled: Vec<Cow<'a, str>>,
    user_defined: Vec<AddedToken>,
    unknown: String,
    /// Put before the text with special tokens.
    first: Option<(String, u32)>,
}

pub(super) fn tokenizer(gguf: &Gguf) -> std::result::Result<Tokenizer, EngineError> {
    let tokens = Tokens::read(gguf).map_err(refused)?;
    let (vocab, merges) = tables(&tokens.spelled);
    let bpe = BPE::builder()
        .vocab_and_merges(vocab, merges)
        .unk_token(tokens.unknown)
        .fuse_unk(true)
        .byte_fallback(true)
        // It would hold words, and here a whole line is one.
        .cache_capacity(0)
        .build()
        .map_err(refused)?;
    let mut tokenizer = Tokenizer::new(bpe);
    tokenizer.with_normalizer(Some(Replace::new(" ", SPACE).map_err(refused)?)).map_err(refused)?;
    tokenizer.add_tokens(tokens.user_defined).map_err(refused)?;
    if let Some((token, id)) = tokens.first {
        let frame = TemplateProcessing::builder()
            .try_single(format!("{token} $A"))
            .map_err(refused)?
            .special_tokens(vec![(token, id)])
            .build()
            .map_err(refused)?;
        tokenizer.with_post_processor(Some(frame));
    }
    Ok(tokenizer)
}

impl<'a> Tokens<'a> {
    fn read(gguf: &'a Gguf) -> Result<Self> {
        let tokens = strings(gguf, "tokenizer.ggml.tokens")?;
        let kinds = gguf.value("tokenizer.ggml.token_type")?.to_vec()?;
        if tokens.len() != kinds.len() || tokens.iter().any(|token| token.is_empty() || token.len() > LONGEST) {
            bail!("tokens without a type, or empty, or of more than {LONGEST} bytes")
        }
        let flag = |key: &str| gguf.value(key)?.to_bool();
        if flag("tokenizer.ggml.add_space_prefix")? {
            bail!("a space before the text is not supported")
        }
        let of_id = |key: &str| {
            let id = gguf.value(key)?.to_u32()?;
            match tokens.get(id as usize) {
                Some(&token) => Ok((token.clone(), id)),
                None => bail!("`{key}` is {id}, of {} tokens", tokens.len()),
            }
        };
        let first = match flag("tokenizer.ggml.add_bos_token")? {
            true => Some(of_id("tokenizer.ggml.bos_token_id")?),
            false => None,
        };
        let mut user_defined = Vec::new();
        for (token, kind) in tokens.iter().zip(kinds) {
            // Runs of spaces are found by merging: the text has none left by then.
            if matches!(kind, Value::I32(USER_DEFINED)) && !is_spaces(token) {
                user_defined.push(AddedToken::from(token.as_str(), false).normalized(false));
            }
        }
        let spell = |token: &'a String| match is_spaces(token) {
            true => Cow::Owned(SPACE.repeat(token.len())),
            false => Cow::Borrowed(token.as_str()),
        };
        let unknown = of_id("tokenizer.ggml.unknown_token_id")?.0;
        Ok(Self { spelled: tokens.iter().copied().map(spell).collect(), user_defined, unknown, first })
    }
}

/// llama.cpp writes tokens of nothing but spaces as such.
fn is_spaces(token: &str) -> bool {
    token.bytes().all(|byte| byte == b' ')
}

fn tables(tokens: &[Cow<str>]) -> (Vocab, Merges) {
    let vocab: Vocab = tokens.iter().map(|token| token.clone().into_owned()).zip(0..).collect();
    let mut merges = Merges::new();
    for token in tokens {
        for (cut, _) in token.char_indices().skip(1).collect::<Vec<_>>().into_iter().rev() {
            let (left, right) = token.split_at(cut);
            if vocab.contains_key(left) && vocab.contains_key(right) {
                merges.push((left.into(), right.into()));
            }
        }
    }
    (vocab, merges)
}
