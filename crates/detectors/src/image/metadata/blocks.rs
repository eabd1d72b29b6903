//! What containers hold besides pixels, in one shape for all of them.

use super::encoding::decode;
use super::{iptc, xmp};
use fdeflate::BoundedDecompressionError;
use std::borrow::Cow;
use std::fmt;

/// The most bytes of any one block that are looked at, packed or unpacked.
pub(super) const MAX_BLOCK: usize = 1 << 20;
/// The most bytes that are unpacked and kept of a file, together; a bomb of many small chunks ends here.
const MAX_WORK: usize = 8 << 20;
/// The most texts of a file; ImageMagick writes some 50.
const MAX_TEXTS: usize = 1024;
/// The most EXIF blocks and XMP packets of a file: one beside each of several forms of metadata, not many.
const MAX_COPIES: usize = 4;

/// Where a text stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Png,
    Jpeg,
    Gif,
    Exif,
    Xmp,
    Iptc,
}

impl Place {
    /// The standard that defines such texts.
    pub(super) fn standard(self) -> &'static str {
        match self {
            Place::Png => "PNG (W3C, third edition), section 11.3.3",
            Place::Jpeg => "JPEG (ITU-T T.81), section B.2.4.5",
            Place::Gif => "GIF89a, section 24",
            Place::Exif => "Exif 3.0 (CIPA DC-008), section 4.6.5",
            Place::Xmp => "XMP (ISO 16684-1)",
            Place::Iptc => "IPTC IIM 4.2, section 6",
        }
    }
}

impl fmt::Display for Place {
    /// As evidence shows it, before the text's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Place::Png => "PNG text",
            Place::Jpeg => "JPEG",
            Place::Gif => "GIF",
            Place::Exif => "EXIF",
            Place::Xmp => "XMP",
            Place::Iptc => "IPTC IIM",
        })
    }
}

/// A text that the file gives under some name: a PNG keyword, an EXIF or XMP property, `Comment`.
pub(super) struct Text {
    pub(super) place: Place,
    pub(super) key: Cow<'static, str>,
    pub(super) value: String,
}

/// Blocks borrow from the file unless they had to be unpacked.
#[derive(Default)]
pub(super) struct Blocks<'a> {
    /// TIFF structures.
    pub(super) exif: Vec<Cow<'a, [u8]>>,
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
    pub(super) fn text(&mut self, place: Place, key: impl Into<Cow<'static, str>>, value: &[u8]) {
        let value = &value[..value.len().min(self.room())];
        if !value.is_empty() {
            self.work += value.len();
            self.texts.push(Text { place, key: key.into(), value: decode(value) });
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
        if self.exif.len() < MAX_COPIES {
            self.exif.push(tiff);
        }
    }

    /// Adds an XMP packet.
    pub(super) fn xmp(&mut self, packet: impl Into<Cow<'a, [u8]>>) {
        if self.xmp.len() < MAX_COPIES {
            self.xmp.push(packet.into());
        }
    }

    /// Adds a block that is told by its first bytes: EXIF, Adobe's image resources, IPTC records, or XMP.
    pub(super) fn profile(&mut self, block: Vec<u8>) {
        match &*block {
            [b'E', b'x', b'i', b'f', 0, 0, ..] | [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => self.exif(block),
            [0x1c, ..] => _ = self.iptc.get_or_insert(block.into()),
            _ if block.starts_with(b"8BIM") || block.starts_with(iptc::PHOTOSHOP) => {
                if let Some(records) = iptc::records(&block) {
                    self.iptc.get_or_insert(records.to_vec().into());
                }
            }
            _ => {
                let packet = block.strip_prefix(xmp::NAMESPACE).map(<[u8]>::to_vec);
                self.xmp(packet.unwrap_or(block));
            }
        }
    }

    /// The first text of that name.
    pub(super) fn first(&self, key: &str) -> Option<&str> {
        self.texts.iter().find(|text| text.key == key).map(|text| text.value.as_str())
    }
}
