//! The few fields of EXIF that tell of an origin (CIPA DC-008, sections 4.6.4 and 4.6.5).
//!
//! Read here and not with kamadak-exif: that keeps every entry of every sub-directory, which a hostile block can make
//! quadratic in its size (overlapping directories: 1.7 million entries from 32 KB). This reads two directories.

use super::blocks::{Blocks, MAX_BLOCK, Place};
use super::camera::camera;
use super::encoding::{decode, is_little_endian, is_utf16, utf16};

/// The most entries that are read of a directory; cameras write about 60.
const MAX_ENTRIES: usize = 512;
const EXIF_DIRECTORY: u16 = 0x8769;
const MAKE: u16 = 0x010f;
const MODEL: u16 = 0x0110;
const USER_COMMENT: u16 = 0x9286;
/// Windows' own comment, in UTF-16.
const XP_COMMENT: u16 = 0x9c9c;
/// Other forms of metadata, as TIFF keeps them.
const XMP: u16 = 0x02bc;
const IPTC: u16 = 0x83bb;
/// Exposure time, f-number, photographic sensitivity, focal length.
const EXPOSURE: [u16; 4] = [0x829a, 0x829d, 0x8827, 0x920a];
/// Texts under the names that signatures are looked for by.
const TEXTS: [(u16, &str); 6] = [
    (0x010e, "Description"),
    (MAKE, "Make"),
    (MODEL, "Model"),
    (0x0131, "Software"),
    (0x013b, "Artist"),
    (0x8298, "Rights"),
];

/// What an EXIF block tells.
pub(super) struct Exif {
    /// Make and model, where they are a camera's.
    pub(super) camera: Option<String>,
    /// How many of exposure time, f-number, sensitivity and focal length it gives, 0 to 4.
    pub(super) exposures: usize,
}

/// Reads a TIFF structure, and adds its texts to `blocks`. `None` if it is not one.
pub(super) fn read(tiff: &[u8], blocks: &mut Blocks<'_>) -> Option<Exif> {
    let tiff = Tiff::new(tiff)?;
    let main: Vec<Entry<'_>> = tiff.directory(tiff.u32(4)?)?.collect();
    let pointer = main.iter().find(|entry| entry.tag == EXIF_DIRECTORY).and_then(|entry| tiff.number(entry));
    let detail: Vec<Entry<'_>> = pointer.and_then(|offset| tiff.directory(offset)).into_iter().flatten().collect();
    let first = |tag| main.iter().find(|entry| entry.tag == tag);
    for (tag, key) in TEXTS {
        _ = first(tag).map(|entry| blocks.text(Place::Exif, key, until_zero(entry.value)));
    }
    // It belongs into the second, but what is written with Pillow has it in the first.
    for entry in main.iter().chain(&detail).filter(|entry| entry.tag == USER_COMMENT).take(2) {
        blocks.text(Place::Exif, "UserComment", user_comment(entry.value, tiff.little).as_bytes());
    }
    if let Some(entry) = first(XP_COMMENT) {
        let comment = utf16(&entry.value[..entry.value.len().min(MAX_BLOCK)], true);
        blocks.text(Place::Exif, "Comment", comment.trim_matches(['\0', ' ']).as_bytes());
    }
    if let Some(entry) = first(XMP) {
        blocks.xmp(entry.value[..entry.value.len().min(MAX_BLOCK)].to_vec());
    }
    if let Some(entry) = first(IPTC) {
        blocks.iptc.get_or_insert(entry.value[..entry.value.len().min(MAX_BLOCK)].to_vec().into());
    }
    let given = |tag: &&u16| detail.iter().any(|entry| entry.tag == **tag && entry.value.iter().any(|byte| *byte != 0));
    let exposures = EXPOSURE.iter().filter(given).count();
    let text = |tag| first(tag).map(|entry| decode(until_zero(entry.value))).unwrap_or_default();
    Some(Exif { camera: camera(&text(MAKE), &text(MODEL), exposures > 0), exposures })
}

