//! Reasons to read a verdict with care.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Something about the content or the scan that a careful reader of the verdict wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Warning {
    /// Fewer than [`crate::text::SHORT_WORDS`] words: the verdict is never `ai_generated`.
    ShortText,
    /// The text does not look English, the language that the packs are measured on.
    NotEnglish,
    /// Zero-width, bidirectional-control or other invisible characters were removed before the analysis.
    HiddenCharacters,
    /// Words mix Latin with letters of a script that looks like it; what looks Latin was read as Latin.
    Homoglyphs,
    /// Spaces of unusual width stand between words; they were read as ordinary ones.
    LookalikeSpaces,
    /// The image's shorter side is under [`crate::image::SMALL_SIDE`] pixels: the verdict is never `ai_generated` unless
    /// the file itself proves it.
    SmallImage,
    /// The image declares that a part of it was made by a trained model.
    EditedWithAi,
    /// The C2PA manifest does not match the content, or cannot be read.
    TamperedManifest,
    /// A stage could not run; its score is `null` and the others were blended without it.
    StageUnavailable,
}

impl Warning {
    /// Whether the stages' evidence is too thin to call the content AI-generated.
    pub fn forbids_accusing(self) -> bool {
        matches!(self, Warning::ShortText | Warning::SmallImage)
    }

    /// One sentence for people.
    pub fn message(self) -> &'static str {
        match self {
            Warning::ShortText => {
                "Under 50 words there is too little evidence to call a text AI-generated; send more of it."
            }
            Warning::NotEnglish => "The text does not look English, the only language this pack is measured on.",
            Warning::HiddenCharacters => "Invisible characters were found and removed before the analysis.",
            Warning::Homoglyphs => "Look-alike letters of other scripts were found and read as Latin letters.",
            Warning::LookalikeSpaces => {
                "Spaces of unusual width were found between words, where a watermark may lie, and read as ordinary ones."
            }
            Warning::SmallImage => {
                "Under 128 pixels a side there is too little evidence to call an image AI-generated; send the original."
            }
            Warning::EditedWithAi => "The file declares that parts of the image were made with AI.",
            Warning::TamperedManifest => "The C2PA manifest does not match the image, so what it says was ignored.",
            Warning::StageUnavailable => "A detection stage could not run; the verdict rests on the stages that did.",
        }
    }
}

/// How often something was found in a text, and where first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occurrences {
    /// How many characters.
    pub count: usize,
    /// The first of them: a character offset into the content as it was sent.
    pub first: usize,
}
