//! What an evaluation found: overall, by source, by length, style, generator and attack (texts), by distortion
//! (images).

use super::{Attack, Distortion, GeneratorKind, Label, Quality, Row};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Length bands, in words: name and first length.
const LENGTHS: [(&str, usize); 4] = [("<50", 0), ("50-99", 50), ("100-199", 100), ("200+", 200)];

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
    /// Rows, scored or not. Those of distorted images and attacked texts are counted in `distortions` and `attacks`
    /// alone.
    pub n: usize,
    /// All rows.
    pub overall: Quality,
    /// By source.
    pub sources: Vec<BySource>,
    /// By length band; bands without rows are left out.
    pub lengths: Vec<ByLength>,
    /// By the styles that AI rows have; empty where the data set names none.
    pub styles: Vec<ByStyle>,
    /// By the kind of model that wrote the AI texts; empty where none is a base model.
    pub generators: Vec<ByGenerator>,
    /// By distortion, where any was asked for.
    pub distortions: Vec<ByDistortion>,
    /// By attack, where any was asked for.
    pub attacks: Vec<ByAttack>,
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

/// Texts of one kind of model, and the human texts of the sources that hold them.
#[derive(Debug, Clone, Serialize)]
pub struct ByGenerator {
    /// Which.
    pub generator: GeneratorKind,
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

/// One attack on texts of both labels.
#[derive(Debug, Clone, Serialize)]
pub struct ByAttack {
    /// Which.
    pub attack: Attack,
    /// How good on the attacked texts.
    #[serde(flatten)]
    pub quality: Quality,
    /// How good on the same texts as they were.
    pub untreated: Quality,
}

impl Report {
    /// Measures the rows.
    pub fn new(rows: &[Row], run: Run) -> Self {
        let all: Vec<&Row> = rows.iter().filter(|row| row.is_untreated()).collect();
        let quality = |group: &[&Row]| Quality::new(group, &all, run.threshold);
        let by_source = group(all.iter().copied(), |row| Some(row.source.as_str()));
        let band = |row: &Row| LENGTHS.iter().rposition(|(_, first)| row.words.is_some_and(|words| words >= *first));
        let by_length = group(all.iter().copied(), band);
        let mut by_style = group(all.iter().copied(), |row| row.style.as_deref());
        by_style.retain(|_, rows| rows.iter().any(|row| row.label == Label::Ai));
        let by_distortion = group(rows, |row| Some(row.distortion).filter(|d| *d != Distortion::None));
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
            generators: by_generator(&all)
                .into_iter()
                .map(|(generator, rows)| ByGenerator { generator, quality: quality(&rows) })
                .collect(),
            distortions: by_distortion
                .into_iter()
                .map(|(distortion, rows)| ByDistortion {
                    distortion,
                    quality: Quality::new(&rows, &rows, run.threshold),
                })
                .collect(),
            attacks: attacks(rows, &all, run.threshold),
            run,
        }
    }
}

/// The AI texts of each kind of model with the human texts of their sources; nothing where no base model wrote.
fn by_generator<'a>(all: &[&'a Row]) -> BTreeMap<GeneratorKind, Vec<&'a Row>> {
    let is_text = |row: &&&Row| row.words.is_some();
    let kind = |row: &'a Row| row.generator.as_deref().filter(|_| row.label == Label::Ai).map(GeneratorKind::of);
    let mut kinds = group(all.iter().filter(is_text).copied(), kind);
    if !kinds.contains_key(&GeneratorKind::Base) {
        return BTreeMap::new();
    }
    for rows in kinds.values_mut() {
        let sources: BTreeSet<&str> = rows.iter().map(|row| row.source.as_str()).collect();
        let is_beside = |row: &&&Row| row.label == Label::Human && sources.contains(row.source.as_str());
        rows.extend(all.iter().filter(is_beside));
    }
    kinds
}

/// Each attack beside the same texts as they were.
fn attacks(rows: &[Row], all: &[&Row], threshold: f64) -> Vec<ByAttack> {
    let by_attack = group(rows, |row| Some(row.attack).filter(|attack| *attack != Attack::None));
    let compare = |(attack, attacked): (Attack, Vec<&Row>)| {
        let names: BTreeSet<(&str, &str)> = attacked.iter().map(|row| (row.source.as_str(), row.id.as_str())).collect();
        let is_attacked = |row: &&&Row| names.contains(&(row.source.as_str(), row.id.as_str()));
        let untreated: Vec<&Row> = all.iter().filter(is_attacked).copied().collect();
        let quality = |rows: &[&Row]| Quality::new(rows, rows, threshold);
        ByAttack { attack, quality: quality(&attacked), untreated: quality(&untreated) }
    };
    by_attack.into_iter().map(compare).collect()
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
    use crate::eval::Against;

    fn rows(source: &str, label: Label, words: usize, scores: &[f64]) -> Vec<Row> {
        let style = (label == Label::Ai).then(|| "polished".to_owned());
        let row = |score: &f64| Row {
            generator: (label == Label::Ai).then(|| "gpt-4".to_owned()),
            style: style.clone(),
            words: Some(words),
            ..Row::scored(source, label, *score)
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
        assert_eq!(report.lengths.iter().map(|l| l.words).collect::<Vec<_>>(), ["<50", "50-99", "100-199", "200+"]);
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
    fn attacked_texts_are_compared_with_themselves() {
        let mut all = rows("essays", Label::Human, 120, &[0.1; 5]);
        all.extend(rows("essays", Label::Ai, 120, &[0.9; 5]));
        all.iter_mut().enumerate().for_each(|(n, row)| row.id = n.to_string());
        let attacked = all.iter().map(|row| Row { attack: Attack::Case, score: Some(0.5), ..row.clone() });
        let attacked: Vec<Row> = attacked.collect();
        all.extend(rows("letters", Label::Human, 120, &[0.95; 5]));
        all.extend(attacked);
        let run = Run { pack: "tiny-1".into(), stage: "blend".into(), seconds: 1.5, threshold: 0.9 };
        let report = Report::new(&all, run);
        let [case] = &report.attacks[..] else { panic!("one attack") };
        assert_eq!((case.attack, case.quality.auroc, case.untreated.auroc), (Attack::Case, Some(0.5), Some(1.0)));
        assert_eq!((report.n, case.untreated.n_human, case.quality.n_ai), (15, 5, 5));
    }

    #[test]
    fn base_models_stand_apart_beside_the_humans_of_their_sources() {
        assert!(report().generators.is_empty(), "no base model, no table");
        let mut all = rows("essays", Label::Human, 120, &[0.1; 5]);
        all.extend(rows("essays", Label::Ai, 120, &[0.9; 5]));
        all.extend(rows("papers", Label::Human, 120, &[0.3; 6]));
        let base = rows("papers", Label::Ai, 120, &[0.2; 7]).into_iter();
        all.extend(base.map(|row| Row { generator: Some("gpt2-xl".into()), ..row }));
        let run = Run { pack: "tiny-1".into(), stage: "blend".into(), seconds: 1.5, threshold: 0.9 };
        let kinds = Report::new(&all, run).generators;
        let found: Vec<_> = kinds.iter().map(|k| (k.generator, k.quality.n_human, k.quality.auroc)).collect();
        assert_eq!(found, [(GeneratorKind::Base, 6, Some(0.0)), (GeneratorKind::Instruct, 5, Some(1.0))]);
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
