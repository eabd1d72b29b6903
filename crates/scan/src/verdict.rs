//! The three answers.

use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// What the scan says of the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Likely written by a human.
    Human,
    /// Likely made by AI.
    AiGenerated,
    /// Mixed signals: possibly AI-assisted, or too little to go by.
    Mixed,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Human => "human",
            Verdict::AiGenerated => "ai_generated",
            Verdict::Mixed => "mixed",
        })
    }
}
