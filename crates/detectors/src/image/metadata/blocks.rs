//! What containers hold besides pixels, in one shape for all of them.

use fdeflate::BoundedDecompressionError;
use std::borrow::Cow;

/// The most bytes of any one block that are looked at, packed or unpacked.
pub(super) const MAX_BLOCK: usize = 1 << 20;
/// The most bytes that are unpacked and kept of a file, together; a bomb of many small chunks ends here.
const MAX_WORK: usize = 8 << 20;
/// The most texts of a file; ImageMagick writes some 50.
const MAX_TEXTS: usize = 1024;

/// A text that the file gives under some name: a PNG keyword, an EXIF or XMP property, `Comment`.
pub(super) struct Text {
    pub(super) key: Cow<'static, str>,
    pub(super) value: String,
}

/// Blocks borrow from the file unless they had to be unpacked.
#[derive(Default)]
pub(super) struct Blocks<'a> {
    /// The first TIFF structure.
    pub(super) exif: Option<Cow<'a, [u8]>>,
    /// XMP packets (XML).
    pub(super) xmp: Vec<Cow<'a, [u8]>>,
    /// The first stream of IPTC IIM records.
    pub(super) iptc: Option<Cow<'a, [u8]>>,
    /// In the order of the file.
    pub(super) texts: Vec<Text>,
    /// There is a JUMBF box, which C2PA manifests live in.
    pub(super) manifest: bool,
    /// Bytes that were unpacked and kept so far.
    work: usize,
}

impl<'a> Blocks<'a> {
    /// The length of a text that may still be added.
    pub(super) fn room(&self) -> usize {
        if self.texts.len() < MAX_TEXTS { MAX_WORK.saturating_sub(self.work).min(MAX_BLOCK) } else { 0 }
    }

    /// Unpacks a zlib stream as far as there is room. A broken one is charged as if it had filled that.
    pub(super) fn inflate(&mut self, packed: &[u8]) -> Option<Vec<u8>> {
        let room = self.room();
        let unpacked = match fdeflate::decompress_to_vec_bounded(packed, room) {
            Ok(bytes) | Err(BoundedDecompressionError::OutputTooLarge { partial_output: bytes }) => Some(bytes),
            Err(_) => None,
        };
        self.work += unpacked.as_ref().map_or(room, Vec::len);
        unpacked
    }

    /// Adds a text, cut to what there is room for.
    pub(super) fn text(&mut self, key: impl Into<Cow<'static, str>>, value: &[u8]) {
        let value = &value[..value.len().min(self.room())];
        if !value.is_empty() {
            self.work += value.len();
            self.texts.push(Text { key: key.into(), value: decode(value) });
        }
    }

    /// Adds an EXIF block, with or without the marker that JPEG puts before it.
    pub(super) fn exif(&mut self, block: impl Into<Cow<'a, [u8]>>) {
        const MARKER: &[u8] = b"Exif\0\0";
        let block = block.into();
        let tiff = match block {
            Cow::Borrowed(bytes) => Cow::Borrowed(bytes.strip_prefix(MARKER).unwrap_or(bytes)),
            Cow::Owned(bytes) => Cow::Owned(bytes.strip_prefix(MARKER).map(<[u8]>::to_vec).unwrap_or(bytes)),
        };
        self.exif.get_or_insert(tiff);
    }

    /// Adds an XMP packet. A file may have a few (one beside each of several forms of metadata), not many.
    pub(super) fn xmp(&mut self, packet: impl Into<Cow<'a, [u8]>>) {
        if self.xmp.len() < 4 {
            self.xmp.push(packet.into());
        }
    }

    /// The first text of that name.
    pub(super) fn first(&self, key: &str) -> Option<&str> {
        self.texts.iter().find(|text| text.key == key).map(|text| text.value.as_str())
    }
}

/// UTF-8 where it is that, whatever was declared, else Latin-1, which any bytes are. A character that was cut in two
/// at the end does not count.
pub(super) fn decode(bytes: &[u8]) -> String {
    match str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(error) if error.error_len().is_none() => String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}
