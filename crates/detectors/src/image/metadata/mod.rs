//! The metadata stage: what a file says of its own origin.
//!
//! ```text
//! container (png, jpeg, webp, gif) ─▶ Blocks ─┬ exif, xmp, iptc ─▶ named texts ─▶ marks ─▶ Evidence
//!                                             └ a JUMBF box? ─▶ manifest (C2PA) ─▶ C2pa
//! ```
//! All of it is the file's own word: easily stripped, and all but a C2PA manifest by a trusted signer easily forged.

mod assertions;
mod blocks;
mod camera;
mod claim_generator;
mod encoding;
mod exif;
mod gif;
mod iptc;
mod jpeg;
mod labels;
mod manifest;
mod marks;
mod names;
mod png;
mod records;
mod signatures;
mod webp;
mod xmp;

use super::Stealth;
use blocks::Blocks;
use scan::image::{C2paVerdict, ImageFormat, Provenance, SourceType};
use scan::{Evidence, Features, Origin, Reading, Strength, Window};
use std::panic::catch_unwind;

/// The longest text that is taken over from a file, in characters.
const MAX_TEXT: usize = 128;

/// What `bytes` say of their origin, `format` being what [`super::sniff`] told of them, and `stealth` what
/// [`super::decode`] found hidden in their pixels. Never fails: what cannot be read says nothing (a C2PA manifest that
/// cannot be read says [`scan::image::Integrity::Tampered`]). At most 1 MiB of each block, and 8 MiB and 1,024 texts in
/// all, are kept or unpacked; nothing is fetched from anywhere.
pub fn provenance(bytes: &[u8], format: ImageFormat, stealth: Option<Stealth>) -> Provenance {
    // Other people's parsers on hostile bytes: what they panic on says nothing.
    let (mut provenance, manifest) = catch_unwind(|| embedded(bytes, format)).unwrap_or_default();
    provenance.c2pa = if manifest { manifest::read(bytes, format) } else { None };
    provenance.marks.extend(stealth.map(Stealth::evidence));
    // A generator that fills the camera's fields is none.
    provenance.camera = provenance.camera.take().filter(|_| !provenance.proves_ai());
    provenance
}

/// All but C2PA and what the pixels hide, and whether the file seems to have a manifest.
fn embedded(bytes: &[u8], format: ImageFormat) -> (Provenance, bool) {
    let mut blocks = match format {
        ImageFormat::Jpeg => jpeg::blocks(bytes),
        ImageFormat::Png => png::blocks(bytes),
        ImageFormat::WebP => webp::blocks(bytes),
        ImageFormat::Gif => gif::blocks(bytes),
        _ => Blocks::default(),
    };
    let tiffs = std::mem::take(&mut blocks.exif);
    let exif: Vec<exif::Exif> = tiffs.iter().filter_map(|tiff| exif::read(tiff, &mut blocks)).collect();
    for packet in std::mem::take(&mut blocks.xmp) {
        xmp::read(&packet, &mut blocks);
    }
    if let Some(records) = blocks.iptc.take() {
        iptc::read(&records, &mut blocks);
    }
    let software = ["Software", "CreatorTool", "AISystemUsed"].iter().find_map(|key| blocks.first(key));
    let source_type = source_type(&blocks);
    let provenance = Provenance {
        has_exif: !exif.is_empty(),
        has_exposure: exif.iter().any(|exif| exif.exposures >= 2),
        camera: exif.into_iter().find_map(|exif| exif.camera),
        software: software.and_then(clean),
        marks: marks::marks(&blocks.texts, source_type.as_ref()),
        source_type,
        c2pa: None,
    };
    (provenance, blocks.manifest)
}

/// The declared source type; of several that with the most AI in it, and of equals the first.
fn source_type(blocks: &Blocks<'_>) -> Option<SourceType> {
    let is_declaration =
        |key: &str| key.rsplit(':').next().is_some_and(|key| key.eq_ignore_ascii_case("DigitalSourceType"));
    let declared = blocks.texts.iter().filter(|text| is_declaration(&text.key));
    declared.rev().filter_map(|text| SourceType::parse(&text.value)).max_by_key(SourceType::share_of_ai)
}

