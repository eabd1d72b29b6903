//! IPTC IIM records (IIM 4.2, section 2): 0x1c, record, data set, length, data.

use super::blocks::Blocks;

/// Data sets of the application record (2) that tell of an origin.
const TEXTS: [(u8, &str); 3] = [(65, "Software"), (110, "Credit"), (120, "Description")];

/// Adds the texts to `blocks`.
pub(super) fn read(records: &[u8], blocks: &mut Blocks<'_>) {
    let mut rest = records;
    while let [0x1c, record, set, high, low, data @ ..] = rest {
        // Lengths with the high bit set are of a longer form that only pictures use.
        let Some((data, after)) = data.split_at_checked(u16::from_be_bytes([*high, *low]).into()) else { break };
        if let Some((_, key)) = TEXTS.iter().find(|(id, _)| (2, *id) == (*record, *set)) {
            blocks.text(*key, data);
        }
        rest = after;
    }
}
