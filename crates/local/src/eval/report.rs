//! What an evaluation found: overall, by source, by length and style (texts), by distortion (images).

use super::{Distortion, Label, Row, Scores};
use scan::Verdict;
use serde::Serialize;
use std::collections::BTreeMap;

/// Fewer texts of a class than this are compared with the whole data set's other class instead.
const ENOUGH: usize = 5;
/// Every interval of every report is drawn from this seed, so that equal rows give equal reports.
const SEED: u64 = 2026;
/// Length bands, in words: name and first length.
const LENGTHS: [(&str, usize); 5] = [("<50", 0), ("50-99", 50), ("100-199", 100), ("200-399", 200), ("400+", 400)];

/// What was run.
#[derive(Debug, Clone, Serialize)]
pub struct Run {
    /// The pack's label.
    pub pack: String,
    /// The stage measured, or `blend`.
    pub stage: String,
    /// How long the scoring took.
    pub seconds: f64,
    /// From this score on, a text is called AI.
    pub threshold: f64,
}

/// The whole report.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What was run.
    #[serde(flatten)]
    pub run: Run,
    /// Rows, scored or not. Those of distorted images are counted in `distortions` alone.
    pub n: usize,
    /// All rows.
    pub overall: Quality,
    /// By source.
    pub sources: Vec<BySource>,
    /// By length band; bands without rows are left out.
    pub lengths: Vec<ByLength>,
    /// By the styles that AI rows have; empty where the data set names none.
    pub styles: Vec<ByStyle>,
    /// By distortion, where any was asked for.
    pub distortions: Vec<ByDistortion>,
}

/// One source.
#[derive(Debug, Clone, Serialize)]
pub struct BySource {
    /// Its name.
    pub source: String,
    /// How good.
    #[serde(flatten)]
    pub quality: Quality,
}

/// One length band.
#[derive(Debug, Clone, Serialize)]
pub struct ByLength {
    /// In words: `100-199`.
    pub words: &'static str,
    /// How good.
    #[serde(flatten)]
    pub quality: Quality,
}

/// One style.
#[derive(Debug, Clone, Serialize)]
pub struct ByStyle {
    /// Its name.
    pub style: String,
    /// How good.
    #[serde(flatten)]
    pub quality: Quality,
}

/// One distortion of every image.
#[derive(Debug, Clone, Serialize)]
pub struct ByDistortion {
    /// Which.
    pub distortion: Distortion,
    /// How good.
    #[serde(flatten)]
    pub quality: Quality,
}

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

impl Report {
    /// Measures the rows.
    pub fn new(rows: &[Row], run: Run) -> Self {
        let by_distortion = group(rows, |row| Some(row.distortion));
        let all: Vec<&Row> = rows.iter().filter(|row| row.distortion == Distortion::None).collect();
        let quality = |group: &[&Row]| Quality::new(group, &all, run.threshold);
        let by_source = group(all.iter().copied(), |row| Some(row.source.as_str()));
        let band = |row: &Row| LENGTHS.iter().rposition(|(_, first)| row.words.is_some_and(|words| words >= *first));
        let by_length = group(all.iter().copied(), band);
        let mut by_style = group(all.iter().copied(), |row| row.style.as_deref());
        by_style.retain(|_, rows| rows.iter().any(|row| row.label == Label::Ai));
        Self {
            n: all.len(),
            overall: quality(&all),
            sources: by_source
                .into_iter()
                .map(|(source, rows)| BySource { source: source.to_owned(), quality: quality(&rows) })
                .collect(),
            lengths: by_length
                .into_iter()
                .map(|(band, rows)| ByLength { words: LENGTHS[band].0, quality: quality(&rows) })
                .collect(),
            styles: by_style
                .into_iter()
                .map(|(style, rows)| ByStyle { style: style.to_owned(), quality: quality(&rows) })
                .collect(),
            distortions: by_distortion
                .into_iter()
                .filter(|(distortion, _)| *distortion != Distortion::None)
                .map(|(distortion, rows)| ByDistortion {
                    distortion,
                    quality: Quality::new(&rows, &rows, run.threshold),
                })
                .collect(),
            run,
        }
    }
}