/// What the stage measures: one window (tokens: 1) with these features, each 0 or 1:
///
/// - `camera`: EXIF names a camera; `exposure`: and tells of an exposure; neither where the file says in so many words
///   that a model made it; `exif`: there is EXIF at all;
/// - `software`: some software is named;
/// - `proven`: the file proves that it was made by AI ([`Provenance::proves_ai`]);
/// - `ai_edited`: the file, or a C2PA manifest that is not tampered with, declares it made by AI in part;
/// - `captured`: a C2PA manifest that is not tampered with declares it captured from real life;
/// - `tampered_ai`: a C2PA manifest that was tampered with declares it made by AI.
pub fn reading(provenance: &Provenance) -> Reading {
    let evidence = provenance.evidence();
    let c2pa = |verdict: C2paVerdict| provenance.c2pa.as_ref().is_some_and(|c2pa| c2pa.verdict() == verdict);
    let tampered_ai = c2pa(C2paVerdict::Tampered) && provenance.c2pa.as_ref().is_some_and(|c2pa| c2pa.declares_ai());
    let generated = |e: &Evidence| e.origin == Origin::AiGenerated && e.strength >= Strength::Strong;
    let (proven, declared) = (evidence.iter().any(Evidence::proves_ai), evidence.iter().any(generated));
    let facts = [
        ("camera", provenance.camera.is_some() && !declared),
        ("exposure", provenance.has_exposure && !declared),
        ("exif", provenance.has_exif),
        ("software", provenance.software.is_some()),
        ("proven", proven),
        ("ai_edited", evidence.iter().any(Evidence::says_edited) || declared && !proven),
        ("captured", c2pa(C2paVerdict::Captured) && !declared),
        ("tampered_ai", tampered_ai),
    ];
    let features: Features = facts.into_iter().map(|(name, holds)| (name.to_owned(), f64::from(holds))).collect();
    Reading { windows: vec![Window { chars: 0..0, tokens: 1, features }], ..Reading::default() }
}

