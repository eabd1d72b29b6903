//! Images as content: their limits, what a file says of its own origin, and the pixels that a model sees.

use crate::Warning;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// Files with more bytes than this are refused: 20 MiB.
pub const MAX_BYTES: usize = 20 * 1024 * 1024;
/// Images with more pixels than this are refused before their pixels are decoded, unless configured otherwise.
pub const MAX_PIXELS: u64 = 100_000_000;
/// Images narrower or lower than this hold too little to judge.
pub const MIN_SIDE: u32 = 32;

/// Images whose shorter side is below this are called AI-generated only by what their metadata proves.
pub const SMALL_SIDE: u32 = 128;

/// The formats that are read, told by their first bytes and never by a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[non_exhaustive]
pub enum ImageFormat {
    /// ITU-T T.81.
    Jpeg,
    /// PNG (W3C, third edition), animated ones by their default image.
    Png,
    /// Lossy, lossless or animated WebP.
    WebP,
    /// GIF87a and GIF89a; of an animation the first frame.
    Gif,
    /// Windows bitmap.
    Bmp,
}

impl fmt::Display for ImageFormat {
    /// As results show it: `JPEG`, `PNG`, `WEBP`, `GIF`, `BMP`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// What is known of a scanned image file without any judgement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageFacts {
    /// Pixels across, as displayed (after EXIF orientation).
    pub width: u32,
    /// Pixels down, as displayed.
    pub height: u32,
    /// By content.
    pub format: ImageFormat,
    /// Size of the file.
    pub file_size_bytes: u64,
    /// What the file says of its origin.
    pub provenance: Provenance,
}

/// What a file says of its origin, in whatever metadata it carries. All of it can be stripped, and most of it forged;
/// text members come from the file, shortened and without control characters.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Provenance {
    /// It holds an EXIF block that can be read.
    pub has_exif: bool,
    /// Make and model, where they are plausible for a camera.
    pub camera: Option<String>,
    /// EXIF also tells of an exposure (two or more of exposure time, f-number, ISO, focal length).
    pub has_exposure: bool,
    /// The software that EXIF, XMP or PNG text names.
    pub software: Option<String>,
    /// The AI generator whose signature the file carries: `ComfyUI`, `Midjourney`, …
    pub ai_tool: Option<String>,
    /// The digital source type that XMP (or IPTC) declares.
    pub source_type: Option<SourceType>,
    /// The C2PA manifest, if there is one.
    pub c2pa: Option<C2pa>,
}

impl Provenance {
    /// What the file's metadata gives reason to warn of.
    pub fn warnings(&self) -> impl Iterator<Item = Warning> {
        let declared = self.source_type.iter().chain(self.intact_c2pa().and_then(|c2pa| c2pa.source_type.as_ref()));
        let edited = declared.into_iter().any(SourceType::is_ai_edited).then_some(Warning::EditedWithAi);
        let tampered = self.c2pa.is_some() && self.intact_c2pa().is_none();
        edited.into_iter().chain(tampered.then_some(Warning::TamperedManifest))
    }

    /// Whether the file itself proves that it was made by AI: a generator's signature, a declared source type, or an
    /// intact C2PA manifest that declares one. A manifest that does not match its content proves nothing.
    pub fn proves_ai(&self) -> bool {
        let declared = self.source_type.as_ref().is_some_and(SourceType::is_ai_generated);
        self.ai_tool.is_some() || declared || self.declaring_c2pa().is_some()
    }

    /// The name of the AI signature, for `ai_tool_signature`: the tool, or the kind of declaration.
    pub fn ai_signature(&self) -> Option<&str> {
        let declared = || self.source_type.as_ref().filter(|s| s.is_ai_generated()).map(|_| "XMP DigitalSourceType");
        let manifest = || Some(self.declaring_c2pa()?.claim_generator.as_deref().unwrap_or("C2PA"));
        self.ai_tool.as_deref().or_else(manifest).or_else(declared)
    }

    /// The generator that the file names, for `attribution`.
    pub fn generator(&self) -> Option<&str> {
        let manifest = || self.declaring_c2pa()?.claim_generator.as_deref();
        self.ai_tool.as_deref().or_else(manifest)
    }

