//! What image files say of their origin, in every place and spelling that writers are known to use.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the helpers of tests are tests")]

mod containers;

use containers::{encoded, picture, riff, with_chunks, with_segments};
use detectors::image::{metadata, sniff};
use image::ImageFormat::{Jpeg, Png};
use scan::image::Provenance;
use scan::{Origin, Strength};

const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const STEPS: &str = "a boat\nNegative prompt: blurry\nSteps: 24, Sampler: DPM++ 2M, CFG scale: 6, Seed: 7, Size: 8x8";
const LABEL: &str = r#"{"Label": "1", "ContentProducer": "001191110000000000000X", "ProduceID": "demo-0001"}"#;
const GENERATED: &str = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";

fn of(file: &[u8]) -> Provenance {
    metadata::provenance(file, sniff(file).unwrap(), None)
}

fn jpeg(segments: &[(u8, &[u8])]) -> Vec<u8> {
    with_segments(&encoded(&picture(48, 40), Jpeg), segments)
}

fn png(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    with_chunks(&encoded(&picture(48, 40), Png), chunks)
}

fn jpeg_with_exif(tiff: &[u8]) -> Vec<u8> {
    jpeg(&[(0xe1, &[b"Exif\0\0", tiff].concat())])
}

fn jpeg_with_xmp(packet: &str) -> Vec<u8> {
    jpeg(&[(0xe1, &[XMP, packet.as_bytes()].concat())])
}

fn png_with_xmp(packet: &[u8]) -> Vec<u8> {
    png(&[(b"iTXt", &[b"XML:com.adobe.xmp\0\0\0\0\0", packet].concat())])
}

/// An element or attributes within all that surrounds them.
fn packet(attributes: &str, elements: &str) -> String {
    format!(
        "<?xpacket begin='\u{feff}' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF>\
         <rdf:Description rdf:about='' {attributes}>{elements}</rdf:Description></rdf:RDF></x:xmpmeta>"
    )
}

/// A field of a TIFF directory: tag, type, value.
type Field<'f> = (u16, u16, &'f [u8]);

const ASCII: u16 = 2;
const LONG: u16 = 4;
const UNDEFINED: u16 = 7;
const USER_COMMENT: u16 = 0x9286;

