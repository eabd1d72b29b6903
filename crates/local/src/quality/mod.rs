//! How good a pack is, as a page for people: tables in Markdown, diagrams in SVG, all from the rows of evaluations.

mod document;
mod histogram;
mod reliability;
mod svg;
mod weaknesses;

pub use document::markdown;

use crate::eval::{Report, Row, Run};
use scan::{Modality, Pack, Thresholds};

/// One evaluation and the figures drawn from it.
#[derive(Debug, Clone)]
pub struct Section {
    /// What was judged, as a heading: `Text of today`.
    pub title: String,
    /// What kind of content.
    pub modality: Modality,
    rows: Vec<Row>,
    report: Report,
}

/// A diagram's file name and content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagram {
    /// `text-reliability.svg`.
    pub name: String,
    /// What it shows, in a line.
    pub caption: String,
    /// The file.
    pub svg: String,
}

/// The rows cannot be reported on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QualityError {
    /// No rows, or some of texts and some of images.
    #[error("section {0:?} must have rows, all of texts or all of images")]
    Rows(String),
    /// The pack cannot have judged them.
    #[error("section {title:?}: the pack judges no {modality}s")]
    NotJudged {
        /// The section's.
        title: String,
        /// What it judges not.
        modality: Modality,
    },
}

impl Section {
    /// Measures the rows by the pack's threshold.
    pub fn new(title: String, rows: Vec<Row>, pack: &Pack) -> Result<Self, QualityError> {
        // Images have no words; a text that was refused as too short has neither words nor a score.
        let is_text = |row: &Row| row.words.is_some();
        let modality = match rows.iter().any(is_text) {
            true if rows.iter().all(|row| is_text(row) || row.score.is_none()) => Modality::Text,
            false if !rows.is_empty() => Modality::Image,
            _ => return Err(QualityError::Rows(title)),
        };
        let Some(policy) = pack.policy(modality) else { return Err(QualityError::NotJudged { title, modality }) };
        let report = Report::new(&rows, run(pack, policy.thresholds));
        Ok(Self { title, modality, rows, report })
    }

    fn untreated(&self) -> Vec<&Row> {
        self.rows.iter().filter(|row| row.is_untreated()).collect()
    }
}

/// The sections of a modality.
fn of(sections: &[Section], modality: Modality) -> Vec<&Section> {
    sections.iter().filter(|section| section.modality == modality).collect()
}

fn run(pack: &Pack, thresholds: Thresholds) -> Run {
    let threshold = thresholds.ai_generated().value();
    Run { pack: pack.label(), stage: "blend".to_owned(), seconds: 0.0, threshold }
}

/// The attacks on the texts of all sections together: each section alone attacks few.
fn attacked(sections: &[Section], pack: &Pack) -> Option<Report> {
    let rows: Vec<Row> = of(sections, Modality::Text).into_iter().flat_map(|section| section.rows.clone()).collect();
    let report = Report::new(&rows, run(pack, pack.text.thresholds));
    (!report.attacks.is_empty()).then_some(report)
}

/// For each modality a reliability diagram, a line a section, and a histogram of all scores.
pub fn diagrams(sections: &[Section], pack: &Pack) -> Vec<Diagram> {
    let of_modality = |modality| {
        let sections = of(sections, modality);
        let policy = pack.policy(modality).filter(|_| !sections.is_empty())?;
        let series: Vec<_> = sections.iter().map(|section| (section.title.as_str(), section.untreated())).collect();
        let rows: Vec<&Row> = series.iter().flat_map(|(_, rows)| rows.iter().copied()).collect();
        let diagram = |kind: &str, caption: String, draw: &dyn Fn(&str) -> String| Diagram {
            name: format!("{modality}-{kind}.svg"),
            svg: draw(&caption),
            caption,
        };
        let reliability = |title: &str| reliability::diagram(title, &series);
        let histogram = |title: &str| histogram::histogram(title, &rows, policy.thresholds);
        Some([
            diagram("reliability", format!("Reliability of the confidence in {modality}s"), &reliability),
            diagram("scores", format!("Confidence in {modality}s by people and by AI"), &histogram),
        ])
    };
    [Modality::Text, Modality::Image].into_iter().filter_map(of_modality).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::{Attack, Label};

    /// A text's row.
    pub(super) fn row(label: Label, score: f64) -> Row {
        Row { id: format!("{score}"), ..Row::scored("essays", label, score) }
    }

    fn pack() -> Pack {
        Pack::parse(
            r#"name = "tiny"
            version = "1"
            description = "d"
            [text]
            blend = { weights = { heuristics = 1.0 } }
            thresholds = { human = 0.3, ai_generated = 0.9 }
            [stages.heuristics]
            calibration = { features = [], mean = [], scale = [], linear = [], bias = 0.0 }"#,
        )
        .unwrap()
    }

    fn rows() -> Vec<Row> {
        let scores = (0..20).map(|i| f64::from(i) / 20.0);
        let humans = scores.clone().map(|score| row(Label::Human, score * 0.8));
        let ai = scores.map(|score| Row { generator: Some("gpt2".into()), ..row(Label::Ai, 0.05 + score * 0.95) });
        let clean: Vec<Row> = humans.chain(ai).collect();
        let attacked = clean.iter().map(|row| Row { attack: Attack::Case, score: Some(0.5), ..row.clone() });
        clean.iter().cloned().chain(attacked).collect()
    }

    #[test]
    fn the_page_has_weak_points_first_then_tables_and_diagrams() {
        let (pack, title) = (pack(), "Text of today".to_owned());
        let sections = [Section::new(title, rows(), &pack).unwrap()];
        let diagrams = diagrams(&sections, &pack);
        assert_eq!(
            diagrams.iter().map(|d| d.name.as_str()).collect::<Vec<_>>(),
            ["text-reliability.svg", "text-scores.svg"]
        );
        let page = markdown(&sections, &diagrams, &pack, "quality");
        let at = |part: &str| page.find(part).unwrap_or_else(|| panic!("{part} in {page}"));
        let order = [
            "tiny-1",
            "## Weak points",
            "case attack",
            "## Text of today",
            "| all |",
            "base models",
            "essays",
            "100-199 words",
            "## Attacks",
            "| case |",
            "## Confidence",
            "(quality/text-reliability.svg)",
        ];
        order.windows(2).for_each(|pair| assert!(at(pair[0]) < at(pair[1]), "{pair:?} in {page}"));
        assert_eq!(page, markdown(&sections, &diagrams, &pack, "quality"));
    }

    #[test]
    fn rows_of_two_kinds_of_none_and_of_what_the_pack_does_not_judge_are_refused() {
        let image = Row { words: None, ..row(Label::Ai, 0.5) };
        for rows in [vec![], vec![row(Label::Ai, 0.5), image.clone()]] {
            assert!(matches!(Section::new("t".into(), rows, &pack()), Err(QualityError::Rows(_))));
        }
        let error = Section::new("Photos".into(), vec![image], &pack()).unwrap_err().to_string();
        assert!(error.contains("Photos") && error.contains("images"), "{error}");
    }
}
