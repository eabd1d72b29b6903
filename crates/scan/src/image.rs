//! Images as content: their limits, what a file says of its own origin, and the pixels that a model sees.

pub use crate::source_type::SourceType;
use crate::{Evidence, EvidenceKind, Origin, Strength, Warning};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize};
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
    /// Make and model, where they are a camera's.
    pub camera: Option<String>,
    /// EXIF also tells of an exposure (two or more of exposure time, f-number, ISO, focal length).
    pub has_exposure: bool,
    /// The software that EXIF, XMP or PNG text names.
    pub software: Option<String>,
    /// The digital source type that XMP (or IPTC) declares.
    pub source_type: Option<SourceType>,
    /// The C2PA manifest, if there is one.
    pub c2pa: Option<C2pa>,
    /// The marks of generators and declarations besides `source_type` and `c2pa`, the most telling first.
    #[serde(default, alias = "ai_tool", deserialize_with = "marks")]
    pub marks: Vec<Evidence>,
}

impl Provenance {
    /// Everything that the file says of its origin, strongest first; of equals the more particular.
    pub fn evidence(&self) -> Vec<Evidence> {
        let manifest = self.c2pa.as_ref().map(C2pa::evidence);
        let declared = self.source_type.as_ref().map(declaration);
        let camera = self.camera.as_deref().filter(|_| self.has_exposure).map(photograph);
        let mut evidence: Vec<Evidence> =
            self.marks.iter().cloned().chain(manifest).chain(declared).chain(camera).collect();
        evidence.sort_by_key(|evidence| std::cmp::Reverse(evidence.strength));
        evidence
    }

    /// What the file's metadata gives reason to warn of.
    pub fn warnings(&self) -> impl Iterator<Item = Warning> {
        let edited = self.says_edited().then_some(Warning::EditedWithAi);
        let tampered = self.c2pa.as_ref().is_some_and(|c2pa| c2pa.integrity == Integrity::Tampered);
        edited.into_iter().chain(tampered.then_some(Warning::TamperedManifest))
    }

    /// Whether the file itself proves that it was made by AI: a generator's mark, a declaration, or an intact C2PA
    /// manifest that declares it. A manifest that does not match its content proves nothing.
    pub fn proves_ai(&self) -> bool {
        self.evidence().iter().any(Evidence::proves_ai)
    }

    /// Whether the file declares that parts of it were made by AI.
    pub fn says_edited(&self) -> bool {
        self.evidence().iter().any(Evidence::says_edited)
    }

    /// The name of the AI signature, for `ai_tool_signature`: the generator, or where the declaration stands.
    pub fn ai_signature(&self) -> Option<String> {
        self.evidence().iter().find(|evidence| evidence.proves_ai()).map(|evidence| evidence.name().to_owned())
    }

    /// The generator that the file proves to be made by, for `attribution`.
    pub fn generator(&self) -> Option<String> {
        self.evidence().into_iter().filter(Evidence::proves_ai).find_map(|evidence| evidence.generator)
    }
}

/// Marks as they are stored. Scans of before there was evidence kept the generator's name alone.
fn marks<'de, D: Deserializer<'de>>(stored: D) -> Result<Vec<Evidence>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Stored {
        Marks(Vec<Evidence>),
        Tool(Option<String>),
    }
    let mark = |tool: String| Evidence {
        kind: EvidenceKind::Signature,
        standard: "none; the generator's own custom".to_owned(),
        statement: format!("Its metadata carries the signature of {tool}."),
        origin: Origin::AiGenerated,
        strength: Strength::Proof,
        found_in: "metadata".to_owned(),
        forgeable: true,
        generator: Some(tool),
        version: None,
        model: None,
    };
    Ok(match Stored::deserialize(stored)? {
        Stored::Marks(marks) => marks,
        Stored::Tool(tool) => tool.map(mark).into_iter().collect(),
    })
}

/// What a declared source type comes to.
fn declaration(source_type: &SourceType) -> Evidence {
    let (origin, strength, statement) = match source_type {
        source if source.is_ai_generated() => {
            (Origin::AiGenerated, Strength::Proof, "Its metadata declares it made by a trained model.".to_owned())
        }
        source if source.is_ai_edited() => (
            Origin::AiEdited,
            Strength::Strong,
            "Its metadata declares parts of it made by a trained model.".to_owned(),
        ),
        source if source.is_capture() => {
            (Origin::Captured, Strength::Hint, "Its metadata declares it captured from real life.".to_owned())
        }
        source => {
            (Origin::Unstated, Strength::Hint, format!("Its metadata declares its source as {}.", source.as_str()))
        }
    };
    Evidence {
        kind: EvidenceKind::Declaration,
        standard: "IPTC Photo Metadata Standard 2025.1, Digital Source Type".to_owned(),
        statement,
        origin,
        strength,
        found_in: "XMP DigitalSourceType".to_owned(),
        forgeable: true,
        generator: None,
        version: None,
        model: None,
    }
}

