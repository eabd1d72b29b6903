//! Why rows cannot be fitted on.

use super::groups::ENOUGH;
use super::logistic::NotFinite;
use crate::eval::Label;
use scan::blend::BlendError;
use scan::calibration::{CalibrationError, MissingFeature};
use scan::{Modality, Stage};

/// Rows or pack cannot be fitted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CalibrateError {
    /// Too little to learn from.
    #[error(
        "{found} {} rows can be used, but at least {ENOUGH} of each label are needed (texts of 50 words and more, \
         judged by every stage of the blend); a few hundred give a false-positive rate of 1 % a meaning",
        name(*label)
    )]
    TooFew {
        /// Of which label.
        label: Label,
        /// How many there are.
        found: usize,
    },
    /// Nothing to measure on what was not fitted.
    #[error(
        "all {} rows come from one source; at least two sources of each label are needed (or one whose rows name \
         different genres), so that what is fitted on one can be measured on another",
        name(*label)
    )]
    OneSource {
        /// Of which label.
        label: Label,
    },
    /// Texts and images are fitted apart.
    #[error("there are rows of texts and rows of images; calibrate one after the other")]
    TwoModalities,
    /// The pack does not judge such content.
    #[error("the pack judges no {0}s")]
    NotJudged(Modality),
    /// A stage is to be fitted that the blend does not weigh.
    #[error("the pack's {1} blend does not weigh stage {0}")]
    NotInBlend(Stage, Modality),
    /// No stage is to be fitted.
    #[error("no stage is to be fitted")]
    NoStage,
    /// A stage of the blend has no rows.
    #[error(
        "stage {0} measured nothing on any row, but the blend needs every stage: fetch its model, or give rows of it \
         with --rows"
    )]
    Absent(Stage),
    /// Files of rows disagree.
    #[error("row {id:?} of {source_name:?} is labelled human in one place and AI in another")]
    Labels {
        /// Its name.
        id: String,
        /// Its collection.
        source_name: String,
    },
    /// Rows of another program or version.
    #[error(transparent)]
    Feature(#[from] MissingFeature),
    /// A fit that does not end.
    #[error("stage {stage}: {source}")]
    Fit {
        /// Which stage.
        stage: Stage,
        /// Why.
        source: NotFinite,
    },
    /// A fit that is no calibration.
    #[error("stage {stage}: {source}")]
    Numbers {
        /// Which stage.
        stage: Stage,
        /// Why.
        source: CalibrationError,
    },
    /// The scores say nothing, or the opposite.
    #[error("on content that they were not fitted on, the stages' scores do not rank AI above human content: {0}")]
    Blend(#[from] BlendError),
    /// Every threshold accuses too many.
    #[error(
        "at every threshold up to {highest} more than {:.1} % of the human rows, or more than {:.1} % of those of one \
         source, would be called ai_generated; allow more with --max-fpr, or give the pack better stages",
        100.0 * max_fpr, 100.0 * source_fpr
    )]
    NoThreshold {
        /// What was allowed.
        max_fpr: f64,
        /// What was allowed for one source.
        source_fpr: f64,
        /// The last one tried.
        highest: f64,
    },
}

fn name(label: Label) -> &'static str {
    match label {
        Label::Human => "human",
        Label::Ai => "AI",
    }
}
