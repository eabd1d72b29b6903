//! Where the detector is weak, told by its figures.

use crate::eval::{Quality, Report};

/// As many groups of a kind are named, the weakest first.
const NAMED: usize = 3;
/// A loss of AUROC below this is not worth a word.
const LOSS: f64 = 0.01;
/// The false-positive rate that packs aim at.
const AIM: f64 = 0.01;

/// The weak points of a report, a sentence each: groups whose AUROC lies below that of all with its whole interval;
/// distortions and attacks that cost a hundredth or more; human sources and lengths that are accused too often; and how
/// much is missed.
pub fn weaknesses(report: &Report) -> Vec<String> {
    let all = &report.overall;
    let kinds: [Vec<(String, &Quality)>; 4] = [
        report.lengths.iter().map(|l| (format!("{} words", l.words), &l.quality)).collect(),
        report.generators.iter().map(|g| (format!("text of {}", g.generator), &g.quality)).collect(),
        report.sources.iter().map(|s| (format!("source `{}`", s.source), &s.quality)).collect(),
        report.styles.iter().map(|s| (format!("style `{}`", s.style), &s.quality)).collect(),
    ];
    let mut found: Vec<String> = kinds.iter().flat_map(|groups| below(groups, all)).collect();
    found.extend(
        report.distortions.iter().filter_map(|d| loss(&format!("distorted {}", d.distortion), &d.quality, all)),
    );
    found.extend(attacks(report));
    let humans = report.sources.iter().map(|s| (format!("`{}`", s.source), &s.quality));
    let lengths = report.lengths.iter().map(|l| (format!("{} words", l.words), &l.quality));
    found.extend(humans.chain(lengths).filter_map(|(name, quality)| accused(&name, quality)));
    found.extend(all.tpr_at_threshold.map(|tpr| {
        format!(
            "of the AI content {:.0} % reach the `ai_generated` threshold; the rest passes as `mixed` or `human`",
            100.0 * tpr
        )
    }));
    found
}

/// The sentences of attacks alone.
pub fn attacks(report: &Report) -> Vec<String> {
    let sentence = |a: &crate::eval::report::ByAttack| loss(&format!("{} attack", a.attack), &a.quality, &a.untreated);
    report.attacks.iter().filter_map(sentence).collect()
}

fn below(groups: &[(String, &Quality)], all: &Quality) -> Vec<String> {
    let mut weak: Vec<(f64, String)> = groups
        .iter()
        .filter_map(|(name, quality)| {
            let (auroc, low, high, of_all) = (quality.auroc?, quality.auroc_low?, quality.auroc_high?, all.auroc?);
            let sentence = || format!("{name}: AUROC {auroc:.3} ({low:.3}–{high:.3}), where all have {of_all:.3}");
            (high < of_all).then(|| (auroc, sentence()))
        })
        .collect();
    weak.sort_by(|a, b| a.0.total_cmp(&b.0));
    weak.into_iter().take(NAMED).map(|(_, sentence)| sentence).collect()
}

fn loss(name: &str, treated: &Quality, untreated: &Quality) -> Option<String> {
    let (before, after) = (untreated.auroc?, treated.auroc?);
    (before - after >= LOSS).then(|| format!("{name}: AUROC falls from {before:.3} to {after:.3}"))
}

fn accused(name: &str, quality: &Quality) -> Option<String> {
    let (rate, low, high) = (quality.fpr_at_threshold?, quality.fpr_low?, quality.fpr_high?);
    let [rate_shown, low, high] = [rate, low, high].map(|x| format!("{:.1}", 100.0 * x));
    let sentence = || format!("{name}: {rate_shown} % ({low}–{high}) of the human content is called AI");
    (rate > AIM).then(sentence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::{Attack, Distortion, Label, Row, Run};
    use crate::quality::tests::row;

    fn report(rows: &[Row]) -> Report {
        Report::new(rows, Run { pack: "tiny-1".into(), stage: "blend".into(), seconds: 1.0, threshold: 0.9 })
    }

    fn of(source: &str, label: Label, words: usize, score: f64, n: usize) -> Vec<Row> {
        let row = |i| Row { id: format!("{i}"), source: source.into(), words: Some(words), ..row(label, score) };
        (0..n).map(row).collect()
    }

    #[test]
    fn what_is_weak_follows_from_the_figures() {
        let mut rows = [of("good", Label::Human, 150, 0.1, 40), of("good", Label::Ai, 250, 0.8, 40)].concat();
        assert_eq!(
            weaknesses(&report(&rows)),
            ["of the AI content 0 % reach the `ai_generated` threshold; the rest \
            passes as `mixed` or `human`"]
        );
        rows.extend(of("bad", Label::Human, 60, 0.95, 10));
        rows.extend(of("bad", Label::Ai, 60, 0.2, 10));
        let shouted = of("good", Label::Ai, 250, 0.05, 40).into_iter().chain(of("good", Label::Human, 150, 0.1, 40));
        rows.extend(shouted.map(|row| Row { attack: Attack::Case, ..row }));
        let found = weaknesses(&report(&rows)).join("\n");
        for expected in [
            "50-99 words: AUROC 0.000",
            "source `bad`: AUROC 0.000",
            "case attack: AUROC falls from 1.000 to 0.000",
            "`bad`: 100.0 % (72.2–100.0) of the human content",
        ] {
            assert!(found.contains(expected), "{expected} in {found}");
        }
        assert!(!found.contains("source `good`") && !found.contains("`good`:"), "{found}");
    }

    #[test]
    fn distortions_are_compared_with_the_images_as_they_are() {
        let clean = [of("a", Label::Human, 0, 0.1, 9), of("b", Label::Ai, 0, 0.8, 9)].concat();
        let clean: Vec<Row> = clean.into_iter().map(|row| Row { words: None, ..row }).collect();
        let half = clean.iter().map(|row| Row { distortion: Distortion::Half, score: Some(0.5), ..row.clone() });
        let found = weaknesses(&report(&clean.iter().cloned().chain(half).collect::<Vec<_>>()));
        assert!(found[0].contains("distorted half: AUROC falls from 1.000 to 0.500"), "{found:?}");
    }
}
