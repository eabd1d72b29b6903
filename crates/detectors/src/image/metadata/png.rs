//! PNG chunks (W3C PNG, third edition, section 11.3), before and after the pixels.

use super::blocks::{Blocks, MAX_BLOCK, Place};
use super::encoding::decode;
use std::borrow::Cow;

/// Walks the chunks up to `IEND`; checksums do not matter to what a file says.
pub(super) fn blocks(bytes: &[u8]) -> Blocks<'_> {
    let mut blocks = Blocks::default();
    let mut rest = bytes.get(8..).unwrap_or_default();
    while let Some((name, data, after)) = chunk(rest) {
        rest = after;
        match name {
            b"tEXt" => _ = split(data).map(|(key, text)| add(&mut blocks, key, text)),
            b"zTXt" => _ = compressed_text(data, &mut blocks),
            b"iTXt" => _ = international_text(data, &mut blocks),
            b"eXIf" => blocks.exif(data),
            b"caBX" => blocks.manifest = true,
            b"IEND" => break,
            _ => {}
        }
    }
    blocks
}

/// Name, data and what follows.
fn chunk(bytes: &[u8]) -> Option<(&[u8; 4], &[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (name, rest) = rest.split_first_chunk()?;
    let (data, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    Some((name, data, rest.get(4..).unwrap_or_default()))
}

/// At the first zero byte.
fn split(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let zero = data.iter().position(|byte| *byte == 0)?;
    Some((&data[..zero], &data[zero + 1..]))
}

/// Keyword, zero, compression method, zlib stream.
fn compressed_text(data: &[u8], blocks: &mut Blocks<'_>) -> Option<()> {
    let (key, packed) = split(data)?;
    let text = blocks.inflate(packed.get(1..)?)?;
    add(blocks, key, &text);
    Some(())
}

/// Keyword, zero, compression flag and method, language, zero, translated keyword, zero, text.
fn international_text(data: &[u8], blocks: &mut Blocks<'_>) -> Option<()> {
    let (key, rest) = split(data)?;
    let compressed = *rest.first()? == 1;
    let (_language, rest) = split(rest.get(2..)?)?;
    let (_translated, text) = split(rest)?;
    let text = if compressed { blocks.inflate(text)?.into() } else { Cow::Borrowed(text) };
    add(blocks, key, &text);
    Some(())
}

/// Files a text under what it is.
fn add(blocks: &mut Blocks<'_>, key: &[u8], text: &[u8]) {
    // Registered keywords have at most 79 bytes.
    let key = decode(&key[..key.len().min(79)]);
    match key.as_str() {
        "XML:com.adobe.xmp" => blocks.xmp(text[..text.len().min(MAX_BLOCK)].to_vec()),
        // ImageMagick's names; which of them it chose says less than what is in it.
        name if name.starts_with("Raw profile type ") && !name.ends_with("icc") && !name.ends_with("icm") => {
            _ = raw_profile(text).map(|profile| blocks.profile(profile));
        }
        _ => blocks.text(Place::Png, key, text),
    }
}

/// ImageMagick's older way to keep a foreign profile: a line with its kind, one with its length, then hexadecimal.
fn raw_profile(text: &[u8]) -> Option<Vec<u8>> {
    let mut lines = text[..text.len().min(2 * MAX_BLOCK)].split(|byte| *byte == b'\n').skip_while(|l| l.is_empty());
    let (_kind, _length) = (lines.next()?, lines.next()?);
    let digits: Vec<u8> = lines.flatten().filter_map(|c| char::from(*c).to_digit(16)).map(|d| d as u8).collect();
    Some(digits.as_chunks::<2>().0.iter().map(|[high, low]| high << 4 | low).collect())
}
