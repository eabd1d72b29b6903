//! The marks among a file's texts, as evidence.

use super::blocks::Text;
use super::{labels, names, signatures};
use scan::image::SourceType;
use scan::{Evidence, EvidenceKind, Origin, Strength};

/// All marks, the most telling first: a generator's own record, then labels that name one, then names and credits, then
/// labels that name nobody.
pub(super) fn marks(texts: &[Text], source_type: Option<&SourceType>) -> Vec<Evidence> {
    let found = [
        signatures::mark_in(texts),
        labels::system(texts, source_type),
        names::program(texts),
        names::declaration(texts),
        labels::prompt(texts, source_type),
        labels::aigc(texts),
    ];
    found.into_iter().flatten().collect()
}

/// A proof that anybody could have written, in this text.
pub(super) fn mark(text: &Text, kind: EvidenceKind, standard: String, statement: String) -> Evidence {
    Evidence {
        kind,
        standard,
        statement,
        origin: Origin::AiGenerated,
        strength: Strength::Proof,
        found_in: format!("{} {}", text.place, text.key),
        forgeable: true,
        generator: None,
        version: None,
        model: None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::blocks::Place;
    use super::*;

    fn text(key: &'static str, value: &str) -> Text {
        Text { place: Place::Exif, key: key.into(), value: value.to_owned() }
    }

    /// What these texts come to, most telling first.
    fn all(texts: &[(&'static str, &str)]) -> Vec<Evidence> {
        marks(&texts.iter().map(|(key, value)| text(key, value)).collect::<Vec<_>>(), None)
    }

    /// Who is proven to have made a file with this text.
    fn of(key: &'static str, value: &str) -> Option<String> {
        let proof = all(&[(key, value)]).into_iter().find(Evidence::proves_ai)?;
        Some(proof.generator.unwrap_or_else(|| "somebody".to_owned()))
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
            ("Software", "AI generated;txt2img;flux", "Flux"),
            ("Software", "mflux 0.4.1", "MFLUX"),
            ("UserComment", r#"{"mflux_version": "0.4.1", "model": "dev", "seed": 1}"#, "MFLUX"),
            ("UserComment", "Made with OpenAI Labs", "DALL·E"),
            ("parameters", r#"{"use_stable_diffusion_model": "sd-v1-4", "prompt": "a duck"}"#, "Easy Diffusion"),
            ("UserComment", r#"{"c": "a duck", "uc": "", "sampler": "DDIM", "seed": 1, "model": "x"}"#, "Draw Things"),
            ("parameters", r#"{"base_model_name": "x", "software": "RuinedFooocus"}"#, "RuinedFooocus"),
            ("Credit", "Created with Galaxy AI", "Galaxy AI"),
            ("Rights", "AI Generated Content", "somebody"),
            ("Credit", "AI-generated image", "somebody"),
            ("Description", "a duck --v 6.1 Job ID: 01234567-89ab-cdef-0123-456789abcdef", "Midjourney"),
        ] {
            assert_eq!(of(key, value).as_deref(), Some(expected), "{key}: {value}");
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
            ("CreatorTool", "Made with Ai"),
            ("Description", "AI generated"),
            ("Rights", "© Ada. No AI generated content."),
            ("Artist", "01234567-89ab-cdef-0123-456789abcdef"),
            ("Description", "Signature: A. Lovelace"),
            ("DigitalImageGUID", "01234567-89ab-cdef-0123-456789abcdef"),
            ("Software", "UNO"),
        ] {
            assert_eq!(of(key, value), None, "{key}: {value}");
        }
    }
    #[test]
    fn two_texts_together_say_what_neither_says_alone() {
        let id = "01234567-89ab-cdef-0123-456789abcdef";
        let signature = format!("Signature: {}", "Ab0+/".repeat(20));
        for (first, second, expected) in [
            (("Software", "AI generated;txt2img;flux"), ("Make", "UNO"), "UNO"),
            (("Description", &*signature), ("Artist", id), "Grok"),
            (("DigitalImageGUID", id), ("DigitalSourceType", "trainedAlgorithmicMedia"), "Midjourney"),
        ] {
            assert_eq!(all(&[second, first])[0].generator.as_deref(), Some(expected));
        }
        let flux =
            all(&[("Make", "Black Forest Labs"), ("Model", "flux-dev"), ("Software", "AI generated;txt2img;flux")]);
        assert_eq!((flux[0].generator.as_deref(), flux[0].model.as_deref()), (Some("Flux"), Some("flux-dev")));
    }

    #[test]
    fn what_was_only_edited_is_no_proof() {
        for credit in ["Edited with Google AI", "edited with Galaxy AI."] {
            let evidence = all(&[("Credit", credit)]);
            assert!(evidence[0].says_edited() && !evidence[0].proves_ai(), "{credit}");
        }
    }

    #[test]
    fn no_prompt_is_ever_among_the_evidence() {
        let secret = "a very private duck";
        let line =
            format!("{secret}\nNegative prompt: {secret}\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 1x1");
        let graph = format!(r#"{{"1": {{"class_type": "KSampler", "inputs": {{"text": "{secret}"}}}}}}"#);
        let texts = [
            ("parameters", &*line),
            ("prompt", &graph),
            ("Description", secret),
            ("AIPromptInformation", secret),
            ("AISystemUsed", "Any Model 4"),
        ];
        let evidence = all(&texts);
        assert!(evidence.len() >= 3);
        assert!(!format!("{evidence:?}").contains("duck"), "{evidence:?}");
    }
}
