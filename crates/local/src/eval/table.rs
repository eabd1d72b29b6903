//! Tables for the terminal.

use super::{Against, Quality, Report};
use std::fmt;

const HEAD: [&str; 9] =
    ["", "human", "AI", "AUROC", "95 % interval", "TPR@1%", "TPR@5%", "ECE", "accused at threshold"];

/// Aligned columns: the first to the left, the others to the right.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// A line without cells parts groups.
    lines: Vec<Vec<String>>,
}

impl Table {
    /// A table with its head.
    pub fn new<const N: usize>(head: [&str; N]) -> Self {
        Self { lines: vec![head.map(str::to_owned).to_vec()] }
    }

    /// A line of it.
    pub fn push<const N: usize>(&mut self, cells: [String; N]) {
        self.lines.push(cells.to_vec());
    }

    /// Lines that belong together, a blank line before them.
    pub fn group<const N: usize>(&mut self, lines: impl IntoIterator<Item = [String; N]>) {
        let mut lines = lines.into_iter().peekable();
        if lines.peek().is_some() {
            self.lines.push(Vec::new());
        }
        lines.for_each(|cells| self.push(cells));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            let cells = self.lines.iter().filter_map(|line| line.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        for line in &self.lines {
            for (column, cell) in line.iter().enumerate() {
                match column {
                    0 => write!(f, "{cell:<width$}", width = width(0))?,
                    _ => write!(f, "  {cell:>width$}", width = width(column))?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// One line a group. A star marks groups that are compared with the whole data set.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let run = &self.run;
        let rate = self.n as f64 / run.seconds.max(1e-9);
        writeln!(f, "{}, {}: {} samples in {:.1} s ({rate:.1}/s)\n", run.pack, run.stage, self.n, run.seconds)?;
        let mut table = Table::new(HEAD);
        table.push(cells("all", &self.overall));
        table.group(self.sources.iter().map(|s| cells(&s.source, &s.quality)));
        table.group(self.lengths.iter().map(|l| cells(&format!("{} words", l.words), &l.quality)));
        table.group(self.styles.iter().map(|s| cells(&format!("style {}", s.style), &s.quality)));
        table.group(self.generators.iter().map(|g| cells(&g.generator.to_string(), &g.quality)));
        table.group(self.distortions.iter().map(|d| cells(&format!("distorted {}", d.distortion), &d.quality)));
        // Every attack hits the same texts.
        let untreated = self.attacks.iter().take(1).map(|a| cells("before attacks", &a.untreated));
        let attacked = self.attacks.iter().map(|a| cells(&format!("{} attack", a.attack), &a.quality));
        table.group(untreated.chain(attacked));
        write!(f, "{table}")?;
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
