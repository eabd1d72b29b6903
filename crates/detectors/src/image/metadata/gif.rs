//! GIF89a extensions (CompuServe, 1990, sections 20 to 26): comments, and XMP and C2PA as application extensions.

use super::blocks::{Blocks, Place};

pub(super) fn blocks(bytes: &[u8]) -> Blocks<'_> {
    let mut blocks = Blocks::default();
    walk(bytes, &mut blocks);
    blocks
}

/// `None` where the structure breaks off.
fn walk<'a>(bytes: &'a [u8], blocks: &mut Blocks<'a>) -> Option<()> {
    let mut rest = bytes.get(13 + color_table(*bytes.get(10)?)..)?;
    loop {
        let (introducer, body) = rest.split_first()?;
        rest = match introducer {
            // An image: position, size and flags, colours, code size, data.
            0x2c => sub_blocks(body.get(9 + color_table(*body.get(8)?) + 1..)?)?.1,
            0x21 => {
                let (label, body) = body.split_first()?;
                let (data, after) = sub_blocks(body)?;
                match label {
                    0xfe => blocks.text(Place::Gif, "Comment", &joined(data, blocks.room())),
                    0xff => application(data, blocks),
                    _ => {}
                }
                after
            }
            _ => return Some(()),
        };
    }
}

/// Bytes of the table that the flags announce.
fn color_table(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

/// A chain of sub-blocks, each with its length before it, up to the empty one; and what follows.
fn sub_blocks(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut at = 0;
    loop {
        match bytes.get(at)? {
            0 => return Some((&bytes[..at], &bytes[at + 1..])),
            length => at += 1 + usize::from(*length),
        }
    }
}

/// The content of a chain, at most `room` bytes.
fn joined(mut chain: &[u8], room: usize) -> Vec<u8> {
    let mut content = Vec::new();
    while let Some((length, rest)) = chain.split_first() {
        let (block, after) = rest.split_at(rest.len().min((*length).into()));
        content.extend_from_slice(&block[..block.len().min(room - content.len())]);
        chain = after;
    }
    content
}

/// The first sub-block names the application.
fn application<'a>(chain: &'a [u8], blocks: &mut Blocks<'a>) {
    match chain.split_at_checked(12) {
        // XMP is not cut into sub-blocks: its own bytes are taken for lengths, and a run of all byte values after
        // it catches any reader (XMP specification, part 3, section 1.1.2). The packet ends with its last bracket.
        Some((b"\x0bXMP DataXMP", packet)) => {
            let end = packet.iter().rposition(|byte| *byte == b'>').map_or(0, |last| last + 1);
            blocks.xmp(&packet[..end]);
        }
        Some((b"\x0bC2PA_GIF\x01\0\0", _)) => blocks.manifest = true,
        _ => {}
    }
}
