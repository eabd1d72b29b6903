//! The signatures of AI generators: what each leaves in the texts of its files, by its structure.
//!
//! An accusation needs the right words in the right field: a prompt about Midjourney is none. Most AI pictures in the
//! wild carry nothing.

use super::blocks::Text;
use super::clean;
use super::marks::mark;
use super::records::{has, is_graph, is_object, is_parameters, is_uuid, model, string, version, words};
use scan::image::SourceType;
use scan::{Evidence, EvidenceKind};

/// In files of this tool, a text under one of these names passes the test.
struct Signature {
    tool: &'static str,
    keys: &'static [&'static str],
    test: fn(&str) -> bool,
}

const fn signature(tool: &'static str, keys: &'static [&'static str], test: fn(&str) -> bool) -> Signature {
    Signature { tool, keys, test }
}

/// Where generation parameters are written: PNG text, EXIF, and the comments of GIF and JPEG.
const PARAMETERS: &[&str] = &["parameters", "UserComment", "Comment"];
/// ComfyUI's WEBP files misuse EXIF's maker and model.
const GRAPH: &[&str] = &["prompt", "workflow", "Make", "Model", "Description", "UserComment", "Comment"];

/// The first that is found names the tool, so the particular come before the general.
const SIGNATURES: &[Signature] = &[
    signature("InvokeAI", &["invokeai_metadata", "invokeai_graph", "invokeai_workflow"], is_object),
    signature("InvokeAI", &["sd-metadata"], |text| has(text, &["app_id"]) || has(text, &["model_weights", "image"])),
    signature("InvokeAI", &["Dream"], |text| words(text, &[" -s ", " -S ", " -W ", " -H "])),
    signature("SwarmUI", PARAMETERS, |text| has(text, &["sui_image_params"])),
    signature("Fooocus", &["fooocus_scheme"], |text| matches!(text, "fooocus" | "a1111")),
    signature("Fooocus", PARAMETERS, |text| has(text, &["full_prompt", "base_model"])),
    signature("RuinedFooocus", PARAMETERS, |text| string(text, "software") == Some("RuinedFooocus")),
    signature("Fooocus", PARAMETERS, |text| is_parameters(text) && text.contains("Version: Fooocus")),
    signature("SD.Next", PARAMETERS, |text| is_parameters(text) && text.contains("App: SD.Next")),
    signature("stable-diffusion.cpp", PARAMETERS, |text| {
        is_parameters(text) && text.contains("Version: stable-diffusion.cpp")
    }),
    signature("Forge", PARAMETERS, |text| is_parameters(text) && text.contains("Version: f")),
    signature("ComfyUI", PARAMETERS, |text| is_parameters(text) && text.contains("Version: ComfyUI")),
    signature("Civitai", PARAMETERS, |text| is_parameters(text) && text.contains("Civitai resources:")),
    signature("AUTOMATIC1111", PARAMETERS, |text| {
        is_parameters(text) && words(text, &["CFG scale: ", "Seed: ", "Size: "])
    }),
    signature("Stable Diffusion", PARAMETERS, is_parameters),
    signature("ComfyUI", GRAPH, is_graph),
    signature("NovelAI", &["Comment"], |text| has(text, &["uc", "sampler", "seed"])),
    signature("Draw Things", &["UserComment"], |text| has(text, &["c", "uc", "sampler", "seed"])),
    signature("MFLUX", PARAMETERS, |text| has(text, &["mflux_version"])),
    signature("Easy Diffusion", &["use_stable_diffusion_model"], |text| !text.is_empty()),
    signature("Easy Diffusion", PARAMETERS, |text| has(text, &["use_stable_diffusion_model"])),
    signature("Tensor.Art", &["generation_data"], |text| has(text, &["prompt", "models"])),
    signature("Midjourney", &["Description", "Comment"], has_job_id),
    signature("Flux", &["Software"], is_flux_code),
];

/// In files of this tool, two texts go together: the first alone would prove nothing, or not who made it.
struct Pair {
    tool: &'static str,
    first: (&'static str, fn(&str) -> bool),
    second: (&'static str, fn(&str) -> bool),
}

const PAIRS: &[Pair] = &[
    // Black Forest Labs' code in the hands of others.
    Pair { tool: "UNO", first: ("Software", is_flux_code), second: ("Make", |make| make == "UNO") },
    // xAI signs its pictures; with which key is not published.
    Pair { tool: "Grok", first: ("Description", is_signature), second: ("Artist", is_uuid) },
    Pair { tool: "Midjourney", first: ("DigitalImageGUID", is_uuid), second: ("DigitalSourceType", is_generated) },
];

/// The generator whose signature is among the texts of a file.
pub(super) fn mark_in(texts: &[Text]) -> Option<Evidence> {
    let passing = |key: &str, test: fn(&str) -> bool| texts.iter().find(|t| t.key == key && test(t.value.trim()));
    let pair = PAIRS.iter().find_map(|pair| {
        let text = passing(pair.first.0, pair.first.1)?;
        passing(pair.second.0, pair.second.1).map(|_| (pair.tool, text))
    });
    let single = || {
        SIGNATURES.iter().find_map(|signature| {
            let is_signed = |text: &&Text| signature.keys.contains(&&*text.key) && (signature.test)(text.value.trim());
            texts.iter().find(is_signed).map(|text| (signature.tool, text))
        })
    };
    let (tool, text) = pair.or_else(single)?;
    let standard = format!("none; {tool}'s own record");
    let statement = format!("Its metadata carries the signature of {tool}.");
    // Where a program's name is the signature, EXIF's model names the model.
    let camera = || texts.iter().find(|other| text.key == "Software" && other.key == "Model");
    Some(Evidence {
        generator: Some(tool.to_owned()),
        model: model(&text.value).or_else(|| clean(&camera()?.value)),
        version: version(&text.value),
        ..mark(text, EvidenceKind::Signature, standard, statement)
    })
}

/// `AI generated;txt2img;flux`, as Black Forest Labs' code and its descendants write it.
fn is_flux_code(text: &str) -> bool {
    let mut parts = text.split(';');
    parts.next() == Some("AI generated") && parts.any(|part| part.contains("flux"))
}

/// `Signature: ` and base64.
fn is_signature(text: &str) -> bool {
    let is_base64 = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/' | b'=' | b'-' | b'_');
    text.strip_prefix("Signature: ").is_some_and(|signature| signature.len() >= 64 && signature.bytes().all(is_base64))
}

fn is_generated(text: &str) -> bool {
    SourceType::parse(text).is_some_and(|source_type| source_type.is_ai_generated())
}

/// `… --v 6.1 Job ID: 8-4-4-4-12 hexadecimal digits`.
fn has_job_id(text: &str) -> bool {
    let mut ids = text.match_indices("Job ID: ");
    ids.any(|(at, name)| text.get(at + name.len()..at + name.len() + 36).is_some_and(is_uuid))
}