impl Quality {
    fn new(group: &[&Row], all: &[&Row], threshold: f64) -> Self {
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

/// The rows by a key; those without one are left out.
fn group<'a, K: Ord>(
    rows: impl IntoIterator<Item = &'a Row>,
    key: impl Fn(&'a Row) -> Option<K>,
) -> BTreeMap<K, Vec<&'a Row>> {
    let mut groups: BTreeMap<K, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        if let Some(key) = key(row) {
            groups.entry(key).or_default().push(row);
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(source: &str, label: Label, words: usize, scores: &[f64]) -> Vec<Row> {
        let style = (label == Label::Ai).then(|| "polished".to_owned());
        let row = |score: &f64| Row {
            id: String::new(),
            source: source.to_owned(),
            style: style.clone(),
            label,
            distortion: Distortion::None,
            words: Some(words),
            score: Some(*score),
            verdict: (*score >= 0.9).then_some(Verdict::AiGenerated),
        };
        scores.iter().map(row).collect()
    }

    fn report() -> Report {
        let mut all = rows("essays", Label::Human, 120, &[0.1, 0.2, 0.3, 0.4, 0.95]);
        all.extend(rows("essays", Label::Ai, 450, &[0.5, 0.6, 0.7, 0.8, 0.9]));
        all.extend(rows("letters", Label::Human, 49, &[0.05, 0.15]));
        all.extend(rows("bots", Label::Ai, 50, &[0.99]));
        all.push(Row { score: None, ..all[0].clone() });
        let run = Run { pack: "tiny-1".into(), stage: "blend".into(), seconds: 1.5, threshold: 0.9 };
        Report::new(&all, run)
    }

    #[test]
    fn a_source_is_compared_with_itself_if_it_can_be() {
        let report = report();
        let against: Vec<_> = report.sources.iter().map(|s| (s.source.as_str(), s.quality.against)).collect();
        assert_eq!(against, [("bots", Against::AllHumans), ("essays", Against::Own), ("letters", Against::AllAi)]);
        let essays = &report.sources[1].quality;
        assert_eq!((essays.n_human, essays.n_ai, essays.n_unscored), (5, 5, 1));
        // Of 25 pairs the human at .95 loses five.
        assert_eq!((essays.auroc, essays.tpr_at_5_fpr), (Some(0.8), Some(0.0)));
        assert_eq!((essays.fpr_at_threshold, essays.tpr_at_threshold), (Some(0.2), Some(0.2)));
        assert_eq!((essays.humans_accused, essays.ai_caught), (1, 1));
        assert_eq!(report.sources[0].quality.fpr_at_threshold, None);
        assert_eq!(report.sources[2].quality.auroc, Some(1.0));
    }

    #[test]
    fn lengths_and_styles_are_told_apart() {
        let report = report();
        assert_eq!(report.lengths.iter().map(|l| l.words).collect::<Vec<_>>(), ["<50", "50-99", "100-199", "400+"]);
        assert_eq!(report.styles.iter().map(|s| s.style.as_str()).collect::<Vec<_>>(), ["polished"]);
        assert_eq!(report.overall.n_human + report.overall.n_ai + report.overall.n_unscored, report.n);
    }

    #[test]
    fn distorted_images_are_a_group_of_their_own() {
        let clean = rows("photos", Label::Human, 0, &[0.1; 5]).into_iter().chain(rows("art", Label::Ai, 0, &[0.9; 5]));
        let clean: Vec<Row> = clean.map(|row| Row { words: None, ..row }).collect();
        let half = clean.iter().map(|row| Row { distortion: Distortion::Half, score: Some(0.5), ..row.clone() });
        let run = Run { pack: "tiny-1".into(), stage: "blend".into(), seconds: 1.5, threshold: 0.9 };
        let report = Report::new(&clean.iter().cloned().chain(half).collect::<Vec<_>>(), run);
        assert_eq!((report.n, report.overall.auroc, report.lengths.len()), (10, Some(1.0), 0));
        assert_eq!(report.distortions.len(), 1);
        assert_eq!(report.distortions[0].quality.auroc, Some(0.5));
    }

    #[test]
    fn the_json_has_what_its_readers_need() {
        let json = serde_json::to_value(report()).unwrap();
        assert_eq!((&json["pack"], &json["stage"], &json["n"]), (&"tiny-1".into(), &"blend".into(), &14.into()));
        for entry in json["sources"].as_array().unwrap().iter().chain([&json["overall"]]) {
            for name in ["n_human", "n_ai", "auroc", "tpr_at_1_fpr", "tpr_at_5_fpr", "ece"] {
                assert!(entry[name].is_number(), "{name} in {entry}");
            }
        }
        assert_eq!(json["sources"][0]["against"], "all_humans");
    }
}
