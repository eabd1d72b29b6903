//! The signatures of AI generators: what each leaves in the texts of its files.
//!
//! An accusation needs the right words in the right field: a prompt about Midjourney, a photographer called Leonardo
//! and a camera application with "flux" in its name are none. Most AI pictures in the wild carry nothing.

use super::blocks::Text;

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

/// By structure. The first that is found names the tool, so the particular come before the general.
const STRUCTURES: &[Signature] = &[
    signature("InvokeAI", &["invokeai_metadata", "invokeai_graph", "invokeai_workflow"], is_object),
    signature("InvokeAI", &["sd-metadata"], |text| has(text, &["app_id"]) || has(text, &["model_weights", "image"])),
    signature("InvokeAI", &["Dream"], |text| words(text, &[" -s ", " -S ", " -W ", " -H "])),
    signature("SwarmUI", PARAMETERS, |text| has(text, &["sui_image_params"])),
    signature("Fooocus", &["fooocus_scheme"], |text| matches!(text, "fooocus" | "a1111")),
    signature("Fooocus", PARAMETERS, |text| has(text, &["full_prompt", "base_model"])),
    signature("Fooocus", PARAMETERS, |text| is_parameters(text) && text.contains("Version: Fooocus")),
    signature("SD.Next", PARAMETERS, |text| is_parameters(text) && text.contains("App: SD.Next")),
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
    signature("Easy Diffusion", &["use_stable_diffusion_model"], |text| !text.is_empty()),
    signature("Tensor.Art", &["generation_data"], |text| has(text, &["prompt", "models"])),
    signature("Midjourney", &["Description", "Comment"], has_job_id),
];

/// Fields that name a program.
const SOFTWARE: &[&str] = &["Software", "CreatorTool", "Source"];

/// Names of programs that do nothing but generate, as whole words in a field that names a program: `a b` is found in
/// `A-B 2.1` and `My A.B`, not in `ab` or `a 1 b`.
const PROGRAMS: &[(&str, &str)] = &[
    ("comfyui", "ComfyUI"),
    ("automatic1111", "AUTOMATIC1111"),
    ("fooocus", "Fooocus"),
    ("ruinedfooocus", "Fooocus"),
    ("invokeai", "InvokeAI"),
    ("invoke ai", "InvokeAI"),
    ("novelai", "NovelAI"),
    ("swarmui", "SwarmUI"),
    ("stableswarmui", "SwarmUI"),
    ("sd next", "SD.Next"),
    ("easy diffusion", "Easy Diffusion"),
    ("diffusionbee", "DiffusionBee"),
    ("draw things", "Draw Things"),
    ("dreamstudio", "DreamStudio"),
    ("midjourney", "Midjourney"),
    ("niji journey", "Midjourney"),
    ("dall e", "DALL·E"),
    ("chatgpt", "ChatGPT"),
    ("openai", "OpenAI"),
    ("gpt image", "OpenAI"),
    ("adobe firefly", "Adobe Firefly"),
    ("bing image creator", "Bing Image Creator"),
    ("image creator from designer", "Bing Image Creator"),
    ("google imagen", "Google AI"),
    ("made with google ai", "Google AI"),
    ("grok imagine", "Grok"),
    ("imagine with meta ai", "Meta AI"),
    ("imagined with ai", "Meta AI"),
    ("leonardo ai", "Leonardo.Ai"),
    ("ideogram ai", "Ideogram"),
    ("recraft ai", "Recraft"),
    ("playground ai", "Playground"),
    ("nightcafe studio", "NightCafe"),
    ("craiyon", "Craiyon"),
    ("starryai", "starryai"),
    ("tensor art", "Tensor.Art"),
    ("seaart ai", "SeaArt"),
    ("krea ai", "Krea"),
    ("civitai", "Civitai"),
    ("black forest labs", "Flux"),
    ("flux 1", "Flux"),
    ("flux dev", "Flux"),
    ("flux schnell", "Flux"),
    ("flux pro", "Flux"),
    ("stable diffusion", "Stable Diffusion"),
    ("stablediffusion", "Stable Diffusion"),
    ("sdxl", "Stable Diffusion"),
    ("stability ai", "Stable Diffusion"),
];