/// A little-endian TIFF (version 6.0, section 2) with an Exif directory, whose pointer is of that type.
fn tiff(main: &[Field<'_>], detail: &[Field<'_>], pointer: u16) -> Vec<u8> {
    let entries = |fields: &[Field<'_>], mut at: u32, pointer: Option<(u16, u32)>| {
        let count = (fields.len() + usize::from(pointer.is_some())) as u16;
        let (mut directory, mut values) = (count.to_le_bytes().to_vec(), Vec::new());
        at += 2 + 12 * u32::from(count) + 4;
        for (tag, kind, value) in fields {
            let mut inline = value.to_vec();
            if value.len() > 4 {
                inline = (at + values.len() as u32).to_le_bytes().to_vec();
                values.extend_from_slice(value);
            }
            inline.resize(4, 0);
            let unit = if [3, 4, 5].contains(kind) { [2, 4, 8][usize::from(*kind) - 3] } else { 1 };
            let length = (value.len() / unit) as u32;
            directory.extend([&tag.to_le_bytes()[..], &kind.to_le_bytes(), &length.to_le_bytes(), &inline].concat());
        }
        if let Some((kind, offset)) = pointer {
            let entry =
                [&0x8769_u16.to_le_bytes()[..], &kind.to_le_bytes(), &1_u32.to_le_bytes(), &offset.to_le_bytes()];
            directory.extend(entry.concat());
        }
        directory.extend([0; 4]);
        [directory, values].concat()
    };
    if detail.is_empty() {
        return [&b"II*\0\x08\0\0\0"[..], &entries(main, 8, None)].concat();
    }
    let length = entries(main, 8, Some((pointer, 0))).len() as u32;
    let main = entries(main, 8, Some((pointer, 8 + length)));
    [&b"II*\0\x08\0\0\0"[..], &main, &entries(detail, 8 + length, None)].concat()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn hexadecimal(kind: &str, bytes: &[u8]) -> Vec<u8> {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("Raw profile type {kind}\0\n{kind}\n{:8}\n{digits}\n", bytes.len()).into_bytes()
}

fn proven_by(file: &[u8]) -> Option<String> {
    let found = of(file);
    assert_eq!(found.proves_ai(), found.ai_signature().is_some());
    found.ai_signature()
}

#[test]
fn chinas_label_is_read_in_every_place() {
    let wrapped = format!(r#"{{"AIGC": {LABEL}}}"#);
    let text = [b"AIGC\0", LABEL.as_bytes()].concat();
    let escaped = LABEL.replace('"', "&quot;");
    let element =
        packet("xmlns:TC260='http://www.tc260.org.cn/ns/AIGC/1.0/'", &format!("<TC260:AIGC>{escaped}</TC260:AIGC>"));
    let attribute = packet(&format!("TC260:AIGC='{LABEL}'"), "");
    let comment = [b"ASCII\0\0\0", wrapped.as_bytes()].concat();
    let string = format!(r#"{{"AIGC": "{}"}}"#, LABEL.replace('"', "\\\""));
    for (file, place) in [
        (png(&[(b"tEXt", &text)]), "PNG text, AIGC label"),
        (jpeg_with_xmp(&element), "XMP, AIGC label"),
        (png_with_xmp(attribute.as_bytes()), "XMP, AIGC label"),
        (jpeg_with_exif(&tiff(&[], &[(USER_COMMENT, UNDEFINED, &comment)], LONG)), "EXIF UserComment, AIGC label"),
        (jpeg_with_exif(&tiff(&[(0x010e, ASCII, string.as_bytes())], &[], LONG)), "EXIF Description, AIGC label"),
        (jpeg(&[(0xfe, wrapped.as_bytes())]), "JPEG Comment, AIGC label"),
    ] {
        assert_eq!(proven_by(&file).as_deref(), Some(place));
    }
}

#[test]
fn only_chinas_first_label_declares_ai() {
    let labelled = |json: &str| of(&png(&[(b"tEXt", &[b"AIGC\0", json.as_bytes()].concat())]));
    assert!(labelled(&LABEL.replace("\"1\"", "1")).proves_ai());
    for label in ["\"2\"", "\"3\""] {
        let found = labelled(&LABEL.replace("\"1\"", label));
        assert_eq!(found.evidence()[0].strength, Strength::Hint);
        assert!(!found.proves_ai());
    }
    for nothing in
        [r#"{"Label": "1"}"#, r#"{"seed": 1}"#, &LABEL.replace("\"1\"", "\"7\""), "Artificial", "\"1\"", "[1]"]
    {
        assert_eq!(labelled(nothing).evidence(), [], "{nothing}");
    }
    let nested = format!("{}{LABEL}{}", "{\"AIGC\": ".repeat(1000), "}".repeat(1000));
    assert_eq!(labelled(&nested).evidence(), []);
}

#[test]
fn source_types_are_read_in_every_spelling_and_place() {
    for (attributes, elements) in [
        (format!("Iptc4xmpExt:DigitalSourceType='{GENERATED}'"), String::new()),
        (format!("iptcExt:digitalsourcetype='{GENERATED}?lang=en-GB'"), String::new()),
        (String::new(), format!("<a:DigitalSourceType>{GENERATED}#</a:DigitalSourceType>")),
        (String::new(), format!("<a:DigitalSourceType rdf:resource='{GENERATED}'/>")),
        (String::new(), format!("<a:DigitalSourceType><rdf:Description rdf:about='{GENERATED}'/></a:DigitalSourceType>")),
        (String::new(), "<a:DigitalSourceType><rdf:Bag><rdf:li>digsrctype:TrainedAlgorithmicMedia</rdf:li></rdf:Bag></a:DigitalSourceType>".to_owned()),
        ("a:DigitalSourceType='Trained Algorithmic Media'".to_owned(), String::new()),
        ("a:DigitalSourceType='Created using Generative AI'".to_owned(), String::new()),
    ] {
        let packet = packet(&attributes, &elements);
        let tiff = tiff(&[(0x02bc, 1, packet.as_bytes())], &[], LONG);
        for file in [jpeg_with_xmp(&packet), png_with_xmp(packet.as_bytes()), riff(&[(b"XMP ", packet.as_bytes())]), jpeg_with_exif(&tiff)] {
            assert_eq!(proven_by(&file).as_deref(), Some("XMP DigitalSourceType"), "{packet}");
        }
    }
}

#[test]
fn xmp_is_read_in_every_encoding() {
    let packet = packet(&format!("a:DigitalSourceType='{GENERATED}'"), "");
    let big: Vec<u8> = packet.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let widest: Vec<u8> = packet.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
    for bytes in [utf16(&packet), [&[0xfe, 0xff], &big[..]].concat(), big, widest] {
        assert!(of(&riff(&[(b"XMP ", &bytes)])).proves_ai());
        assert!(of(&jpeg(&[(0xe1, &[XMP, &bytes].concat())])).proves_ai());
    }
}

#[test]
fn extended_xmp_is_put_together() {
    let filler = "<!-- depth -->".repeat(6_000);
    let long = packet("", &format!("{filler}<a:DigitalSourceType>{GENERATED}</a:DigitalSourceType>"));
    let (first, second) = long.as_bytes().split_at(60_000);
    let name = b"0123456789ABCDEF0123456789ABCDEF";
    let portion = |name: &[u8], length: u32, offset: u32, bytes: &[u8]| {
        let header = [b"http://ns.adobe.com/xmp/extension/\0", name, &length.to_be_bytes(), &offset.to_be_bytes()];
        [&header.concat()[..], bytes].concat()
    };
    let whole = long.len() as u32;
    let standard = [XMP, packet("xmpNote:HasExtendedXMP='0123456789ABCDEF0123456789ABCDEF'", "").as_bytes()].concat();
    let portions = [portion(name, whole, 60_000, second), portion(name, whole, 0, first)];
    let file = jpeg(&[(0xe1, &standard), (0xe1, &portions[0]), (0xe1, &portions[1])]);
    assert_eq!(of(&file).source_type.unwrap().as_str(), "trainedAlgorithmicMedia");
    // Portions that lie about their place and length.
    for (length, offset) in [(u32::MAX, u32::MAX), (0, 0), (8, 4), (u32::MAX, 0)] {
        assert!(!of(&jpeg(&[(0xe1, &portion(name, length, offset, b"<x/>"))])).proves_ai());
    }
}

#[test]
fn of_several_declarations_that_with_the_most_ai_counts() {
    let captured = packet("a:DigitalSourceType='digitalCapture'", "");
    let generated = packet("a:DigitalSourceType='trainedAlgorithmicMedia'", "");
    let file = jpeg(&[(0xe1, &[XMP, captured.as_bytes()].concat()), (0xe1, &[XMP, generated.as_bytes()].concat())]);
    assert!(of(&file).proves_ai());
    let text = png(&[(b"tEXt", b"Iptc4xmpExt:DigitalSourceType\0compositeSynthetic")]);
    assert!(of(&text).says_edited() && !of(&text).proves_ai());
}

#[test]
fn iptcs_properties_for_ai_declare_it() {
    let alternatives = "<a:AIPromptInformation><rdf:Alt><rdf:li xml:lang='x-default'>a boat</rdf:li></rdf:Alt></a:AIPromptInformation>";
    let seedream =
        of(&jpeg_with_xmp(&packet("", &format!("<a:AISystemUsed>Seedream 4.0</a:AISystemUsed>{alternatives}"))));
    assert!(seedream.proves_ai());
    assert_eq!(seedream.generator().as_deref(), Some("Seedream 4.0"));
    let gemini =
        of(&jpeg_with_xmp(&packet("a:AISystemUsed='Google Gemini' a:AISystemVersionUsed='2.5 Flash Image'", "")));
    let evidence = &gemini.evidence()[0];
    assert_eq!(
        (evidence.generator.as_deref(), evidence.version.as_deref()),
        (Some("Google Gemini"), Some("2.5 Flash Image"))
    );
    assert!(evidence.proves_ai());
    let prompt = of(&jpeg_with_xmp(&packet("", alternatives)));
    assert_eq!((prompt.evidence()[0].strength, prompt.evidence()[0].origin), (Strength::Strong, Origin::AiGenerated));
    // Where the source type says that a part was made, the system made that part.
    let restored = of(&jpeg_with_xmp(&packet(
        "a:AISystemUsed='X' a:DigitalSourceType='compositeWithTrainedAlgorithmicMedia'",
        "",
    )));
    assert!(restored.says_edited() && !restored.proves_ai());
    for nothing in ["none", "N/A", " ", "No"] {
        assert_eq!(of(&jpeg_with_xmp(&packet(&format!("a:AISystemUsed='{nothing}'"), ""))).evidence(), [], "{nothing}");
    }
}

#[test]
fn the_exif_directory_is_found_by_either_type_of_pointer() {
    let comment = [b"ASCII\0\0\0", STEPS.as_bytes()].concat();
    for pointer in [LONG, 13] {
        let file = jpeg_with_exif(&tiff(&[], &[(USER_COMMENT, UNDEFINED, &comment)], pointer));
        assert_eq!(proven_by(&file).as_deref(), Some("AUTOMATIC1111"));
    }
}

#[test]
fn comments_are_read_in_either_directory_with_and_without_a_code() {
    let json = r#"{"sui_image_params": {"prompt": "a boat", "seed": 77}}"#;
    let line = "Steps: 24, Sampler: Euler a, CFG scale: 6, Seed: 77, Size: 256x192";
    for (comment, expected) in [
        ([b"ASCII\0\0\0", STEPS.as_bytes()].concat(), "AUTOMATIC1111"),
        ([b"UNICODE\0", &utf16(STEPS)[..]].concat(), "AUTOMATIC1111"),
        ([b"Unicode\0", &utf16(STEPS)[..]].concat(), "AUTOMATIC1111"),
        (STEPS.into(), "AUTOMATIC1111"),
        (line.into(), "AUTOMATIC1111"),
        (json.into(), "SwarmUI"),
    ] {
        for kind in [1, ASCII, UNDEFINED, 129] {
            let field: &[Field<'_>] = &[(USER_COMMENT, kind, &comment)];
            for tiff in [tiff(field, &[], LONG), tiff(&[], field, LONG)] {
                let files = [jpeg_with_exif(&tiff), png(&[(b"eXIf", &tiff)]), riff(&[(b"EXIF", &tiff)])];
                files.iter().for_each(|file| assert_eq!(proven_by(file).as_deref(), Some(expected), "type {kind}"));
            }
        }
    }
    let windows = [&utf16(STEPS)[..], b"\0\0"].concat();
    assert_eq!(
        proven_by(&jpeg_with_exif(&tiff(&[(0x9c9c, 1, &windows)], &[], LONG))).as_deref(),
        Some("AUTOMATIC1111")
    );
    let utf8 = tiff(&[(0x0131, 129, "DALL·E 3".as_bytes())], &[], LONG);
    assert_eq!(proven_by(&jpeg_with_exif(&utf8)).as_deref(), Some("DALL·E"), "Exif 3.0");
}

#[test]
fn a_block_that_says_nothing_hides_none_after_it() {
    let firefly = [&b"Exif\0\0"[..], &tiff(&[(0x0131, ASCII, b"Adobe Firefly\0")], &[], LONG)].concat();
    let turned = [&b"Exif\0\0"[..], &tiff(&[(0x0112, 3, &[1, 0])], &[], LONG)].concat();
    for first in [&b"Exif\0\0garbage block!!"[..], &turned] {
        let found = of(&jpeg(&[(0xe1, first), (0xe1, &firefly)]));
        assert_eq!(found.ai_signature().as_deref(), Some("Adobe Firefly"));
        assert!(found.has_exif);
    }
    assert!(!of(&jpeg(&[(0xe1, b"Exif\0\0garbage block!!")])).has_exif);
}

#[test]
fn what_imagemagick_copies_into_png_text_is_read() {
    let records = [&b"\x1c\x02\x6e\0\x13"[..], b"Made with Google AI"].concat();
    let resources = [&b"8BIM\x04\x04\0\0\0\0\0\x18"[..], &records].concat();
    let comment = [b"ASCII\0\0\0", STEPS.as_bytes()].concat();
    let exif = tiff(&[], &[(USER_COMMENT, UNDEFINED, &comment)], LONG);
    let xmp = packet(&format!("a:DigitalSourceType='{GENERATED}'"), "");
    for (kind, bytes, expected) in [
        ("iptc", &resources, "Google AI"),
        ("8bim", &resources, "Google AI"),
        ("iptc", &records, "Google AI"),
        ("APP13", &[b"Photoshop 3.0\0", &resources[..]].concat(), "Google AI"),
        ("exif", &exif, "AUTOMATIC1111"),
        ("exif", &[b"Exif\0\0", &exif[..]].concat(), "AUTOMATIC1111"),
        ("xmp", &xmp.clone().into_bytes(), "XMP DigitalSourceType"),
        ("APP1", &[XMP, xmp.as_bytes()].concat(), "XMP DigitalSourceType"),
    ] {
        let profile = hexadecimal(kind, bytes);
        let (key, text) = profile.split_at(profile.iter().position(|byte| *byte == 0).unwrap() + 1);
        let packed = [key, b"\0", &fdeflate::compress_to_vec(text)].concat();
        for file in [png(&[(b"tEXt", &profile)]), png(&[(b"zTXt", &packed)])] {
            assert_eq!(proven_by(&file).as_deref(), Some(expected), "{kind}");
        }
    }
    let jpeg = jpeg(&[(0xed, &[b"Photoshop 3.0\0", &resources[..]].concat())]);
    assert_eq!(proven_by(&jpeg).as_deref(), Some("Google AI"));
}

#[test]
fn a_generator_is_no_camera_whatever_it_writes_there() {
    let exposure: &[Field<'_>] = &[(0x829a, 5, &[1, 0, 0, 0, 60, 0, 0, 0]), (0x829d, 5, &[4, 0, 0, 0, 1, 0, 0, 0])];
    let camera = |make: &str, model: &str, software: &str, detail: &[Field<'_>]| {
        let main =
            [(0x010f, ASCII, make.as_bytes()), (0x0110, ASCII, model.as_bytes()), (0x0131, ASCII, software.as_bytes())];
        of(&jpeg_with_exif(&tiff(&main, detail, LONG)))
    };
    let flux = camera("Black Forest Labs\0", "flux-dev\0", "AI generated;txt2img;flux\0", &[]);
    assert_eq!((flux.camera.as_deref(), flux.generator().as_deref()), (None, Some("Flux")));
    assert_eq!(flux.evidence()[0].model.as_deref(), Some("flux-dev"));
    let uno = camera("UNO\0", "flux-dev\0", "AI generated;txt2img;flux\0", &[]);
    assert_eq!((uno.camera.as_deref(), uno.generator().as_deref()), (None, Some("UNO")));
    assert_eq!(camera("UNO\0", "flux-dev\0", "\0", &[]).camera, None, "no maker and no exposure");
    let graph = r#"workflow:{"last_node_id": 9, "nodes": [], "links": []}"#;
    assert_eq!(camera(graph, "X 1\0", "\0", exposure).camera, None);
    let declared = camera("Canon\0", "Canon EOS 40D\0", "Adobe Firefly\0", exposure);
    assert_eq!((declared.camera.as_deref(), declared.proves_ai()), (None, true));
    let photo = camera("Canon\0", "Canon EOS 40D\0", "GIMP\0", exposure);
    assert_eq!((photo.camera.as_deref(), photo.evidence()[0].origin), (Some("Canon EOS 40D"), Origin::Captured));
}

#[test]
fn what_is_declared_outweighs_a_camera_that_is_named_too() {
    let main: &[Field<'_>] = &[(0x010f, ASCII, b"Canon\0"), (0x0110, ASCII, b"Canon EOS 40D\0")];
    let detail: &[Field<'_>] = &[(0x829a, 5, &[1, 0, 0, 0, 60, 0, 0, 0]), (0x829d, 5, &[4, 0, 0, 0, 1, 0, 0, 0])];
    let prompt = packet("a:AIPromptInformation='a boat'", "");
    let exif = [b"Exif\0\0", &tiff(main, detail, LONG)[..]].concat();
    let features = |file: &[u8]| metadata::reading(&of(file)).windows.remove(0).features;
    let asked = features(&jpeg(&[(0xe1, &exif), (0xe1, &[XMP, prompt.as_bytes()].concat())]));
    assert_eq!((asked["camera"], asked["exposure"], asked["ai_edited"]), (0.0, 0.0, 1.0));
    let plain = features(&jpeg(&[(0xe1, &exif)]));
    assert_eq!((plain["camera"], plain["exposure"], plain["ai_edited"]), (1.0, 1.0, 0.0));
}

#[test]
fn of_several_pictures_in_a_file_the_first_counts() {
    let index = b"MPF\0II*\0\x08\0\0\0\0\0\0\0\0\0";
    let first = jpeg(&[(0xe1, &[XMP, packet("a:CreatorTool='Adobe Firefly'", "").as_bytes()].concat()), (0xe2, index)]);
    assert_eq!(proven_by(&[first, jpeg(&[(0xe2, index)])].concat()).as_deref(), Some("Adobe Firefly"));
    let second = jpeg(&[(0xfe, STEPS.as_bytes())]);
    assert_eq!(proven_by(&[jpeg(&[(0xe2, index)]), second].concat()), None);
}
