//! The few fields of EXIF that tell of an origin (CIPA DC-008, sections 4.6.4 and 4.6.5).
//!
//! Read here and not with kamadak-exif: that keeps every entry of every sub-directory, which a hostile block can make
//! quadratic in its size (overlapping directories: 1.7 million entries from 32 KB). This reads two directories.

use super::blocks::{Blocks, MAX_BLOCK, decode};
use super::clean;

/// The most entries that are read of a directory; cameras write about 60.
const MAX_ENTRIES: usize = 512;
const EXIF_DIRECTORY: u16 = 0x8769;
const MAKE: u16 = 0x010f;
const MODEL: u16 = 0x0110;
const USER_COMMENT: u16 = 0x9286;
/// Exposure time, f-number, photographic sensitivity, focal length.
const EXPOSURE: [u16; 4] = [0x829a, 0x829d, 0x8827, 0x920a];
/// Texts under the names that signatures are looked for by.
const TEXTS: [(u16, &str); 5] =
    [(0x010e, "Description"), (MAKE, "Make"), (MODEL, "Model"), (0x0131, "Software"), (0x013b, "Artist")];

/// What an EXIF block tells.
pub(super) struct Exif {
    /// Make and model, where they are plausible for a camera.
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
    for (tag, key) in TEXTS {
        if let Some(entry) = main.iter().find(|entry| entry.tag == tag) {
            blocks.text(key, until_zero(entry.value));
        }
    }
    if let Some(entry) = detail.iter().find(|entry| entry.tag == USER_COMMENT) {
        blocks.text("UserComment", user_comment(entry.value, tiff.little).as_bytes());
    }
    let text = |tag| main.iter().find(|entry| entry.tag == tag).map(|entry| decode(until_zero(entry.value)));
    let given = |tag: &u16| detail.iter().any(|entry| entry.tag == *tag && entry.value.iter().any(|byte| *byte != 0));
    Some(Exif { camera: camera(text(MAKE), text(MODEL)), exposures: EXPOSURE.iter().filter(|tag| given(tag)).count() })
}

/// Makers and models are short names. (ComfyUI keeps its whole graph in these two fields.)
fn camera(make: Option<String>, model: Option<String>) -> Option<String> {
    let plausible = |text: String| {
        let name = clean(&text)?;
        let odd = |c: char| matches!(c, '{' | '}' | '[' | ']' | '<' | '>' | '"' | '=' | ':' | '\\');
        (name.chars().count() <= 64 && name.chars().any(char::is_alphanumeric) && !name.contains(odd)).then_some(name)
    };
    let (make, model) = (plausible(make?)?, plausible(model?)?);
    // Many models repeat the maker: `Canon` and `Canon EOS 40D`.
    let maker = make.split(' ').next().unwrap_or_default().to_lowercase();
    let repeats = model.to_lowercase().starts_with(&maker);
    Some(if repeats { model } else { format!("{make} {model}") })
}

/// A character code in eight bytes, then the text. Writers disagree on the byte order of `UNICODE` (UTF-16): a byte
/// order mark decides, or else where the zero bytes of Latin letters are, or else the order of the file.
fn user_comment(value: &[u8], little: bool) -> String {
    let Some((code, text)) = value[..value.len().min(MAX_BLOCK)].split_first_chunk::<8>() else {
        return String::new();
    };
    if code != b"UNICODE\0" {
        return decode(text).trim_matches(['\0', ' ']).to_owned();
    }
    let pairs = text.as_chunks::<2>().0;
    let zeros = |at: usize| pairs.iter().filter(|pair| pair[at] == 0).count();
    let little = match pairs.first() {
        Some([0xff, 0xfe]) => true,
        Some([0xfe, 0xff]) => false,
        _ if zeros(0) != zeros(1) => zeros(1) > zeros(0),
        _ => little,
    };
    let unit = |pair: &[u8; 2]| if little { u16::from_le_bytes(*pair) } else { u16::from_be_bytes(*pair) };
    let text: String = char::decode_utf16(pairs.iter().map(unit)).map(|c| c.unwrap_or('\u{fffd}')).collect();
    text.trim_matches(['\0', '\u{feff}', ' ']).to_owned()
}

fn until_zero(value: &[u8]) -> &[u8] {
    &value[..value.iter().position(|byte| *byte == 0).unwrap_or(value.len())]
}

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
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 => 4,
            5 | 10 | 12 => 8,
            _ => return None,
        };
        let length = count.checked_mul(unit)?;
        let start = if length <= 4 { at + 8 } else { self.u32(at + 8)? };
        Some(Entry { tag, kind, value: self.bytes.get(start..start.checked_add(length)?)? })
    }

    /// The value of a field of one 32-bit number.
    fn number(&self, entry: &Entry<'a>) -> Option<usize> {
        let long = (entry.kind == 4).then(|| entry.value.first_chunk()).flatten()?;
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
        let texts: Vec<_> =
            texts.into_iter().map(|(key, value)| super::super::blocks::Text { key: key.into(), value }).collect();
        assert_eq!(super::super::signatures::tool(&texts), Some("ComfyUI"));
    }

    #[test]
    fn user_comments_come_in_many_encodings() {
        let utf16 = |order: fn(u16) -> [u8; 2]| "Ente 🦆".encode_utf16().flat_map(order).collect::<Vec<u8>>();
        for (code, text, expected) in [
            (b"ASCII\0\0\0", b"a duck\0".to_vec(), "a duck"),
            (b"UNICODE\0", utf16(u16::to_be_bytes), "Ente 🦆"),
            (b"UNICODE\0", utf16(u16::to_le_bytes), "Ente 🦆"),
            (b"UNICODE\0", [&[0xff, 0xfe][..], &utf16(u16::to_le_bytes)].concat(), "Ente 🦆"),
            (b"\0\0\0\0\0\0\0\0", "Ente 🦆".into(), "Ente 🦆"),
        ] {
            let comment = Value::Undefined([&code[..], &text].concat(), 0);
            let (_, texts) = written(&[(Tag::UserComment, comment)]);
            assert_eq!(texts, [("UserComment".to_owned(), expected.to_owned())]);
        }
    }
}
