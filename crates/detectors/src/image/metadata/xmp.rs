//! XMP packets (ISO 16684-1): the properties that tell of an origin, in any of RDF's spellings: attribute, element,
//! item of a list, or `rdf:resource`.

use super::blocks::{Blocks, MAX_BLOCK, decode};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use scan::image::SourceType;

/// Local names; which namespace has them does not matter to what they say.
const TEXTS: [(&str, &str); 6] = [
    ("CreatorTool", "CreatorTool"),
    ("Software", "Software"),
    ("AISystemUsed", "Software"),
    ("Credit", "Credit"),
    ("description", "Description"),
    ("UserComment", "UserComment"),
];
/// IPTC photo metadata standard, "Digital Source Type".
const SOURCE_TYPE: &str = "DigitalSourceType";

/// Adds the texts to `blocks`, and gives the declared source type. Entities other than XML's own five are not
/// expanded: they stand for nothing.
pub(super) fn read(packet: &[u8], blocks: &mut Blocks<'_>) -> Option<SourceType> {
    let packet = decode(&packet[..packet.len().min(MAX_BLOCK)]);
    let mut xml = Reader::from_str(packet.trim_start_matches('\u{feff}'));
    xml.config_mut().check_end_names = false;
    let mut found = Found { blocks, source_type: None };
    // The property whose element is open, and its text so far.
    let mut open: Option<(String, String)> = None;
    loop {
        match xml.read_event() {
            Ok(Event::Start(element)) => {
                found.attributes(&element);
                let name = local(element.local_name().as_ref());
                if is_property(&name) {
                    open = Some((name, String::new()));
                }
            }
            Ok(Event::Empty(element)) => found.attributes(&element),
            Ok(Event::Text(text)) => _ = open.as_mut().map(|open| open.1.push_str(&decode(&text))),
            Ok(Event::CData(text)) => _ = open.as_mut().map(|open| open.1.push_str(&decode(&text))),
            Ok(Event::GeneralRef(entity)) => {
                let name = entity.decode().unwrap_or_default();
                let character = quick_xml::escape::resolve_predefined_entity(&name).map(str::to_owned);
                let number = || entity.resolve_char_ref().ok().flatten().map(String::from);
                _ = open.as_mut().zip(character.or_else(number)).map(|(open, text)| open.1.push_str(&text));
            }
            Ok(Event::End(element)) => {
                let ends = |open: &mut (String, String)| open.0 == local(element.local_name().as_ref());
                _ = open.take_if(ends).map(|(name, text)| found.property(&name, &text));
            }
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => {}
        }
    }
    found.source_type
}

struct Found<'f, 'a> {
    blocks: &'f mut Blocks<'a>,
    source_type: Option<SourceType>,
}

impl Found<'_, '_> {
    /// Properties that are spelled as attributes, and the resource that an element itself refers to.
    fn attributes(&mut self, element: &BytesStart<'_>) {
        for attribute in element.attributes().with_checks(false).flatten() {
            let name = match local(attribute.key.local_name().as_ref()) {
                name if name == "resource" => local(element.local_name().as_ref()),
                name => name,
            };
            if is_property(&name) {
                self.property(&name, &attribute.unescape_value().unwrap_or_default());
            }
        }
    }

    fn property(&mut self, name: &str, value: &str) {
        if name.eq_ignore_ascii_case(SOURCE_TYPE) {
            self.source_type = self.source_type.take().or_else(|| SourceType::parse(value));
        } else if let Some((_, key)) = TEXTS.iter().find(|(property, _)| *property == name) {
            self.blocks.text(*key, value.trim().as_bytes());
        }
    }
}

fn is_property(name: &str) -> bool {
    name.eq_ignore_ascii_case(SOURCE_TYPE) || TEXTS.iter().any(|(property, _)| *property == name)
}

fn local(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}