/// A character code in eight bytes (CIPA DC-008, section 4.6.5.E), then the text; some write it in small letters, some
/// leave it out. Writers disagree on the byte order of `UNICODE` (UTF-16), and some write UTF-8 under that name.
fn user_comment(value: &[u8], little: bool) -> String {
    let value = &value[..value.len().min(MAX_BLOCK)];
    let (code, text) = value.split_at_checked(8).unwrap_or_default();
    let (declared, text) = match &*code.to_ascii_uppercase() {
        b"UNICODE\0" => (true, text),
        b"ASCII\0\0\0" | b"JIS\0\0\0\0\0" | b"\0\0\0\0\0\0\0\0" => (false, text),
        _ => (false, value),
    };
    let narrow = || {
        let end = text.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        !text[..end].contains(&0) && str::from_utf8(text).is_ok()
    };
    let wide = if declared { !narrow() } else { is_utf16(text) };
    let text = if wide { utf16(text, is_little_endian(text).unwrap_or(little)) } else { decode(text) };
    text.trim_matches(['\0', ' ']).to_owned()
}

fn until_zero(value: &[u8]) -> &[u8] {
    &value[..value.iter().position(|byte| *byte == 0).unwrap_or(value.len())]
}

/// The type of a pointer to a directory (TIFF technical note 1); most writers take LONG.
const DIRECTORY: u16 = 13;

/// TIFF 6.0, section 2.
struct Tiff<'a> {
    bytes: &'a [u8],
    little: bool,
}

/// A field of a directory, its value wherever it lies.
struct Entry<'a> {
    tag: u16,
    kind: u16,
    value: &'a [u8],
}