    /// The manifest, if it belongs to the content and declares it made by AI.
    fn declaring_c2pa(&self) -> Option<&C2pa> {
        self.intact_c2pa().filter(|c2pa| c2pa.declares_ai())
    }

    fn intact_c2pa(&self) -> Option<&C2pa> {
        self.c2pa.as_ref().filter(|c2pa| c2pa.integrity != Integrity::Tampered)
    }
}

/// A term of IPTC's digital source type vocabulary: the last segment of its URI, as in `trainedAlgorithmicMedia`
/// (<https://cv.iptc.org/newscodes/digitalsourcetype/>).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SourceType(String);

impl SourceType {
    /// From a URI or the term alone. `None` when no term is left: at most 64 ASCII letters.
    pub fn parse(uri: &str) -> Option<Self> {
        let term = uri.trim().trim_end_matches('/').rsplit(['/', ':']).next()?;
        let plausible = (1..=64).contains(&term.len()) && term.bytes().all(|b| b.is_ascii_alphabetic());
        plausible.then(|| Self(term.to_owned()))
    }

    /// The term.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Made by a trained model.
    pub fn is_ai_generated(&self) -> bool {
        self.0 == "trainedAlgorithmicMedia"
    }

    /// Partly made by a trained model: inpainting, generative fill.
    pub fn is_ai_edited(&self) -> bool {
        self.0 == "compositeWithTrainedAlgorithmicMedia"
    }

    /// Captured from real life.
    pub fn is_capture(&self) -> bool {
        matches!(self.0.as_str(), "digitalCapture" | "computationalCapture" | "negativeFilm" | "positiveFilm" | "print")
    }
}

/// What a C2PA manifest says, and how far it can be believed (C2PA specification 2.1, sections 14 and 15).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct C2pa {
    /// Whether manifest and content belong together.
    pub integrity: Integrity,
    /// Whether the signer is on a trust list.
    pub trust: Trust,
    /// The strongest claim of the active manifest's actions and its ingredients'.
    pub source_type: Option<SourceType>,
    /// The program that made the claim.
    pub claim_generator: Option<String>,
}

impl C2pa {
    /// Declares the content made by a trained model.
    pub fn declares_ai(&self) -> bool {
        self.source_type.as_ref().is_some_and(SourceType::is_ai_generated)
    }

    /// What the manifest comes to.
    pub fn verdict(&self) -> C2paVerdict {
        match (&self.integrity, &self.source_type) {
            (Integrity::Tampered, _) => C2paVerdict::Tampered,
            (_, Some(source)) if source.is_ai_generated() => C2paVerdict::AiGenerated,
            (_, Some(source)) if source.is_ai_edited() => C2paVerdict::AiEdited,
            (_, Some(source)) if source.is_capture() => C2paVerdict::Captured,
            _ => C2paVerdict::NoClaim,
        }
    }
}

/// What a manifest comes to, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum C2paVerdict {
    /// It does not belong to this content, whatever it says.
    Tampered,
    /// It declares the content made by a model.
    AiGenerated,
    /// It declares the content edited with one.
    AiEdited,
    /// It declares the content captured by a device.
    Captured,
    /// It says nothing of how the content came about.
    NoClaim,
}

/// Whether a manifest and its content belong together; the worse, the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Integrity {
    /// Hashes and signature match.
    Intact,
    /// Hashes match, but the signing credential cannot be verified: expired, revoked, malformed.
    BadCredential,
    /// A hash or the signature does not match, or the manifest cannot be read: something was changed.
    Tampered,
}

/// Whether the signer is on a trust list. Without a list configured, nobody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// On the list.
    Trusted,
    /// Not on the list: anybody can make such a signature.
    Untrusted,
}

/// Square RGB views of an image, ready for a model: what a classifier job carries instead of the file, so that
/// untrusted bytes are decoded in one place only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "PixelsData", into = "PixelsData")]
pub struct Pixels {
    size: u32,
    rgb: Vec<u8>,
}

/// The largest side of a view.
pub const MAX_VIEW: u32 = 1024;
/// The most views of an image.
pub const MAX_VIEWS: usize = 16;

#[derive(Serialize, Deserialize)]
struct PixelsData {
    size: u32,
    rgb: String,
}

/// Numbers of pixels do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("pixels are not 1 to {MAX_VIEWS} square RGB views of at most {MAX_VIEW} pixels a side")]
pub struct PixelsError;