/// What a camera's notes come to.
fn photograph(camera: &str) -> Evidence {
    Evidence {
        kind: EvidenceKind::Camera,
        standard: "Exif 3.0 (CIPA DC-008), sections 4.6.4 and 4.6.5".to_owned(),
        statement: format!("Its metadata names a camera, {camera}; metadata can be copied."),
        origin: Origin::Captured,
        strength: Strength::Hint,
        found_in: "EXIF Make and Model".to_owned(),
        forgeable: true,
        generator: None,
        version: None,
        model: Some(camera.to_owned()),
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

    /// The manifest as a statement.
    fn evidence(&self) -> Evidence {
        let by = self.claim_generator.as_ref().map(|generator| format!(" by {generator}")).unwrap_or_default();
        let (origin, strength, statement) = match self.verdict() {
            C2paVerdict::AiGenerated => (
                Origin::AiGenerated,
                Strength::Proof,
                format!("Its C2PA manifest{by} declares it made by a trained model."),
            ),
            C2paVerdict::AiEdited => (
                Origin::AiEdited,
                Strength::Strong,
                format!("Its C2PA manifest{by} declares parts of it made by a trained model."),
            ),
            C2paVerdict::Captured => {
                (Origin::Captured, Strength::Strong, format!("Its C2PA manifest{by} declares it captured by a device."))
            }
            C2paVerdict::NoClaim => {
                (Origin::Unstated, Strength::Hint, format!("Its C2PA manifest{by} does not say how it was made."))
            }
            C2paVerdict::Tampered => (
                Origin::Unstated,
                Strength::Hint,
                "Its C2PA manifest does not match the image and was ignored.".to_owned(),
            ),
        };
        Evidence {
            kind: EvidenceKind::Manifest,
            standard: "C2PA specification 2.1, section 18.15 (actions)".to_owned(),
            statement,
            origin,
            strength,
            found_in: "C2PA".to_owned(),
            forgeable: self.trust == Trust::Untrusted || self.integrity != Integrity::Intact,
            generator: self.claim_generator.clone(),
            version: None,
            model: None,
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
    fn only_a_manifest_that_fits_its_content_proves_anything() {
        let says = |integrity, term| Provenance { c2pa: Some(c2pa(integrity, term)), ..Provenance::default() };
        let expired = says(Integrity::BadCredential, "trainedAlgorithmicMedia");
        assert!(expired.proves_ai());
        assert_eq!(expired.generator().as_deref(), Some("ChatGPT"));
        assert_eq!(expired.ai_signature().as_deref(), Some("ChatGPT"));
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
    fn scans_of_before_there_was_evidence_keep_their_generator() {
        let stored = |tool: &str| {
            let rest = r#""has_exif": false, "camera": null, "has_exposure": false, "software": null"#;
            let json = format!(r#"{{{rest}, "ai_tool": {tool}, "source_type": null, "c2pa": null}}"#);
            serde_json::from_str::<Provenance>(&json).unwrap()
        };
        let signed = stored("\"ComfyUI\"");
        assert_eq!((signed.generator().as_deref(), signed.proves_ai()), (Some("ComfyUI"), true));
        assert_eq!(stored("null"), Provenance::default());
        let again: Provenance = serde_json::from_str(&serde_json::to_string(&signed).unwrap()).unwrap();
        assert_eq!(again, signed);
    }

    #[test]
    fn evidence_is_sorted_by_strength() {
        let camera = Some("Canon EOS 40D".to_owned());
        let captured = Provenance {
            camera,
            has_exposure: true,
            c2pa: Some(c2pa(Integrity::Intact, "digitalCapture")),
            ..Provenance::default()
        };
        let kinds = |provenance: &Provenance| provenance.evidence().iter().map(|e| e.kind).collect::<Vec<_>>();
        assert_eq!(kinds(&captured), [EvidenceKind::Manifest, EvidenceKind::Camera]);
        let declared = Provenance { source_type: SourceType::parse("trainedAlgorithmicMedia"), ..captured };
        assert_eq!(kinds(&declared)[0], EvidenceKind::Declaration);
        assert!(
            Provenance { camera: Some("X".to_owned()), ..Provenance::default() }.evidence().is_empty(),
            "no exposure"
        );
    }

    #[test]
    fn only_a_trusted_signature_cannot_be_forged() {
        let forgeable = |integrity, trust| C2pa { trust, ..c2pa(integrity, "digitalCapture") }.evidence().forgeable;
        assert!(!forgeable(Integrity::Intact, Trust::Trusted));
        assert!(forgeable(Integrity::Intact, Trust::Untrusted));
        assert!(forgeable(Integrity::BadCredential, Trust::Trusted));
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
