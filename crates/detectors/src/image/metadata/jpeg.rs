//! JPEG marker segments (ITU-T T.81, annex B) before the first scan. Of several pictures in one file (CIPA DC-007, MPO)
//! the first, which is the one that is shown.

use super::blocks::{Blocks, MAX_BLOCK, Place};
use super::{iptc, xmp};

/// A portion of extended XMP: what did not fit into one segment of 64 KB (ISO 16684-3, section 6.1.3).
const EXTENSION: &[u8] = b"http://ns.adobe.com/xmp/extension/\0";
/// Hexadecimal digits that name an extended packet.
const NAME: usize = 32;

pub(super) fn blocks(bytes: &[u8]) -> Blocks<'_> {
    let mut blocks = Blocks::default();
    let mut extension = Extension::default();
    let mut rest = bytes.get(2..).unwrap_or_default();
    while let Some((marker, data, after)) = segment(rest) {
        rest = after;
        match marker {
            0xe1 if data.starts_with(b"Exif\0\0") => blocks.exif(data),
            0xe1 if data.starts_with(EXTENSION) => _ = extension.add(&data[EXTENSION.len()..]),
            0xe1 => _ = data.strip_prefix(xmp::NAMESPACE).map(|packet| blocks.xmp(packet)),
            // JUMBF in APP11: "JP", box instance and packet sequence number, box length, box type.
            0xeb if data.starts_with(b"JP") && data.get(12..16) == Some(b"jumb") => blocks.manifest = true,
            0xed if blocks.iptc.is_none() => blocks.iptc = iptc::records(data).map(Into::into),
            0xfe => blocks.text(Place::Jpeg, "Comment", data),
            _ => {}
        }
    }
    if !extension.packet.is_empty() {
        blocks.xmp(extension.packet);
    }
    blocks
}

/// Marker, data and what follows; `None` where the scan begins or the structure ends.
fn segment(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    // Fill bytes may precede a marker.
    let start = bytes.iter().position(|byte| *byte != 0xff).filter(|start| *start > 0)?;
    let (marker, rest) = (bytes[start], &bytes[start + 1..]);
    match marker {
        0xd9 | 0xda => None,
        0x01 | 0xd0..=0xd8 => Some((marker, &[], rest)),
        _ => {
            let length = rest.first_chunk().map(|length| usize::from(u16::from_be_bytes(*length)))?;
            Some((marker, rest.get(2..length)?, rest.get(length..)?))
        }
    }
}

/// The first extended packet, as far as its portions were seen. What is missing of it is blank.
#[derive(Default)]
struct Extension<'a> {
    name: &'a [u8],
    packet: Vec<u8>,
}

impl<'a> Extension<'a> {
    /// Adds a portion: name, length of the whole, offset, bytes.
    fn add(&mut self, portion: &'a [u8]) -> Option<()> {
        let (name, rest) = portion.split_at_checked(NAME)?;
        let (length, rest) = rest.split_first_chunk()?;
        let (offset, bytes) = rest.split_first_chunk()?;
        if self.packet.is_empty() {
            let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
            self.name = name;
            self.packet = vec![b' '; length.min(MAX_BLOCK)];
        }
        let offset = usize::try_from(u32::from_be_bytes(*offset)).ok()?;
        let room = self.packet.get_mut(offset..).filter(|_| self.name == name)?;
        let fitting = room.len().min(bytes.len());
        room[..fitting].copy_from_slice(&bytes[..fitting]);
        Some(())
    }
}