impl<'a> Tiff<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        match bytes {
            [b'I', b'I', 42, 0, ..] => Some(Self { bytes, little: true }),
            [b'M', b'M', 0, 42, ..] => Some(Self { bytes, little: false }),
            _ => None,
        }
    }

    fn u16(&self, at: usize) -> Option<u16> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    fn u32(&self, at: usize) -> Option<usize> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        usize::try_from(if self.little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) }).ok()
    }

    /// The readable fields of the directory at an offset.
    fn directory(&self, offset: usize) -> Option<impl Iterator<Item = Entry<'a>>> {
        let count = usize::from(self.u16(offset)?).min(MAX_ENTRIES);
        Some((0..count).filter_map(move |i| self.entry(offset.checked_add(2 + 12 * i)?)))
    }

    fn entry(&self, at: usize) -> Option<Entry<'a>> {
        let (tag, kind, count) = (self.u16(at)?, self.u16(at + 2)?, self.u32(at + 4)?);
        let unit = match kind {
            // 129 is UTF-8 (Exif 3.0, section 4.6.2).
            1 | 2 | 6 | 7 | 129 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | DIRECTORY => 4,
            5 | 10 | 12 => 8,
            _ => return None,
        };
        let length = count.checked_mul(unit)?;
        let start = if length <= 4 { at + 8 } else { self.u32(at + 8)? };
        Some(Entry { tag, kind, value: self.bytes.get(start..start.checked_add(length)?)? })
    }

    /// The value of a field of one 32-bit number, or the offset of a directory.
    fn number(&self, entry: &Entry<'a>) -> Option<usize> {
        let long = matches!(entry.kind, 4 | DIRECTORY).then(|| entry.value.first_chunk()).flatten()?;
        usize::try_from(if self.little { u32::from_le_bytes(*long) } else { u32::from_be_bytes(*long) }).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::exif::experimental::Writer;
    use ::exif::{Field, In, Rational, Tag, Value};
    use std::io::Cursor;

    /// What is read of the fields that another library writes, in either byte order.
    fn written(fields: &[(Tag, Value)]) -> (Exif, Vec<(String, String)>) {
        let fields: Vec<Field> =
            fields.iter().map(|(tag, value)| Field { tag: *tag, ifd_num: In::PRIMARY, value: value.clone() }).collect();
        let read = [true, false].map(|little| {
            let mut writer = Writer::new();
            fields.iter().for_each(|field| writer.push_field(field));
            let mut tiff = Cursor::new(Vec::new());
            writer.write(&mut tiff, little).unwrap();
            let mut blocks = Blocks::default();
            let exif = read(tiff.get_ref(), &mut blocks).unwrap();
            let texts = blocks.texts.into_iter().map(|text| (text.key.into_owned(), text.value)).collect::<Vec<_>>();
            (exif, texts)
        });
        let [little, big] = read;
        assert_eq!((&little.0.camera, little.0.exposures, &little.1), (&big.0.camera, big.0.exposures, &big.1));
        little
    }

    fn ascii(text: &str) -> Value {
        Value::Ascii(vec![text.as_bytes().to_vec()])
    }

    #[test]
    fn cameras_and_exposures_are_read() {
        let time = Value::Rational(vec![Rational { num: 1, denom: 60 }]);
        let fields = [
            (Tag::Make, ascii("Canon")),
            (Tag::Model, ascii("Canon EOS 40D")),
            (Tag::Software, ascii("GIMP 2.4.5")),
            (Tag::ExposureTime, time.clone()),
            (Tag::FNumber, time),
            (Tag::PhotographicSensitivity, Value::Short(vec![0])),
        ];
        let (exif, texts) = written(&fields);
        assert_eq!((exif.camera.as_deref(), exif.exposures), (Some("Canon EOS 40D"), 2));
        assert!(texts.contains(&("Software".to_owned(), "GIMP 2.4.5".to_owned())), "{texts:?}");
        let (exif, _) = written(&[(Tag::Make, ascii("samsung  ")), (Tag::Model, ascii("SM-J320F"))]);
        assert_eq!(exif.camera.as_deref(), Some("samsung SM-J320F"));
    }

    #[test]
    fn comfyuis_graph_is_no_camera() {
        let (exif, texts) = written(&[
            (Tag::Make, ascii(r#"workflow:{"nodes": []}"#)),
            (Tag::Model, ascii(r#"prompt:{"1": {"class_type": "KSampler", "inputs": {}}}"#)),
        ]);
        assert_eq!(exif.camera, None);
        assert!(texts.iter().any(|(key, graph)| key == "Model" && graph.contains("KSampler")), "{texts:?}");
    }

    #[test]
    fn user_comments_come_in_many_encodings() {
        let utf16 = |order: fn(u16) -> [u8; 2]| "Ente 🦆".encode_utf16().flat_map(order).collect::<Vec<u8>>();
        let ascii = "Ente 🦆".as_bytes().to_vec();
        for (code, text, expected) in [
            (&b"ASCII\0\0\0"[..], b"a duck\0".to_vec(), "a duck"),
            (b"ascii\0\0\0", b"a duck\0".to_vec(), "a duck"),
            (b"UNICODE\0", utf16(u16::to_be_bytes), "Ente 🦆"),
            (b"UNICODE\0", utf16(u16::to_le_bytes), "Ente 🦆"),
            (b"Unicode\0", utf16(u16::to_le_bytes), "Ente 🦆"),
            (b"UNICODE\0", [&[0xff, 0xfe][..], &utf16(u16::to_le_bytes)].concat(), "Ente 🦆"),
            (b"UNICODE\0", [&ascii[..], b"\0"].concat(), "Ente 🦆"),
            (b"\0\0\0\0\0\0\0\0", ascii.clone(), "Ente 🦆"),
            (b"\0\0\0\0\0\0\0\0", utf16(u16::to_le_bytes), "Ente 🦆"),
            (b"", ascii, "Ente 🦆"),
            (b"", b"Unicode is no code here".to_vec(), "Unicode is no code here"),
            (b"", b"short".to_vec(), "short"),
        ] {
            let comment = Value::Undefined([code, &text].concat(), 0);
            let (_, texts) = written(&[(Tag::UserComment, comment)]);
            assert_eq!(texts, [("UserComment".to_owned(), expected.to_owned())]);
        }
    }
}
