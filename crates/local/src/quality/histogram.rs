//! Where human and AI content score: two histograms, one above the other.

use super::svg::{Anchor, Frame, Svg, class};
use crate::eval::{Label, Row};
use scan::Thresholds;

const BINS: usize = 20;

/// The scores of both labels, and where the verdicts part.
pub fn histogram(title: &str, rows: &[&Row], thresholds: Thresholds) -> String {
    let counts = [Label::Human, Label::Ai].map(|label| counts(rows, label));
    let mut svg = Svg::new(440, 394, title, &description(&counts));
    let limits = [(thresholds.human().value(), "human"), (thresholds.ai_generated().value(), "ai_generated")];
    let names = ["human content", "AI content"];
    for (panel, (counts, name)) in counts.iter().zip(names).enumerate() {
        let frame = Frame { left: 40.0, top: 44.0 + 178.0 * panel as f64, width: 380.0, height: 110.0 };
        frame.axes(&mut svg);
        let (n, most) = (counts.iter().sum::<usize>(), counts.iter().copied().max().unwrap_or(0));
        for (bin, count) in counts.iter().enumerate() {
            let height = *count as f64 / most.max(1) as f64;
            let width = frame.width / BINS as f64 - 2.0;
            let corner = frame.at(bin as f64 / BINS as f64, height);
            svg.rectangle(class(panel), (corner.0 + 1.0, corner.1), (width, height * frame.height));
        }
        for (limit, verdict) in limits {
            svg.line("limit", frame.at(limit, 0.0), frame.at(limit, 1.0));
            if panel == 0 {
                let (x, y) = frame.at(limit, 1.0);
                svg.text((x, y - 4.0), if verdict == "human" { Anchor::Middle } else { Anchor::End }, verdict);
            }
        }
        svg.text((frame.left, frame.top - 24.0), Anchor::Start, &format!("{name} ({n}); highest bar {most}"));
    }
    svg.text((230.0, 386.0), Anchor::Middle, "confidence; dashed: below it human, from it ai_generated");
    svg.finish()
}

fn counts(rows: &[&Row], label: Label) -> [usize; BINS] {
    let mut counts = [0; BINS];
    for score in rows.iter().filter(|row| row.label == label).filter_map(|row| row.score) {
        counts[((score * BINS as f64) as usize).min(BINS - 1)] += 1;
    }
    counts
}

fn description(counts: &[[usize; BINS]; 2]) -> String {
    let listed = |counts: &[usize; BINS]| counts.map(|n| n.to_string()).join(", ");
    let width = 100 / BINS;
    format!(
        "Numbers by confidence in steps of {width} %: human content {}; AI content {}.",
        listed(&counts[0]),
        listed(&counts[1])
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality::tests::row;
    use scan::Probability;

    #[test]
    fn scores_are_counted_by_label() {
        let rows = [row(Label::Human, 0.04), row(Label::Human, 0.05), row(Label::Ai, 1.0), row(Label::Ai, 0.96)];
        let rows: Vec<&Row> = rows.iter().collect();
        assert_eq!(counts(&rows, Label::Human)[..3], [1, 1, 0]);
        assert_eq!(counts(&rows, Label::Ai)[18..], [0, 2]);
        let p = |x| Probability::new(x).unwrap();
        let file = histogram("Scores", &rows, Thresholds::new(p(0.3), p(0.9)).unwrap());
        assert!(file.contains("human content (2); highest bar 1") && file.contains("AI content 0, 0"), "{file}");
    }
}
