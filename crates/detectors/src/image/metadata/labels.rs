//! Labels that were made to declare an origin: IPTC's properties for AI, and China's mandatory label.

use super::blocks::Text;
use super::clean;
use super::marks::mark;
use scan::image::SourceType;
use scan::{Evidence, EvidenceKind, Origin, Strength};
use serde_json::Value;

/// "AI System Used": the engine or model that made the picture. Where a source type is declared too, that says how much
/// of it: restorers name their AI as well.
pub(super) fn system(texts: &[Text], source_type: Option<&SourceType>) -> Option<Evidence> {
    let text = named(texts, "AISystemUsed")?;
    let generator = clean(&text.value)?;
    let version = named(texts, "AISystemVersionUsed").and_then(|version| clean(&version.value));
    let (origin, strength) = extent(source_type);
    let what = if origin == Origin::AiEdited { "parts of it made" } else { "it made" };
    let statement = format!("Its metadata declares {what} by a trained model, {generator}.");
    let standard = "IPTC Photo Metadata Standard 2025.1, AI System Used".to_owned();
    let declared = mark(text, EvidenceKind::Declaration, standard, statement);
    Some(Evidence { origin, strength, generator: Some(generator), version, ..declared })
}

/// "AI Prompt Information" and who wrote it: that there is any, not what.
pub(super) fn prompt(texts: &[Text], source_type: Option<&SourceType>) -> Option<Evidence> {
    let text = named(texts, "AIPromptInformation").or_else(|| named(texts, "AIPromptWriterName"))?;
    let statement = "Its metadata keeps what a model was asked for.".to_owned();
    let standard = "IPTC Photo Metadata Standard 2025.1, AI Prompt Information".to_owned();
    let (origin, strength) = extent(source_type);
    let strength = strength.min(Strength::Strong);
    Some(Evidence { origin, strength, ..mark(text, EvidenceKind::Declaration, standard, statement) })
}

/// How much a model made by that source type, where a model had a part in it.
fn extent(source_type: Option<&SourceType>) -> (Origin, Strength) {
    match source_type {
        Some(source) if !source.is_ai_generated() => (Origin::AiEdited, Strength::Strong),
        _ => (Origin::AiGenerated, Strength::Proof),
    }
}

/// The text of that name, unless it says that there was nothing.
fn named<'t>(texts: &'t [Text], key: &str) -> Option<&'t Text> {
    let nothing = ["", "-", "none", "no", "no ai", "n/a", "na", "not applicable", "not used", "false", "null"];
    let says = |text: &&Text| !nothing.iter().any(|word| text.value.trim().eq_ignore_ascii_case(word));
    texts.iter().filter(|text| text.key == key).find(says)
}

/// The longest label that is read, in bytes.
const MAX_LABEL: usize = 64 << 10;

/// China's mandatory label: a JSON object, or one within `{"AIGC": …}` in a comment. `Label` is 1 for generated, 2 for
/// possibly and 3 for suspected by a platform (GB 45438-2025, appendix E).
pub(super) fn aigc(texts: &[Text]) -> Option<Evidence> {
    let comments = ["UserComment", "Comment", "Description"];
    let mut labels = texts.iter().filter(|text| text.value.len() <= MAX_LABEL).filter_map(|text| {
        let own = text.key.eq_ignore_ascii_case("AIGC");
        let wrapped = || comments.contains(&&*text.key) && text.value.contains("\"AIGC\"");
        let value: Value = (own || wrapped()).then(|| serde_json::from_str(text.value.trim()).ok()).flatten()?;
        let inner = value.get("AIGC");
        Some((text, own, label(if own { inner.unwrap_or(&value) } else { inner? })?))
    });
    let (text, own, label) = labels.next()?;
    let standard = "GB 45438-2025, implicit label (TC260 AIGC)".to_owned();
    let (strength, statement) = match label {
        1 => (Strength::Proof, "Its AIGC label declares it made by a trained model."),
        2 => (Strength::Hint, "Its AIGC label calls it possibly made by a trained model."),
        _ => (Strength::Hint, "Its AIGC label says that a platform suspects it to be made by a trained model."),
    };
    let declared = mark(text, EvidenceKind::Declaration, standard, statement.to_owned());
    let place = if own { text.place.to_string() } else { declared.found_in.clone() };
    Some(Evidence { strength, found_in: format!("{place}, AIGC label"), ..declared })
}

/// The value of `Label`, if the object has the members that make it a label; it may be a string that holds the object.
fn label(value: &Value) -> Option<u64> {
    if let Value::String(json) = value {
        return serde_json::from_str(json).ok().filter(Value::is_object).and_then(|object| label(&object));
    }
    let about = ["ContentProducer", "ProduceID", "ContentPropagator", "PropagateID"];
    about.iter().any(|member| value.get(member).is_some()).then_some(())?;
    match value.get("Label")? {
        Value::String(label) => label.trim().parse().ok(),
        label => label.as_u64(),
    }
    .filter(|label| (1..=3).contains(label))
}
