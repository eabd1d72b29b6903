//! The page.

use super::weaknesses::{attacks, weaknesses};
use super::{Diagram, Section, attacked};
use crate::eval::{Against, Quality, Report};
use scan::{Modality, Pack};

const HEAD: [&str; 9] = ["", "human", "AI", "AUROC", "TPR@1%", "TPR@5%", "ECE", "human called AI", "AI called AI"];

const LEGEND: &str = "\n## How to read the tables\n\n\
    AUROC: the chance that AI content scores above human content (95 % bootstrap interval). TPR@1%, TPR@5%: the share of \
    AI content found when 1 % or 5 % of the human content may be accused. ECE: expected calibration error. Called AI: \
    the verdict at the shipped threshold (95 % Wilson interval). \\* too few of one label: compared with that label of \
    the whole section. Texts under 50 words are never called AI.\n";

/// The page in Markdown. The diagrams lie in `folder`, beside it.
pub fn markdown(sections: &[Section], diagrams: &[Diagram], pack: &Pack, folder: &str) -> String {
    let attacked = attacked(sections, pack);
    let mut page = format!(
        "# How good the {} pack is\n\n\
         Figures of `{}`, written by `make quality` (`truthlens quality`) and by no hand. Which sources the models and \
         the numbers were fitted on is said in [README.md](README.md). Content is called AI from a confidence of {} \
         on.\n\n",
        pack.name,
        pack.label(),
        thresholds(sections, pack)
    );
    page.push_str("## Weak points\n");
    for section in sections {
        page.push_str(&list(&section.title, &weaknesses(&alone(&section.report))));
    }
    if let Some(report) = &attacked {
        page.push_str(&list("Attacks on texts", &attacks(report)));
    }
    page.push_str(LEGEND);
    for section in sections {
        page.push_str(&tables(section));
    }
    if let Some(report) = &attacked {
        page.push_str(&attack_table(report));
    }
    page.push_str("\n## Confidence\n");
    for Diagram { name, caption, .. } in diagrams {
        page.push_str(&format!("\n![{caption}]({folder}/{name})\n"));
    }
    page
}

/// Attacks are told for all sections together.
fn alone(report: &Report) -> Report {
    Report { attacks: Vec::new(), ..report.clone() }
}

fn thresholds(sections: &[Section], pack: &Pack) -> String {
    let threshold = |modality| {
        let policy = pack.policy(modality).filter(|_| sections.iter().any(|section| section.modality == modality))?;
        Some(format!("{} ({modality}s)", policy.thresholds.ai_generated().value()))
    };
    [Modality::Text, Modality::Image].into_iter().filter_map(threshold).collect::<Vec<_>>().join(" and ")
}

fn list(title: &str, sentences: &[String]) -> String {
    let sentences = match sentences {
        [] => "- nothing stands out below the rest\n".to_owned(),
        _ => sentences.iter().map(|sentence| format!("- {sentence}\n")).collect(),
    };
    format!("\n**{title}**\n\n{sentences}")
}

fn tables(section: &Section) -> String {
    let report = &section.report;
    let groups: [(&str, Vec<(String, &Quality)>); 5] = [
        ("Kind of model", report.generators.iter().map(|g| (g.generator.to_string(), &g.quality)).collect()),
        ("Source", report.sources.iter().map(|s| (s.source.clone(), &s.quality)).collect()),
        ("Length", report.lengths.iter().map(|l| (format!("{} words", l.words), &l.quality)).collect()),
        ("Style of the AI text", report.styles.iter().map(|s| (s.style.clone(), &s.quality)).collect()),
        (
            "Distortion of every image",
            report.distortions.iter().map(|d| (d.distortion.to_string(), &d.quality)).collect(),
        ),
    ];
    let mut page = format!("\n## {}\n\n{}", section.title, head(&HEAD));
    page.push_str(&line(&cells("all", &report.overall)));
    for (name, lines) in groups.iter().filter(|(_, lines)| !lines.is_empty()) {
        let head = [&[*name], &HEAD[1..]].concat();
        page.push_str(&format!("\n{}", self::head(&head)));
        page.extend(lines.iter().map(|(name, quality)| line(&cells(name, quality))));
    }
    page
}

fn attack_table(report: &Report) -> String {
    let n = report.attacks.first().map_or(0, |attack| attack.untreated.n_human + attack.untreated.n_ai);
    let columns =
        ["", "AUROC before", "after", "difference", "TPR@5% before", "after", "human called AI before", "after"];
    let mut page = format!(
        "\n## Attacks\n\nThe same {n} texts of both labels before and after each attack; what the attacks do is said \
         in `crates/local/src/eval/attack.rs`.\n\n{}",
        head(&columns)
    );
    for attack in &report.attacks {
        let (before, after) = (&attack.untreated, &attack.quality);
        let difference = after.auroc.zip(before.auroc).map(|(after, before)| format!("{:+.3}", after - before));
        page.push_str(&line(&[
            attack.attack.to_string(),
            number(before.auroc),
            number(after.auroc),
            difference.unwrap_or_else(missing),
            number(before.tpr_at_5_fpr),
            number(after.tpr_at_5_fpr),
            accused(before),
            accused(after),
        ]));
    }
    page
}

fn cells(name: &str, quality: &Quality) -> [String; HEAD.len()] {
    let auroc = match (quality.auroc, quality.auroc_low, quality.auroc_high) {
        (Some(auroc), Some(low), Some(high)) => format!("{auroc:.3} ({low:.3}–{high:.3})"),
        _ => missing(),
    };
    let star = if quality.against == Against::Own { "" } else { " \\*" };
    [
        format!("{name}{star}"),
        quality.n_human.to_string(),
        quality.n_ai.to_string(),
        auroc,
        number(quality.tpr_at_1_fpr),
        number(quality.tpr_at_5_fpr),
        number(quality.ece),
        accused(quality),
        quality.tpr_at_threshold.map_or_else(missing, |tpr| format!("{:.0} %", 100.0 * tpr)),
    ]
}

fn accused(quality: &Quality) -> String {
    match (quality.fpr_at_threshold, quality.fpr_low, quality.fpr_high) {
        (Some(rate), Some(low), Some(high)) => {
            format!("{:.1} % ({:.1}–{:.1})", 100.0 * rate, 100.0 * low, 100.0 * high)
        }
        _ => missing(),
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(missing, |value| format!("{value:.3}"))
}

fn missing() -> String {
    "–".to_owned()
}

fn head(columns: &[&str]) -> String {
    format!("| {} |\n|{}\n", columns.join(" | "), "---|".repeat(columns.len()))
}

fn line(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}
