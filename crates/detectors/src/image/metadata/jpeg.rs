//! JPEG marker segments (ITU-T T.81, annex B) before the first scan.

use super::blocks::Blocks;

const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const PHOTOSHOP: &[u8] = b"Photoshop 3.0\0";
/// The image resource that holds IPTC records.
const IPTC: u16 = 0x0404;

/// Extended XMP (over 64 KB) is left out: the properties that matter are in the standard packet.
pub(super) fn blocks(bytes: &[u8]) -> Blocks<'_> {
    let mut blocks = Blocks::default();
    let mut rest = bytes.get(2..).unwrap_or_default();
    while let Some((marker, data, after)) = segment(rest) {
        rest = after;
        match marker {
            0xe1 if data.starts_with(b"Exif\0\0") => blocks.exif(data),
            0xe1 => _ = data.strip_prefix(XMP).map(|packet| blocks.xmp(packet)),
            // JUMBF in APP11: "JP", box instance and packet sequence number, box length, box type.
            0xeb if data.starts_with(b"JP") && data.get(12..16) == Some(b"jumb") => blocks.manifest = true,
            0xed => _ = data.strip_prefix(PHOTOSHOP).and_then(|resources| photoshop(resources, &mut blocks)),
            0xfe => blocks.text("Comment", data),
            _ => {}
        }
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

/// Adobe's image resources: `8BIM`, id, padded Pascal string, length, padded data.
fn photoshop<'a>(mut resources: &'a [u8], blocks: &mut Blocks<'a>) -> Option<()> {
    while let Some(rest) = resources.strip_prefix(b"8BIM") {
        let (id, rest) = rest.split_first_chunk()?;
        let name = usize::from(*rest.first()?) + 1;
        let (length, rest) = rest.get(name.next_multiple_of(2)..)?.split_first_chunk()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        if u16::from_be_bytes(*id) == IPTC {
            blocks.iptc.get_or_insert(rest.get(..length)?.into());
        }
        resources = rest.get(length.checked_next_multiple_of(2)?..)?;
    }
    Some(())
}
