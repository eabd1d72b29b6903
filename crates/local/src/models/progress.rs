//! Telling people how far a pull is.

use super::bytes::Bytes;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Plain lines come at most this often, and at most one for every 10 %.
const LINE_EVERY: Duration = Duration::from_secs(2);

/// How progress is shown, always on the standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Moving bars.
    Bars,
    /// A line now and then, for logs.
    Lines,
    /// Not at all.
    Silent,
}

impl Progress {
    /// Bars if the standard error is a terminal, lines otherwise.
    pub fn stderr() -> Self {
        if std::io::stderr().is_terminal() { Self::Bars } else { Self::Lines }
    }

    /// One line.
    pub(super) fn note(self, line: &str) {
        if self != Self::Silent {
            eprintln!("{line}");
        }
    }

    /// A file is about to come.
    pub(super) fn transfer(self, name: &str) -> Transfer {
        let bar = if self == Self::Bars { ProgressBar::no_length() } else { ProgressBar::hidden() };
        bar.set_message(name.to_owned());
        Transfer {
            name: name.to_owned(),
            progress: self,
            bar,
            start: (Instant::now(), 0),
            next_line: (Instant::now(), 0),
        }
    }
}

/// One file on its way.
pub(super) struct Transfer {
    name: String,
    progress: Progress,
    bar: ProgressBar,
    /// When the first byte was asked for, and how many were there already.
    start: (Instant, u64),
    /// The time and the per cent before which no further plain line is due.
    next_line: (Instant, u64),
}

impl Transfer {
    /// Bytes come from `position` on, up to `total` if that is known.
    pub(super) fn begin(&mut self, position: u64, total: Option<u64>) {
        const SIZED: &str = "{msg} [{bar:30}] {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta} left";
        const UNSIZED: &str = "{msg} {spinner} {decimal_bytes} {decimal_bytes_per_sec}";
        if let Ok(style) = ProgressStyle::with_template(if total.is_some() { SIZED } else { UNSIZED }) {
            self.bar.set_style(style.progress_chars("=> "));
        }
        if let Some(total) = total {
            self.bar.set_length(total);
        }
        self.bar.set_position(position);
        self.bar.reset_eta();
        self.start = (Instant::now(), position);
        self.next_line = (Instant::now() + LINE_EVERY, 0);
        if position > 0 {
            self.note(&format!("{}: going on after {}", self.name, Bytes(position)));
        }
    }

    /// `position` bytes are there.
    pub(super) fn advance(&mut self, position: u64) {
        self.bar.set_position(position);
        let Some(total) = self.bar.length().filter(|total| *total > 0) else { return };
        let percent = position * 100 / total;
        let is_due = Instant::now() >= self.next_line.0 && percent >= self.next_line.1;
        if self.progress == Progress::Lines && is_due && position < total {
            let rate = self.rate(position);
            let left = total.saturating_sub(position) / rate.max(1);
            let (name, done, total) = (&self.name, Bytes(position), Bytes(total));
            eprintln!("{name}: {percent}% ({done} of {total}), {}/s, {left} s left", Bytes(rate));
            self.next_line = (Instant::now() + LINE_EVERY, percent / 10 * 10 + 10);
        }
    }

    /// Something that the reader should know in between.
    pub(super) fn note(&self, line: &str) {
        self.bar.suspend(|| self.progress.note(line));
    }

    /// All is there.
    pub(super) fn finish(&self) {
        let position = self.bar.position();
        self.bar.finish_and_clear();
        let took = self.start.0.elapsed().as_secs_f64();
        let (size, rate) = (Bytes(position), Bytes(self.rate(position)));
        self.progress.note(&format!("{}: {size} in {took:.1} s ({rate}/s)", self.name));
    }

    /// Bytes per second since the start.
    fn rate(&self, position: u64) -> u64 {
        (position.saturating_sub(self.start.1) as f64 / self.start.0.elapsed().as_secs_f64().max(1e-3)) as u64
    }
}