impl Pixels {
    /// Views of `size` × `size` pixels, one after the other, each row by row, three bytes (red, green, blue) a pixel.
    pub fn new(size: u32, rgb: Vec<u8>) -> Result<Self, PixelsError> {
        let view = 3 * size as usize * size as usize;
        let fits = (1..=MAX_VIEW).contains(&size)
            && rgb.len().is_multiple_of(view)
            && (1..=MAX_VIEWS).contains(&(rgb.len() / view));
        if fits { Ok(Self { size, rgb }) } else { Err(PixelsError) }
    }

    /// Side of a view in pixels.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// The views, each `size × size × 3` bytes.
    pub fn views(&self) -> std::slice::ChunksExact<'_, u8> {
        self.rgb.chunks_exact(3 * self.size as usize * self.size as usize)
    }
}

/// Content is private: its debug form tells its size only.
impl fmt::Debug for Pixels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pixels({} views of {} pixels)", self.views().len(), self.size)
    }
}

impl TryFrom<PixelsData> for Pixels {
    type Error = PixelsError;

    fn try_from(data: PixelsData) -> Result<Self, PixelsError> {
        Self::new(data.size, STANDARD.decode(data.rgb).map_err(|_| PixelsError)?)
    }
}

impl From<Pixels> for PixelsData {
    fn from(pixels: Pixels) -> Self {
        Self { size: pixels.size, rgb: STANDARD.encode(pixels.rgb) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn c2pa(integrity: Integrity, term: &str) -> C2pa {
        let generator = Some("ChatGPT".to_owned());
        C2pa { integrity, trust: Trust::Untrusted, source_type: SourceType::parse(term), claim_generator: generator }
    }

    #[test]
    fn a_source_type_is_the_last_segment_of_its_uri() {
        let uri = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";
        assert!(SourceType::parse(uri).unwrap().is_ai_generated());
        assert!(SourceType::parse("iptc:compositeWithTrainedAlgorithmicMedia ").unwrap().is_ai_edited());
        assert_eq!(SourceType::parse("http://example.com/<script>"), None);
        assert_eq!(SourceType::parse(""), None);
    }

    #[test]
    fn only_a_manifest_that_fits_its_content_proves_anything() {
        let says = |integrity, term| Provenance { c2pa: Some(c2pa(integrity, term)), ..Provenance::default() };
        let expired = says(Integrity::BadCredential, "trainedAlgorithmicMedia");
        assert!(expired.proves_ai());
        assert_eq!(expired.generator(), Some("ChatGPT"));
        assert_eq!(expired.ai_signature(), Some("ChatGPT"));
        let tampered = says(Integrity::Tampered, "trainedAlgorithmicMedia");
        assert!(!tampered.proves_ai());
        assert_eq!(tampered.generator(), None);
        assert_eq!(tampered.c2pa.unwrap().verdict(), C2paVerdict::Tampered);
        assert!(!says(Integrity::Intact, "algorithmicMedia").proves_ai());
        assert_eq!(c2pa(Integrity::Intact, "compositeWithTrainedAlgorithmicMedia").verdict(), C2paVerdict::AiEdited);
        assert_eq!(c2pa(Integrity::Intact, "digitalCapture").verdict(), C2paVerdict::Captured);
        assert_eq!(c2pa(Integrity::Intact, "").verdict(), C2paVerdict::NoClaim);
    }

    #[test]
    fn pixels_survive_a_message_and_misfits_are_refused() {
        let pixels = Pixels::new(2, (0..24).collect()).unwrap();
        assert_eq!(pixels.views().len(), 2);
        let json = serde_json::to_string(&pixels).unwrap();
        assert_eq!(serde_json::from_str::<Pixels>(&json).unwrap(), pixels);
        assert!(serde_json::from_str::<Pixels>(&json.replace("\"size\":2", "\"size\":3")).is_err());
        for (size, bytes) in [(0, 0), (2, 0), (2, 11), (1, 3 * 17), (2048, 3 * 2048 * 2048)] {
            assert_eq!(Pixels::new(size, vec![0; bytes]), Err(PixelsError));
        }
        assert_eq!(format!("{pixels:?}"), "Pixels(2 views of 2 pixels)");
    }
}
