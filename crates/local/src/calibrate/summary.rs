//! What a calibration is worth, for the terminal: every figure as shipped, and beside it on sources left out of the
//! fit.

use super::{Calibrated, Judged, Probabilities};
use crate::eval::table::Table;
use crate::eval::{Quality, Report, Row, Run};
use std::fmt;

const HEAD: [&str; 11] =
    ["", "human", "AI", "AUROC", "left out", "TPR@5%", "left out", "ECE", "left out", "accused", "left out"];

impl fmt::Display for Calibrated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(HEAD);
        for stage in self.stages.keys() {
            let [shipped, left_out] = self.reports(|judged| judged.stages.get(stage).copied());
            let mut cells = cells(&format!("stage {stage}"), &shipped.overall, &left_out.overall);
            // A stage alone accuses nobody.
            cells[9..].fill(String::new());
            table.push(cells);
        }
        let [shipped, left_out] = self.reports(|judged| Some(judged.blend));
        table.push(cells("blend", &shipped.overall, &left_out.overall));
        let of = |report: &Report| {
            let sources = report.sources.iter().map(|s| (s.source.clone(), s.quality.clone()));
            let lengths = report.lengths.iter().map(|l| (format!("{} words", l.words), l.quality.clone()));
            let distortions =
                report.distortions.iter().map(|d| (format!("distorted {}", d.distortion), d.quality.clone()));
            [sources.collect(), lengths.collect(), distortions.collect::<Vec<_>>()]
        };
        for (shipped, left_out) in of(&shipped).into_iter().zip(of(&left_out)) {
            table.group(
                shipped.iter().zip(left_out).map(|((name, shipped), (_, left_out))| cells(name, shipped, &left_out)),
            );
        }
        write!(f, "{table}")?;
        writeln!(f, "\nleft out: by fits without the row's source (see `truthlens calibrate --help`)")?;
        writeln!(
            f,
            "accused: human content that reaches the threshold; AUROC and TPR of a source without its other label"
        )?;
        writeln!(f, "are against that label of all sources")?;
        if self.short > 0 {
            writeln!(f, "{} rows under 50 words or without every stage are not in these figures", self.short)?;
        }
        let strengths = self.stages.iter().map(|(stage, fit)| format!("{stage} {}", fit.strength));
        writeln!(f, "\nstrengths   {}", strengths.collect::<Vec<_>>().join(", "))?;
        let weights = self.blend.weights().iter().map(|(stage, weight)| format!("{stage} {weight}"));
        writeln!(f, "weights     {}", weights.collect::<Vec<_>>().join(", "))?;
        if let Some(platt) = self.blend.calibration() {
            writeln!(f, "scaling     slope {}, intercept {}", platt.slope, platt.intercept)?;
        }
        let (human, accusing) = (self.thresholds.human().value(), self.thresholds.ai_generated().value());
        writeln!(f, "thresholds  human below {human}, ai_generated from {accusing}")
    }
}

impl Calibrated {
    /// As shipped, and with groups left out.
    fn reports(&self, probabilities: impl Fn(&Judged) -> Option<Probabilities>) -> [Report; 2] {
        [|p: Probabilities| p.in_sample, |p: Probabilities| p.out_of_sample].map(|of| {
            let row = |judged: &Judged| Row {
                score: probabilities(judged).map(|p| of(p).value()),
                verdict: None,
                ..judged.row.clone()
            };
            let rows: Vec<Row> = self.rows.iter().map(row).collect();
            let threshold = self.thresholds.ai_generated().value();
            Report::new(&rows, Run { pack: String::new(), stage: String::new(), seconds: 0.0, threshold })
        })
    }
}

fn cells(name: &str, shipped: &Quality, left_out: &Quality) -> [String; HEAD.len()] {
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.3}"));
    let share = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{:.1} %", 100.0 * value));
    [
        name.to_owned(),
        shipped.n_human.to_string(),
        shipped.n_ai.to_string(),
        number(shipped.auroc),
        number(left_out.auroc),
        number(shipped.tpr_at_5_fpr),
        number(left_out.tpr_at_5_fpr),
        number(shipped.ece),
        number(left_out.ece),
        share(shipped.fpr_at_threshold),
        share(left_out.fpr_at_threshold),
    ]
}