/// Whole credit lines, nothing before or after them: agencies credit companies for ordinary photographs, and "Edited
/// with Google AI" is said of photographs too.
const CREDITS: &[(&str, &str)] = &[
    ("made with google ai", "Google AI"),
    ("imagined with ai", "Meta AI"),
    ("midjourney", "Midjourney"),
    ("dall e", "DALL·E"),
    ("adobe firefly", "Adobe Firefly"),
    ("stable diffusion", "Stable Diffusion"),
];

/// The generator whose signature is among the texts of a file.
pub(super) fn tool(texts: &[Text]) -> Option<&'static str> {
    let under = |keys: &'static [&str]| texts.iter().filter(|text| keys.contains(&&*text.key)).map(|text| &text.value);
    let structure = || STRUCTURES.iter().find(|s| under(s.keys).any(|value| (s.test)(value.trim()))).map(|s| s.tool);
    let program = || {
        let mut names = under(SOFTWARE).map(|value| plain(value));
        names.find_map(|name| PROGRAMS.iter().find(|(program, _)| name.contains(&format!(" {program} "))))
    };
    let credit = || {
        let mut lines = under(&["Credit"]).map(|value| plain(value));
        lines.find_map(|line| CREDITS.iter().find(|(credit, _)| line.trim() == *credit))
    };
    structure().or_else(|| program().or_else(credit).map(|(_, tool)| *tool))
}

/// Lower case, each run of other characters than letters and digits one space, a space at either end. Names are
/// short: only the first 256 characters count.
fn plain(value: &str) -> String {
    let start: String = value.chars().take(256).flat_map(char::to_lowercase).collect();
    let words = start.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.fold(" ".to_owned(), |line, word| line + word + " ")
}

/// Looks like a JSON object. (Not parsed: these tools write `NaN`, and long ones are cut.)
fn is_object(text: &str) -> bool {
    text.starts_with('{') && text.contains("\":")
}

/// A JSON object in which all of these are keys, at any depth.
fn has(text: &str, keys: &[&str]) -> bool {
    let is_key = |key: &&str| {
        let quoted = format!("\"{key}\"");
        text.match_indices(&quoted).any(|(at, _)| text[at + quoted.len()..].trim_start().starts_with(':'))
    };
    is_object(text) && keys.iter().all(is_key)
}

fn words(text: &str, words: &[&str]) -> bool {
    words.iter().all(|word| text.contains(word))
}

/// The line that stable-diffusion-webui began and many write: `Steps: 20, Sampler: Euler a, …`.
fn is_parameters(text: &str) -> bool {
    let steps = text
        .match_indices("Steps: ")
        .any(|(at, name)| text[at + name.len()..].starts_with(|c: char| c.is_ascii_digit()));
    steps && (text.contains("Sampler: ") || text.contains("Negative prompt:"))
}

/// ComfyUI's graph as it was run (`prompt`) or as it is drawn (`workflow`), in EXIF after its name and a colon.
fn is_graph(text: &str) -> bool {
    let graph = text.find('{').filter(|start| *start <= 16).map_or("", |start| &text[start..]);
    has(graph, &["class_type", "inputs"]) || has(graph, &["nodes", "links", "last_node_id"])
}

