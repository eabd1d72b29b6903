//! IPTC IIM records (IIM 4.2, section 2): 0x1c, record, data set, length, data; and Adobe's image resources, which they
//! lie in (Photoshop file formats specification, "Image Resource Blocks").

use super::blocks::{Blocks, Place};

/// What precedes image resources in JPEG.
pub(super) const PHOTOSHOP: &[u8] = b"Photoshop 3.0\0";
/// The image resource that holds IPTC records.
const RECORDS: u16 = 0x0404;

/// Data sets of the application record (2) that tell of an origin.
const TEXTS: [(u8, &str); 4] = [(65, "Software"), (110, "Credit"), (116, "Rights"), (120, "Description")];

/// Adds the texts to `blocks`.
pub(super) fn read(records: &[u8], blocks: &mut Blocks<'_>) {
    let mut rest = records;
    while let [0x1c, record, set, high, low, data @ ..] = rest {
        // Lengths with the high bit set are of a longer form that only pictures use.
        let Some((data, after)) = data.split_at_checked(u16::from_be_bytes([*high, *low]).into()) else { break };
        if let Some((_, key)) = TEXTS.iter().find(|(id, _)| (2, *id) == (*record, *set)) {
            blocks.text(Place::Iptc, *key, data);
        }
        rest = after;
    }
}

/// The records among image resources, each `8BIM`, id, padded Pascal string, length, padded data.
pub(super) fn records(resources: &[u8]) -> Option<&[u8]> {
    let mut resources = resources.strip_prefix(PHOTOSHOP).unwrap_or(resources);
    while let Some(rest) = resources.strip_prefix(b"8BIM") {
        let (id, rest) = rest.split_first_chunk()?;
        let name = usize::from(*rest.first()?) + 1;
        let (length, rest) = rest.get(name.next_multiple_of(2)..)?.split_first_chunk()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        if u16::from_be_bytes(*id) == RECORDS {
            return rest.get(..length);
        }
        resources = rest.get(length.checked_next_multiple_of(2)?..)?;
    }
    None
}
