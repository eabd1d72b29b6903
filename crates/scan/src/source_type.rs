//! How a picture came about, in the words of IPTC's vocabulary.

use serde::{Deserialize, Serialize};

/// A term of IPTC's digital source type vocabulary: the last segment of its URI, as in `trainedAlgorithmicMedia`
/// (<https://cv.iptc.org/newscodes/digitalsourcetype/>).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SourceType(String);

/// The vocabulary, retired terms too, and the two terms of C2PA's own (specification 2.1, section 18.15.9); with each
/// the names that the vocabulary gave it over the years, as [`letters`] has them, for writers who took the name for
/// the term.
const TERMS: [(&str, &[&str]); 22] = [
    (GENERATED, &["createdusinggenerativeai", "createdwithgenerativeai"]),
    (EDITED, &["editedusinggenerativeai", "editedwithgenerativeai"]),
    (
        "compositeSynthetic",
        &[
            "compositeincludinggenerativeaielements",
            "compositeincludingsyntheticelements",
            "compositewithsyntheticelements",
        ],
    ),
    ("algorithmicMedia", &["purealgorithmicmedia", "createdbyalgorithm"]),
    ("algorithmicallyEnhanced", &["algorithmicenhancement", "algorithmicallyalteredmedia"]),
    ("dataDrivenMedia", &[]),
    (
        "digitalCapture",
        &["digitalcapturesampledfromreallife", "originaldigitalcapturesampledfromreallife", "originaldigitalcapture"],
    ),
    ("computationalCapture", &["multiframecomputationalcapture", "multiframecomputationalcapturesampledfromreallife"]),
    ("negativeFilm", &["digitisedfromatransparentnegative", "digitisedfromanegativeonfilm"]),
    ("positiveFilm", &["digitisedfromatransparentpositive", "digitisedfromapositiveonfilm"]),
    ("print", &["digitisedfromanontransparentmedium", "digitisedfromaprintonnontransparentmedium"]),
    ("minorHumanEdits", &["originalmediawithminorhumanedits"]),
    ("humanEdits", &["humaneditedmedia"]),
    ("compositeCapture", &["compositeofelementscapturedfromreallife", "compositeofcapturedelements"]),
    ("digitalArt", &[]),
    ("digitalCreation", &[]),
    ("virtualRecording", &["virtualeventrecording"]),
    ("composite", &["compositeofelements", "mixorcompositeofelements"]),
    ("screenCapture", &[]),
    ("softwareImage", &["createdbysoftware"]),
    ("trainedAlgorithmicData", &[]),
    ("empty", &[]),
];

const GENERATED: &str = "trainedAlgorithmicMedia";
const EDITED: &str = "compositeWithTrainedAlgorithmicMedia";

/// The longest name or URI that is looked at, in bytes; the vocabulary's own have at most 90.
const MAX_LENGTH: usize = 256;

impl SourceType {
    /// From a URI, a QCode, the term alone or the name that the vocabulary gives it, whatever the case, with or without
    /// query and fragment; the terms of schema.org's copy (`TrainedAlgorithmicMediaDigitalSource`) too. `None` when no
    /// term is left: at most 64 ASCII letters.
    pub fn parse(uri: &str) -> Option<Self> {
        let uri = uri.trim();
        let known = || uri.rsplit(['/', ':', '#', '?']).take(16).find_map(term);
        let unknown = || {
            let term = uri.split(['?', '#']).next()?.trim_end_matches('/').rsplit(['/', ':']).next()?;
            let plausible = (1..=64).contains(&term.len()) && term.bytes().all(|b| b.is_ascii_alphabetic());
            plausible.then_some(term)
        };
        (uri.len() <= MAX_LENGTH).then(|| known().or_else(unknown)).flatten().map(|term| Self(term.to_owned()))
    }

    /// The term.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Made by a trained model.
    pub fn is_ai_generated(&self) -> bool {
        self.0 == GENERATED
    }

    /// Partly made by a trained model: inpainting, generative fill, a composite with a generated element.
    pub fn is_ai_edited(&self) -> bool {
        self.0 == EDITED || self.0 == "compositeSynthetic"
    }

    /// Captured from real life.
    pub fn is_capture(&self) -> bool {
        matches!(self.0.as_str(), "digitalCapture" | "computationalCapture" | "negativeFilm" | "positiveFilm" | "print")
    }

    /// How much of the picture a model made by this declaration, the more the greater: 0 for a capture. Of several
    /// declarations the greatest counts, since what was done last does not undo what was done before.
    pub fn share_of_ai(&self) -> u8 {
        match self {
            source if source.is_ai_generated() => 3,
            source if source.is_ai_edited() => 2,
            source if source.is_capture() => 0,
            // Composites, algorithmic media, screen captures: more than a capture happened.
            _ => 1,
        }
    }

    /// The same of something that it is a part of.
    pub fn as_part(self) -> Self {
        if self.is_ai_generated() { Self(EDITED.to_owned()) } else { self }
    }
}

/// The term that a word or a name stands for.
fn term(word: &str) -> Option<&'static str> {
    let word = letters(word);
    let word = word.strip_suffix("digitalsource").unwrap_or(&word);
    let stands_for =
        |(term, names): &&(&'static str, &[&str])| term.eq_ignore_ascii_case(word) || names.contains(&word);
    TERMS.iter().find(stands_for).map(|(term, _)| *term)
}

/// Letters only, in lower case: `Trained algorithmic-media` and `trainedAlgorithmicMedia` are one.
fn letters(word: &str) -> String {
    word.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(uri: &str) -> Option<String> {
        SourceType::parse(uri).map(|source| source.0)
    }

    #[test]
    fn a_source_type_is_read_in_all_its_spellings() {
        for spelling in [
            "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
            "https://cv.iptc.org/newscodes/digitalsourcetype/TRAINEDALGORITHMICMEDIA/",
            "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia?lang=en-GB",
            "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia#",
            "http://cv.iptc.org/newscodes/digitalsourcetype#trainedAlgorithmicMedia",
            "https://schema.org/TrainedAlgorithmicMediaDigitalSource",
            "digsrctype:trainedAlgorithmicMedia",
            " TrainedAlgorithmicMedia\n",
            "trained_algorithmic_media",
            "Trained Algorithmic Media",
            "Created using Generative AI",
        ] {
            assert_eq!(parsed(spelling).as_deref(), Some("trainedAlgorithmicMedia"), "{spelling}");
        }
        for spelling in ["iptc:compositeWithTrainedAlgorithmicMedia ", "Edited using Generative AI"] {
            assert_eq!(parsed(spelling).as_deref(), Some("compositeWithTrainedAlgorithmicMedia"), "{spelling}");
        }
        assert_eq!(parsed("Digital capture sampled from real life").as_deref(), Some("digitalCapture"));
    }

    #[test]
    fn a_term_that_nobody_knows_is_kept_as_it_is_and_rubbish_is_not() {
        assert_eq!(
            parsed("http://example.org/digitalsourcetype/notYetInvented?x=1").as_deref(),
            Some("notYetInvented")
        );
        for rubbish in ["", "http://example.com/<script>", "made by a person and no AI at all", &"a/".repeat(4000)] {
            assert_eq!(parsed(rubbish), None, "{rubbish}");
        }
    }

    #[test]
    fn what_is_said_of_a_part_is_not_said_of_the_whole() {
        let generated = SourceType(GENERATED.to_owned());
        assert!(generated.clone().as_part().is_ai_edited() && generated.is_ai_generated());
        let captured = SourceType("digitalCapture".to_owned());
        assert_eq!(captured.clone().as_part(), captured);
    }
}