/// A file's text, fit to be shown: trimmed, on one line, without characters that control a terminal or turn the
/// direction of writing, at most 128 characters. `None` if nothing is left.
fn clean(text: &str) -> Option<String> {
    let invisible = |c: &char| {
        c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    // Control characters that separated words still should.
    let spaced = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !invisible(c));
    let words: Vec<String> =
        spaced.take(4 * MAX_TEXT).collect::<String>().split_whitespace().map(str::to_owned).collect();
    let line: String = words.join(" ").chars().take(MAX_TEXT).collect();
    let line = line.trim_end();
    (!line.is_empty()).then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use scan::image::{C2pa, Integrity, SourceType, Trust};

    /// A PNG of these chunks; neither pixels nor checksums matter here.
    fn png(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let chunk = |(name, data): &(&[u8; 4], &[u8])| {
            [&(data.len() as u32).to_be_bytes()[..], &name[..], data, &[0; 4]].concat()
        };
        [&b"\x89PNG\r\n\x1a\n"[..], &chunks.iter().flat_map(chunk).collect::<Vec<u8>>()].concat()
    }

    fn of(chunks: &[(&[u8; 4], &[u8])]) -> Provenance {
        provenance(&png(chunks), ImageFormat::Png, None)
    }

    const STEPS: &[u8] = b"a duck\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 64x64";

    #[test]
    fn text_is_found_in_every_kind_of_chunk_also_after_the_pixels() {
        let packed = fdeflate::compress_to_vec(STEPS);
        for (name, data) in [
            (b"tEXt", [b"parameters\0", STEPS].concat()),
            (b"zTXt", [b"parameters\0\0", &packed[..]].concat()),
            (b"iTXt", [b"parameters\0\0\0en\0\0", STEPS].concat()),
            (b"iTXt", [b"parameters\0\x01\0\0\0", &packed[..]].concat()),
        ] {
            let found = of(&[(b"IDAT", b"pixels"), (name, &data), (b"IEND", b"")]);
            assert_eq!(found.generator().as_deref(), Some("AUTOMATIC1111"));
            assert!(found.proves_ai());
            assert_eq!(of(&[(b"IEND", b""), (name, &data)]), Provenance::default());
        }
    }

    #[test]
    fn xmp_is_read_in_all_its_spellings() {
        let term = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";
        for packet in [
            format!("<rdf:Description Iptc4xmpExt:DigitalSourceType='{term}' xmp:CreatorTool='A &amp; B'/>"),
            format!(
                "<Iptc4xmpExt:DigitalSourceType>{term}</Iptc4xmpExt:DigitalSourceType><xmp:CreatorTool>A &amp; B</xmp:CreatorTool>"
            ),
            format!(
                "<Iptc4xmpExt:DigitalSourceType rdf:resource='{term}'/><xmp:CreatorTool><rdf:li>A &#38; B</rdf:li></xmp:CreatorTool>"
            ),
        ] {
            let data = [b"XML:com.adobe.xmp\0\0\0\0\0", packet.as_bytes()].concat();
            let found = of(&[(b"iTXt", &data)]);
            assert_eq!(found.source_type, SourceType::parse(term), "{packet}");
            assert_eq!(found.software.as_deref(), Some("A & B"), "{packet}");
            assert_eq!(found.ai_signature().as_deref(), Some("XMP DigitalSourceType"));
        }
    }

    #[test]
    fn other_containers_are_read() {
        let packet = b"<a xmp:CreatorTool='Adobe Firefly'/>";
        let chunk = [b"XMP ", &(packet.len() as u32).to_le_bytes()[..], packet].concat();
        let webp = [b"RIFF", &(chunk.len() as u32 + 4).to_le_bytes()[..], b"WEBP", &chunk].concat();
        assert_eq!(provenance(&webp, ImageFormat::WebP, None).generator().as_deref(), Some("Adobe Firefly"));
        let magic: Vec<u8> = [1].into_iter().chain((0..=255).rev()).collect();
        let header = b"GIF89a\x20\0\x20\0\0\0\0";
        let gif = [header, &b"!\xff\x0bXMP DataXMP"[..], packet, &magic, b"\0;"].concat();
        assert_eq!(provenance(&gif, ImageFormat::Gif, None).generator().as_deref(), Some("Adobe Firefly"));
        let comment = [header, &b"!\xfe"[..], &[STEPS.len() as u8], STEPS, b"\0;"].concat();
        assert_eq!(provenance(&comment, ImageFormat::Gif, None).generator().as_deref(), Some("AUTOMATIC1111"));
        let resources = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x0f\x1c\x02\x6e\0\x0aMidjourney\0";
        let length = (resources.len() as u16 + 2).to_be_bytes();
        let jpeg = [&b"\xff\xd8\xff\xed"[..], &length, resources, b"\xff\xda"].concat();
        assert_eq!(provenance(&jpeg, ImageFormat::Jpeg, None).generator().as_deref(), Some("Midjourney"));
    }

    #[test]
    fn texts_are_fit_to_be_shown() {
        assert_eq!(clean(" Any\r\n\tTool \u{1b}[31m\u{202e}2\0 "), Some("Any Tool [31m2".to_owned()));
        assert_eq!(clean(&"é".repeat(1000)).map(|text| text.chars().count()), Some(MAX_TEXT));
        assert_eq!(clean("\0 \u{200b}"), None);
        let long = of(&[(b"tEXt", &[&b"Software\0"[..], &[b'x'; 5000]].concat())]);
        assert_eq!(long.software.map(|text| text.len()), Some(MAX_TEXT));
    }

    #[test]
    fn features_say_what_was_found() {
        let with = |integrity, term: &str| Provenance {
            c2pa: Some(C2pa {
                integrity,
                trust: Trust::Untrusted,
                source_type: SourceType::parse(term),
                claim_generator: None,
            }),
            ..Provenance::default()
        };
        let holding = |provenance: &Provenance| -> Vec<String> {
            let features = reading(provenance).windows.remove(0).features;
            assert_eq!(features.len(), 8);
            features.into_iter().filter(|(_, value)| *value == 1.0).map(|(name, _)| name).collect()
        };
        assert!(holding(&Provenance::default()).is_empty());
        assert_eq!(holding(&with(Integrity::Intact, "trainedAlgorithmicMedia")), ["proven"]);
        assert_eq!(holding(&with(Integrity::BadCredential, "compositeWithTrainedAlgorithmicMedia")), ["ai_edited"]);
        assert_eq!(holding(&with(Integrity::Intact, "digitalCapture")), ["captured"]);
        assert_eq!(holding(&with(Integrity::Tampered, "trainedAlgorithmicMedia")), ["tampered_ai"]);
        assert!(holding(&with(Integrity::Tampered, "digitalCapture")).is_empty());
        let camera = Provenance {
            has_exif: true,
            camera: Some("A B".to_owned()),
            has_exposure: true,
            ..with(Integrity::Intact, "")
        };
        assert_eq!(holding(&camera), ["camera", "exif", "exposure"]);
    }
}
