//! Evidence: what content says of its own origin, one statement at a time, with how much each is worth.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One statement that was found in content. Its texts are short and fit to be shown; what a person asked a model for is
/// never among them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Evidence {
    /// What kind of thing was found.
    pub kind: EvidenceKind,
    /// The standard that defines it, with its section; for what no standard defines, whose custom it is.
    pub standard: String,
    /// What it comes to, as a sentence for people.
    pub statement: String,
    /// How the content came about by this statement.
    pub origin: Origin,
    /// What it is worth.
    pub strength: Strength,
    /// Where it stands in the file, as in `EXIF UserComment`.
    pub found_in: String,
    /// Whether anybody could have written it. Only a signature by somebody on a trust list cannot be forged.
    pub forgeable: bool,
    /// The program, service or model family that it names.
    pub generator: Option<String>,
    /// The version of that.
    pub version: Option<String>,
    /// The model or checkpoint that it names, or the camera.
    pub model: Option<String>,
}

/// What kind of thing a statement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EvidenceKind {
    /// A label made to declare an origin: a source type, a credit, a label that a law demands.
    Declaration,
    /// What a generator leaves in its files: its settings, its workflow, its name.
    Signature,
    /// Data hidden in the content itself.
    HiddenData,
    /// A signed C2PA manifest.
    Manifest,
    /// A camera's notes.
    Camera,
}

/// How content came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A model made it.
    AiGenerated,
    /// A model made parts of it.
    AiEdited,
    /// A device captured it.
    Captured,
    /// That is left open.
    Unstated,
}

/// What a statement is worth; the more, the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// Worth knowing, decides nothing.
    Hint,
    /// Weighs in the verdict.
    Strong,
    /// Decides alone, if it says that a model made the content.
    Proof,
}

impl Evidence {
    /// Whether this alone makes the content AI-generated.
    pub fn proves_ai(&self) -> bool {
        self.strength == Strength::Proof && self.origin == Origin::AiGenerated
    }

    /// Whether it weighs, and says that parts were made by a model.
    pub fn says_edited(&self) -> bool {
        self.strength >= Strength::Strong && self.origin == Origin::AiEdited
    }

    /// Its name in few words: the generator, or else where the statement stands.
    pub fn name(&self) -> &str {
        self.generator.as_deref().unwrap_or(&self.found_in)
    }
}
