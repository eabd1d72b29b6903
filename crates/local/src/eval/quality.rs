//! How good the scores of a group of rows are.

use super::{Label, Row, Scores};
use scan::Verdict;
use serde::Serialize;

/// Fewer texts of a class than this are compared with the whole data set's other class instead.
const ENOUGH: usize = 5;
/// Every interval of every report is drawn from this seed, so that equal rows give equal reports.
const SEED: u64 = 2026;

/// With which texts of the other class a group is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Against {
    /// Its own: it has at least five of each class.
    Own,
    /// All human texts of the data set.
    AllHumans,
    /// All AI texts of the data set.
    AllAi,
}

/// How good the scores of a group are. `auroc*`, `tpr_at_*_fpr` and `ece` include the texts of `against`; all else
/// is the group's own. `None` where the texts that a number needs are missing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Quality {
    /// Human texts with a score.
    pub n_human: usize,
    /// AI texts with a score.
    pub n_ai: usize,
    /// Texts that the stage gave no score.
    pub n_unscored: usize,
    /// What the group is compared with.
    pub against: Against,
    /// Area under the ROC curve.
    pub auroc: Option<f64>,
    /// Lower end of its 95 % bootstrap interval.
    pub auroc_low: Option<f64>,
    /// Upper end.
    pub auroc_high: Option<f64>,
    /// Share of AI texts found when at most 1 % of humans may be accused.
    pub tpr_at_1_fpr: Option<f64>,
    /// The same at 5 %.
    pub tpr_at_5_fpr: Option<f64>,
    /// Expected calibration error.
    pub ece: Option<f64>,
    /// Share of the group's human texts that reach the threshold.
    pub fpr_at_threshold: Option<f64>,
    /// Lower end of its 95 % Wilson interval.
    pub fpr_low: Option<f64>,
    /// Upper end.
    pub fpr_high: Option<f64>,
    /// Share of the group's AI texts that reach the threshold.
    pub tpr_at_threshold: Option<f64>,
    /// Human texts whose verdict was `ai_generated`.
    pub humans_accused: usize,
    /// AI texts whose verdict was `ai_generated`.
    pub ai_caught: usize,
}

impl Quality {
    /// Measures `group`, a part of `all`.
    pub fn new(group: &[&Row], all: &[&Row], threshold: f64) -> Self {
        let (human, ai) = (scores(group, Label::Human), scores(group, Label::Ai));
        let own = Scores::new(human, ai);
        let against = match (own.n_human() >= ENOUGH, own.n_ai() >= ENOUGH) {
            (true, true) => Against::Own,
            _ if group.len() == all.len() => Against::Own,
            _ if own.n_ai() >= own.n_human() => Against::AllHumans,
            _ => Against::AllAi,
        };
        let compared = match against {
            Against::Own => own.clone(),
            Against::AllHumans => Scores::new(scores(all, Label::Human), scores(group, Label::Ai)),
            Against::AllAi => Scores::new(scores(group, Label::Human), scores(all, Label::Ai)),
        };
        let (interval, fpr) = (compared.auroc_interval(SEED), own.fpr_at(threshold));
        let accused = |label| {
            let is_accused = |row: &&&Row| row.label == label && row.verdict == Some(Verdict::AiGenerated);
            group.iter().filter(is_accused).count()
        };
        Self {
            n_human: own.n_human(),
            n_ai: own.n_ai(),
            n_unscored: group.len() - own.n_human() - own.n_ai(),
            against,
            auroc: compared.auroc(),
            auroc_low: interval.map(|(low, _)| low),
            auroc_high: interval.map(|(_, high)| high),
            tpr_at_1_fpr: compared.tpr_at_fpr(0.01),
            tpr_at_5_fpr: compared.tpr_at_fpr(0.05),
            ece: compared.ece(),
            fpr_at_threshold: fpr.map(|fpr| fpr.rate),
            fpr_low: fpr.map(|fpr| fpr.low),
            fpr_high: fpr.map(|fpr| fpr.high),
            tpr_at_threshold: own.tpr_at(threshold).map(|tpr| tpr.rate),
            humans_accused: accused(Label::Human),
            ai_caught: accused(Label::Ai),
        }
    }
}

fn scores(rows: &[&Row], label: Label) -> impl Iterator<Item = f64> {
    rows.iter().filter(move |row| row.label == label).filter_map(|row| row.score)
}
