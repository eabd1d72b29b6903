//! The reliability diagram: of content that scores so much, how much is AI.

use super::svg::{Anchor, Frame, Svg, class};
use crate::eval::metrics::wilson;
use crate::eval::{Label, Row};

const BINS: usize = 10;
/// Fewer rows than this say too little to draw.
const ENOUGH: usize = 5;

/// A bin with enough rows.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bin {
    /// Their mean score.
    confidence: f64,
    /// The share of AI among them.
    share: f64,
    /// Its 95 % interval.
    interval: (f64, f64),
    /// How many.
    n: usize,
}

/// One line a series of rows; the diagonal is what a perfectly calibrated detector would have.
pub fn diagram(title: &str, series: &[(&str, Vec<&Row>)]) -> String {
    let binned: Vec<(&str, Vec<Bin>)> = series.iter().map(|(name, rows)| (*name, bins(rows))).collect();
    let frame = Frame { left: 60.0, top: 20.0, width: 360.0, height: 300.0 };
    let mut svg = Svg::new(440, 400 + 20 * series.len() as u32, title, &description(&binned));
    frame.axes(&mut svg);
    for tenth in (0..=10).step_by(2) {
        let y = f64::from(tenth) / 10.0;
        svg.line("grid", frame.at(0.0, y), frame.at(1.0, y));
        let (x, y) = frame.at(0.0, y);
        svg.text((x - 6.0, y + 4.0), Anchor::End, &format!("{} %", tenth * 10));
    }
    svg.line("ideal", frame.at(0.0, 0.0), frame.at(1.0, 1.0));
    svg.text((240.0, 354.0), Anchor::Middle, "confidence (dashed: perfectly calibrated)");
    svg.text((4.0, 12.0), Anchor::Start, "share of AI, with its 95 % interval");
    for (number, (name, bins)) in binned.iter().enumerate() {
        let points: Vec<_> = bins.iter().map(|bin| frame.at(bin.confidence, bin.share)).collect();
        svg.path(class(number), &points);
        for (bin, point) in bins.iter().zip(&points) {
            let (low, high) = bin.interval;
            svg.line(class(number), frame.at(bin.confidence, low), frame.at(bin.confidence, high));
            svg.mark(number, *point);
        }
        let y = 378.0 + 20.0 * number as f64;
        svg.mark(number, (70.0, y - 4.0));
        let n: usize = bins.iter().map(|bin| bin.n).sum();
        svg.text((82.0, y), Anchor::Start, &format!("{name} ({n})"));
    }
    svg.finish()
}

fn bins(rows: &[&Row]) -> Vec<Bin> {
    let mut sums = [(0, 0, 0.0); BINS];
    for (row, score) in rows.iter().filter_map(|row| Some((row, row.score?))) {
        let (n, ai, sum) = &mut sums[((score * BINS as f64) as usize).min(BINS - 1)];
        *n += 1;
        *ai += usize::from(row.label == Label::Ai);
        *sum += score;
    }
    let bin = |(n, ai, sum): (usize, usize, f64)| {
        let rate = wilson(ai, n).filter(|_| n >= ENOUGH)?;
        Some(Bin { confidence: sum / n as f64, share: rate.rate, interval: (rate.low, rate.high), n })
    };
    sums.into_iter().filter_map(bin).collect()
}

fn description(series: &[(&str, Vec<Bin>)]) -> String {
    let bin = |bin: &Bin| format!("{:.0} % of {} at {:.0} %", 100.0 * bin.share, bin.n, 100.0 * bin.confidence);
    let line = |(name, bins): &(&str, Vec<Bin>)| {
        format!("{name}: share of AI at mean confidence: {}.", bins.iter().map(bin).collect::<Vec<_>>().join("; "))
    };
    series.iter().map(line).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality::tests::row;

    #[test]
    fn a_bin_has_mean_share_and_interval() {
        let rows: Vec<Row> = [0.62, 0.64, 0.66, 0.68].map(|score| row(Label::Ai, score)).into_iter().collect();
        let human = row(Label::Human, 0.65);
        let (few, edge) = (row(Label::Human, 0.1), row(Label::Ai, 1.0));
        let rows: Vec<&Row> = rows.iter().chain([&human, &few, &edge]).collect();
        let [bin] = bins(&rows)[..] else { panic!("one bin of five") };
        assert!((bin.confidence - 0.65).abs() < 1e-9 && (bin.share - 0.8).abs() < 1e-9 && bin.n == 5);
        assert!(bin.interval.0 > 0.3 && bin.interval.1 < 1.0);
        let file = diagram("Texts", &[("recent", rows.clone()), ("older", vec![])]);
        assert!(file.contains("80 % of 5 at 65 %") && file.contains("older (0)"), "{file}");
        assert_eq!(file, diagram("Texts", &[("recent", rows), ("older", vec![])]));
    }
}
