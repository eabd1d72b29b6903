//! WebP's RIFF chunks (RFC 9649, section 2.7).

use super::blocks::Blocks;

pub(super) fn blocks(bytes: &[u8]) -> Blocks<'_> {
    let mut blocks = Blocks::default();
    // What follows the file's own chunk is no part of it.
    let size = bytes.get(4..).and_then(|size| size.first_chunk()).map_or(0, |size| u32::from_le_bytes(*size));
    let end = usize::try_from(size).map_or(bytes.len(), |size| size.saturating_add(8).min(bytes.len()));
    let mut rest = bytes.get(12..end).unwrap_or_default();
    while let Some((name, data, after)) = chunk(rest) {
        rest = after;
        match name {
            b"EXIF" => blocks.exif(data),
            b"XMP " => blocks.xmp(data),
            b"C2PA" => blocks.manifest = true,
            _ => {}
        }
    }
    blocks
}

/// Name, data and what follows, which begins at an even offset.
fn chunk(bytes: &[u8]) -> Option<(&[u8; 4], &[u8], &[u8])> {
    let (name, rest) = bytes.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let padded = length.checked_next_multiple_of(2)?;
    Some((name, rest.get(..length)?, rest.get(padded..).unwrap_or_default()))
}
