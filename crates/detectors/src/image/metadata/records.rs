//! The records that generators keep of how they made a picture: lines of settings and JSON. What is taken from them is
//! the name of a model and the version of a program, never what a person asked for.

use super::clean;

/// Members that name a model or checkpoint, and what writes them.
const MODELS: [&str; 7] = [
    "ckpt_name",                  // ComfyUI
    "unet_name",                  // ComfyUI, for models without a checkpoint
    "base_model",                 // Fooocus
    "base_model_name",            // RuinedFooocus
    "use_stable_diffusion_model", // Easy Diffusion
    "model",                      // SwarmUI, MFLUX, Draw Things
    "model_weights",              // InvokeAI
];
/// Members that name a program's version.
const VERSIONS: [&str; 3] = ["swarm_version", "mflux_version", "app_version"];

/// The model or checkpoint that a record names.
pub(super) fn model(record: &str) -> Option<String> {
    let named = || MODELS.iter().find_map(|key| string(record, key));
    // A file's folder may tell of a person.
    setting(record, "Model: ").or_else(named)?.rsplit(['/', '\\']).next().and_then(clean)
}

/// The version of the program that wrote a record.
pub(super) fn version(record: &str) -> Option<String> {
    setting(record, "Version: ").or_else(|| VERSIONS.iter().find_map(|key| string(record, key))).and_then(clean)
}

/// A setting of the last line, `Steps: 20, Sampler: Euler a, …`. What is in quotes may be a prompt, and so may all that
/// follows.
fn setting<'t>(record: &'t str, name: &str) -> Option<&'t str> {
    let line = record.trim_end().rsplit('\n').next().filter(|line| line.starts_with("Steps: "))?;
    line.split(", ").take_while(|setting| !setting.contains('"')).find_map(|setting| setting.strip_prefix(name))
}

/// A member of a JSON object, at any depth, if it is a plain string. (In a string a quote has a backslash before it,
/// so that nothing inside a prompt looks like a member.)
pub(super) fn string<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    let quoted = format!("\"{key}\"");
    let mut members = text.match_indices(&quoted).filter(|(at, _)| !text[..*at].ends_with('\\'));
    members.find_map(|(at, _)| {
        let value = text[at + quoted.len()..].trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
        Some(&value[..value.find('"')?]).filter(|value| value.len() <= 256)
    })
}

/// Looks like a JSON object. (Not parsed: these tools write `NaN`, and long ones are cut.)
pub(super) fn is_object(text: &str) -> bool {
    text.starts_with('{') && text.contains("\":")
}

/// A JSON object in which all of these are keys, at any depth.
pub(super) fn has(text: &str, keys: &[&str]) -> bool {
    let is_key = |key: &&str| {
        let quoted = format!("\"{key}\"");
        text.match_indices(&quoted).any(|(at, _)| text[at + quoted.len()..].trim_start().starts_with(':'))
    };
    is_object(text) && keys.iter().all(is_key)
}

pub(super) fn words(text: &str, words: &[&str]) -> bool {
    words.iter().all(|word| text.contains(word))
}

/// The line that stable-diffusion-webui began and many write: `Steps: 20, Sampler: Euler a, …`.
pub(super) fn is_parameters(text: &str) -> bool {
    let steps = text
        .match_indices("Steps: ")
        .any(|(at, name)| text[at + name.len()..].starts_with(|c: char| c.is_ascii_digit()));
    steps && (text.contains("Sampler: ") || text.contains("Negative prompt:"))
}

/// ComfyUI's graph as it was run (`prompt`) or as it is drawn (`workflow`), in EXIF after its name and a colon.
pub(super) fn is_graph(text: &str) -> bool {
    let graph = text.find('{').filter(|start| *start <= 16).map_or("", |start| &text[start..]);
    has(graph, &["class_type", "inputs"]) || has(graph, &["nodes", "links", "last_node_id"])
}

/// 8-4-4-4-12 hexadecimal digits.
pub(super) fn is_uuid(id: &str) -> bool {
    let parts: Vec<&str> = id.split('-').take(6).collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.iter().all(|part| part.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_and_versions_are_read_and_prompts_are_not() {
        let line = "a duck, Model: of good conduct\nSteps: 20, Sampler: Euler a, Model: v1-5-pruned, Version: v1.9.3";
        assert_eq!((model(line).as_deref(), version(line).as_deref()), (Some("v1-5-pruned"), Some("v1.9.3")));
        let quoted = "a duck\nSteps: 20, Sampler: Euler a, ADetailer prompt: \"a face, Model: secret\", Size: 1x1";
        assert_eq!(model(quoted), None);
        let graph = r#"{"1": {"inputs": {"text": "\"ckpt_name\": \"secret\""}}, "2": {"ckpt_name": "C:\\Users\\ada\\x.safetensors"}}"#;
        assert_eq!(model(graph).as_deref(), Some("x.safetensors"));
        let swarm = r#"{"sui_image_params": {"prompt": "a duck", "model": "Flux/dev", "swarm_version": "0.9.1"}}"#;
        assert_eq!((model(swarm).as_deref(), version(swarm).as_deref()), (Some("dev"), Some("0.9.1")));
        assert_eq!(model(r#"{"model": {"name": "x"}}"#), None);
        assert_eq!(model("a duck"), None);
    }
}
