//! Modalities and the detection stages that each runs.

use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// What kind of content is scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Modality {
    /// Prose.
    Text,
    /// A still picture.
    Image,
}

/// One independent detector. Each looks at the whole content and gives a calibrated probability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stage {
    /// Stylometry of a text, inline in the api function.
    Heuristics,
    /// A fine-tuned encoder classifier (RoBERTa or BERT shaped).
    Roberta,
    /// Log-perplexity over cross-perplexity of two causal LMs (Hans et al., 2024, arXiv:2401.12070).
    Binoculars,
    /// What an image file says of its own origin, inline in the api function.
    Metadata,
    /// The spectrum of an image's luminance, inline in the api function.
    Frequency,
    /// A vision network fine-tuned to tell captured from generated pixels.
    Classifier,
}

impl Stage {
    /// Every stage, in the order in which the contract lists them.
    pub const ALL: [Stage; 6] =
        [Stage::Heuristics, Stage::Binoculars, Stage::Roberta, Stage::Metadata, Stage::Frequency, Stage::Classifier];

    /// The name used in packs, queues and `details.stages`.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Heuristics => "heuristics",
            Stage::Roberta => "roberta",
            Stage::Binoculars => "binoculars",
            Stage::Metadata => "metadata",
            Stage::Frequency => "frequency",
            Stage::Classifier => "classifier",
        }
    }

    /// What kind of content it looks at.
    pub fn modality(self) -> Modality {
        match self {
            Stage::Heuristics | Stage::Roberta | Stage::Binoculars => Modality::Text,
            Stage::Metadata | Stage::Frequency | Stage::Classifier => Modality::Image,
        }
    }

    /// Neural stages run in the inference function; the others run inline in the api function.
    pub fn is_neural(self) -> bool {
        matches!(self, Stage::Roberta | Stage::Binoculars | Stage::Classifier)
    }

    /// The stages of a modality.
    pub fn of(modality: Modality) -> impl Iterator<Item = Stage> {
        Stage::ALL.into_iter().filter(move |stage| stage.modality() == modality)
    }

    /// The stage of that name.
    pub fn parse(name: &str) -> Option<Stage> {
        Stage::ALL.into_iter().find(|stage| stage.name() == name)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Modality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Modality::Text => "text",
            Modality::Image => "image",
        })
    }
}
