//! Text from bytes, whatever encoding was declared: writers declare the wrong one too often.

/// UTF-8 where it is that, else Latin-1, which any bytes are. A character that was cut in two at the end does not
/// count.
pub(super) fn decode(bytes: &[u8]) -> String {
    match str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(error) if error.error_len().is_none() => String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// The same where UTF-16 and UTF-32 are allowed too, as in XMP (ISO 16684-1, section 7.1): a byte order mark tells
/// them, or the zero bytes of Latin letters.
pub(super) fn decode_any_width(bytes: &[u8]) -> String {
    match bytes {
        [0, 0, 0xfe, 0xff, ..] | [0, 0, 0, _, ..] => utf32(bytes, u32::from_be_bytes),
        [0xff, 0xfe, 0, 0, ..] | [_, 0, 0, 0, ..] => utf32(bytes, u32::from_le_bytes),
        _ if is_utf16(bytes) => utf16(bytes, is_little_endian(bytes).unwrap_or_default()),
        _ => decode(bytes),
    }
}

fn utf32(bytes: &[u8], unit: fn([u8; 4]) -> u32) -> String {
    let character = |unit: u32| char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER);
    bytes.as_chunks().0.iter().map(|bytes| character(unit(*bytes))).collect()
}

/// UTF-16 in that byte order, without its byte order mark.
pub(super) fn utf16(bytes: &[u8], little: bool) -> String {
    let order = if little { u16::from_le_bytes } else { u16::from_be_bytes };
    let units = bytes.as_chunks().0.iter().map(|pair| order(*pair));
    let text: String = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)
}

/// Whether bytes look like UTF-16: a byte order mark, or zeros in more than half of all places of one parity and in
/// hardly any of the other.
pub(super) fn is_utf16(bytes: &[u8]) -> bool {
    let (pairs, [first, second]) = (bytes.len() / 2, zeros(bytes));
    let marked = matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]);
    marked || 2 * first.max(second) > pairs && 8 * first.min(second) < pairs
}

/// The byte order of UTF-16 by its mark, or else by where the zero bytes of Latin letters are.
pub(super) fn is_little_endian(bytes: &[u8]) -> Option<bool> {
    let [first, second] = zeros(bytes);
    match bytes {
        [0xff, 0xfe, ..] => Some(true),
        [0xfe, 0xff, ..] => Some(false),
        _ => (first != second).then_some(second > first),
    }
}

/// How many pairs of bytes have a zero first, and second.
fn zeros(bytes: &[u8]) -> [usize; 2] {
    let pairs = bytes.as_chunks::<2>().0;
    [0, 1].map(|at| pairs.iter().filter(|pair| pair[at] == 0).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_and_order_is_told_by_the_bytes() {
        let text = "<a b='Ente 🦆'/>";
        let wide = |order: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(order).collect::<Vec<u8>>();
        let widest = |order: fn(u32) -> [u8; 4]| text.chars().flat_map(|c| order(c.into())).collect::<Vec<u8>>();
        for bytes in [
            text.as_bytes().to_vec(),
            wide(u16::to_le_bytes),
            wide(u16::to_be_bytes),
            [&[0xff, 0xfe][..], &wide(u16::to_le_bytes)].concat(),
            [&[0xfe, 0xff][..], &wide(u16::to_be_bytes)].concat(),
            widest(u32::to_le_bytes),
            widest(u32::to_be_bytes),
        ] {
            assert_eq!(decode_any_width(&bytes), text);
        }
    }

    #[test]
    fn what_is_no_unicode_is_latin_1() {
        assert_eq!(decode(b"caf\xe9 au lait"), "café au lait");
        assert_eq!(decode(b"caf\xc3"), "caf", "cut in two");
        assert_eq!(decode_any_width(b""), "");
    }
}