/// `… --v 6.1 Job ID: 8-4-4-4-12 hexadecimal digits`.
fn has_job_id(text: &str) -> bool {
    let is_uuid = |id: &str| {
        let parts: Vec<&str> = id.split('-').collect();
        parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
            && parts.iter().all(|part| part.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    text.match_indices("Job ID: ")
        .any(|(at, name)| text.get(at + name.len()..at + name.len() + 36).is_some_and(is_uuid))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(key: &'static str, value: &str) -> Option<&'static str> {
        tool(&[Text { key: key.into(), value: value.to_owned() }])
    }

    const PARAMETERS_LINE: &str = "a duck\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, \
                                   Size: 512x512, Model hash: c0d1994c73";

    #[test]
    fn each_tool_is_known_by_what_it_writes() {
        let graph = r#"{"3": {"inputs": {"seed": NaN}, "class_type": "KSampler"}}"#;
        let drawn = r#"{"last_node_id": 9, "nodes": [], "links": []}"#;
        for (key, value, expected) in [
            ("prompt", graph, "ComfyUI"),
            ("workflow", drawn, "ComfyUI"),
            ("Make", &format!("workflow:{drawn}"), "ComfyUI"),
            ("Model", &format!("Prompt:{graph}"), "ComfyUI"),
            ("parameters", PARAMETERS_LINE, "AUTOMATIC1111"),
            ("UserComment", PARAMETERS_LINE, "AUTOMATIC1111"),
            ("Comment", &format!("{PARAMETERS_LINE}, Version: f2.0.1v1.10.1"), "Forge"),
            ("parameters", &format!("{PARAMETERS_LINE}, App: SD.Next"), "SD.Next"),
            ("parameters", &format!("{PARAMETERS_LINE}, Version: Fooocus v2.5.0"), "Fooocus"),
            ("parameters", "a duck\nSteps: 20, Sampler: k_euler", "Stable Diffusion"),
            ("parameters", r#"{"sui_image_params": {"prompt": "a duck"}}"#, "SwarmUI"),
            ("parameters", r#"{"base_model": "x", "full_prompt": ["a duck"]}"#, "Fooocus"),
            ("Dream", r#""a duck" -s 50 -S 1 -W 512 -H 768 -C 5"#, "InvokeAI"),
            ("sd-metadata", r#"{"app_id": "invoke-ai/InvokeAI"}"#, "InvokeAI"),
            ("invokeai_metadata", r#"{"seed": 1}"#, "InvokeAI"),
            ("Software", "NovelAI", "NovelAI"),
            ("Source", "Stable Diffusion 1D44365E", "Stable Diffusion"),
            ("CreatorTool", "Adobe Firefly", "Adobe Firefly"),
            ("Software", "DALL·E 3", "DALL·E"),
            ("Software", "DALL-E", "DALL·E"),
            ("Software", "FLUX.1-dev", "Flux"),
            ("Credit", "Made with Google AI", "Google AI"),
            ("Description", "a duck --v 6.1 Job ID: 01234567-89ab-cdef-0123-456789abcdef", "Midjourney"),
        ] {
            assert_eq!(of(key, value), Some(expected), "{key}: {value}");
        }
    }

    #[test]
    fn nobody_is_accused_by_chance() {
        for (key, value) in [
            ("Description", "How Midjourney, DALL·E and Stable Diffusion changed art"),
            ("Title", "Midjourney"),
            ("Artist", "Leonardo Rossi"),
            ("Software", "Leonardo 2.1"),
            ("Software", "f.lux 4"),
            ("Software", "Flux Capacitor"),
            ("Software", "Adobe Photoshop 26.0 (Windows)"),
            ("Software", "Invokeairline"),
            ("Credit", "OpenAI"),
            ("Credit", "Edited with Google AI"),
            ("Credit", "Photo: Midjourney Town Council"),
            ("parameters", "exposure 1/60, f/8"),
            ("parameters", "Steps: many, Sampler: Akai S900"),
            ("prompt", "a duck on a pond"),
            ("prompt", r#"{"text": "class_type and inputs"}"#),
            ("workflow", r#"{"steps": ["crop", "sharpen"]}"#),
            ("Dream", "of a better world"),
            ("Comment", r#"{"seed": 4}"#),
            ("Description", "Print job. Job ID: 4711"),
            ("Description", "Job ID: 01234567-89ab-cdef-0123-456789abcdé"),
            ("Make", "Canon"),
            ("UserComment", "Steps: 12 to the top, Sampler of beers"),
        ] {
            assert_eq!(of(key, value), None, "{key}: {value}");
        }
    }
}
