//! A report for the terminal.

use super::report::{Against, Quality, Report};
use std::fmt;

const HEAD: [&str; 9] =
    ["", "human", "AI", "AUROC", "95 % interval", "TPR@1%", "TPR@5%", "ECE", "accused at threshold"];

/// Aligned columns, one line a group. A star marks groups that are compared with the whole data set.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let run = &self.run;
        let rate = self.n as f64 / run.seconds.max(1e-9);
        writeln!(f, "{}, {}: {} samples in {:.1} s ({rate:.1}/s)\n", run.pack, run.stage, self.n, run.seconds)?;
        let mut lines = vec![HEAD.map(str::to_owned), cells("all", &self.overall)];
        let groups = [
            self.sources.iter().map(|s| cells(&s.source, &s.quality)).collect::<Vec<_>>(),
            self.lengths.iter().map(|l| cells(&format!("{} words", l.words), &l.quality)).collect(),
            self.styles.iter().map(|s| cells(&format!("style {}", s.style), &s.quality)).collect(),
            self.distortions.iter().map(|d| cells(&format!("distorted {}", d.distortion), &d.quality)).collect(),
        ];
        let mut first_lines = Vec::new();
        for group in groups {
            first_lines.extend((!group.is_empty()).then_some(lines.len()));
            lines.extend(group);
        }
        let widths: [usize; HEAD.len()] =
            std::array::from_fn(|i| lines.iter().map(|line| line[i].chars().count()).max().unwrap_or(0));
        for (number, line) in lines.iter().enumerate() {
            if first_lines.contains(&number) {
                writeln!(f)?;
            }
            write!(f, "{:<width$}", line[0], width = widths[0])?;
            for (cell, width) in line.iter().zip(widths).skip(1) {
                write!(f, "  {cell:>width$}")?;
            }
            writeln!(f)?;
        }
        let (threshold, star) =
            (run.threshold, "* too few of one class: compared with that class of the whole data set");
        writeln!(f, "\naccused: human content that scores {threshold} or more, with the 95 % interval\n{star}")
    }
}

fn cells(name: &str, quality: &Quality) -> [String; HEAD.len()] {
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.3}"));
    let interval = match (quality.auroc_low, quality.auroc_high) {
        (Some(low), Some(high)) => format!("{low:.3}-{high:.3}"),
        _ => "-".to_owned(),
    };
    let accused = match (quality.fpr_at_threshold, quality.fpr_low, quality.fpr_high) {
        (Some(rate), Some(low), Some(high)) => {
            format!("{:.1} % ({:.1}-{:.1})", 100.0 * rate, 100.0 * low, 100.0 * high)
        }
        _ => "-".to_owned(),
    };
    let star = if quality.against == Against::Own { "" } else { " *" };
    [
        format!("{name}{star}"),
        quality.n_human.to_string(),
        quality.n_ai.to_string(),
        number(quality.auroc),
        interval,
        number(quality.tpr_at_1_fpr),
        number(quality.tpr_at_5_fpr),
        number(quality.ece),
        accused,
    ]
}
