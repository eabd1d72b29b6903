//! XMP packets (ISO 16684-1): the properties that tell of an origin, in any of RDF's spellings: attribute, element,
//! item of a list, or `rdf:resource`.

use super::blocks::{Blocks, MAX_BLOCK, Place};
use super::encoding::{decode, decode_any_width};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// What precedes a packet in JPEG.
pub(super) const NAMESPACE: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";

/// Local names, and the names that signatures are looked for by; which namespace has them does not matter to what they
/// say.
const TEXTS: [(&str, &str); 14] = [
    ("CreatorTool", "CreatorTool"),
    ("Software", "Software"),
    ("Credit", "Credit"),
    ("description", "Description"),
    ("rights", "Rights"),
    ("UserComment", "UserComment"),
    // IPTC photo metadata standard 2025.1, extension schema.
    ("DigitalSourceType", "DigitalSourceType"),
    ("DigitalImageGUID", "DigitalImageGUID"),
    ("AISystemUsed", "AISystemUsed"),
    ("AISystemVersionUsed", "AISystemVersionUsed"),
    ("AIPromptInformation", "AIPromptInformation"),
    ("AIPromptWriterName", "AIPromptWriterName"),
    // GB 45438-2025, in the namespace `http://www.tc260.org.cn/ns/AIGC/1.0/`.
    ("AIGC", "AIGC"),
    ("parameters", "parameters"),
];

/// Adds the texts to `blocks`. Entities other than XML's own five are not expanded: they stand for nothing.
pub(super) fn read(packet: &[u8], blocks: &mut Blocks<'_>) {
    let packet = decode_any_width(&packet[..packet.len().min(MAX_BLOCK)]);
    let mut xml = Reader::from_str(packet.trim_start_matches('\u{feff}'));
    xml.config_mut().check_end_names = false;
    // The property whose element is open, and its text so far.
    let mut open: Option<(&str, String)> = None;
    loop {
        match xml.read_event() {
            Ok(Event::Start(element)) => {
                attributes(&element, open.as_ref().map(|open| open.0), blocks);
                match property(element.local_name().as_ref()) {
                    Some(key) => open = Some((key, String::new())),
                    // Another item of a list.
                    None => _ = open.as_mut().filter(|open| !open.1.trim().is_empty()).map(|open| open.1 += ", "),
                }
            }
            Ok(Event::Empty(element)) => attributes(&element, open.as_ref().map(|open| open.0), blocks),
            Ok(Event::Text(text)) => _ = open.as_mut().map(|open| open.1.push_str(&decode(&text))),
            Ok(Event::CData(text)) => _ = open.as_mut().map(|open| open.1.push_str(&decode(&text))),
            Ok(Event::GeneralRef(entity)) => {
                let name = entity.decode().unwrap_or_default();
                let character = quick_xml::escape::resolve_predefined_entity(&name).map(str::to_owned);
                let number = || entity.resolve_char_ref().ok().flatten().map(String::from);
                _ = open.as_mut().zip(character.or_else(number)).map(|(open, text)| open.1.push_str(&text));
            }
            Ok(Event::End(element)) => {
                let ends = |open: &mut (&str, String)| property(element.local_name().as_ref()) == Some(open.0);
                _ = open.take_if(ends).map(|(key, text)| add(key, &text, blocks));
            }
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => {}
        }
    }
}

/// Properties that are spelled as attributes, and the resource that an element refers to, itself or for the property
/// that it stands in.
fn attributes(element: &BytesStart<'_>, open: Option<&'static str>, blocks: &mut Blocks<'_>) {
    for attribute in element.attributes().with_checks(false).flatten() {
        let name = attribute.key.local_name();
        let key = match name.as_ref() {
            b"resource" | b"about" | b"value" => property(element.local_name().as_ref()).or(open),
            name => property(name),
        };
        if let Some(key) = key {
            add(key, &attribute.unescape_value().unwrap_or_default(), blocks);
        }
    }
}

fn add(key: &'static str, value: &str, blocks: &mut Blocks<'_>) {
    blocks.text(Place::Xmp, key, value.trim().as_bytes());
}

/// The name that a property's text is kept by. Writers are careless of case, but `rdf:Description` is RDF's own.
fn property(name: &[u8]) -> Option<&'static str> {
    let named = |(local, _): &&(&str, &str)| name.eq_ignore_ascii_case(local.as_bytes()) && name != b"Description";
    TEXTS.iter().find(named).map(|(_, key)| *key)
}
