//! How far an evaluation is.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::Instant;

/// Rows done, rate and time left on the standard error: a moving bar on a terminal, a line every 10 % elsewhere.
pub struct RowProgress {
    bar: Option<ProgressBar>,
    start: Instant,
    done: u64,
    total: u64,
}

impl RowProgress {
    /// Nothing of `total` rows is done yet.
    pub fn new(total: usize) -> Self {
        let total = total as u64;
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("[{bar:40}] {pos}/{len} rows, {per_sec}, {eta} left");
            ProgressBar::new(total).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { bar, start: Instant::now(), done: 0, total }
    }

    /// `rows` more are done.
    pub fn advance(&mut self, rows: usize) {
        let tenths = |done: u64| done * 10 / self.total.max(1);
        let done = self.done + rows as u64;
        let is_due = tenths(done) > tenths(self.done);
        self.done = done;
        match &self.bar {
            Some(bar) => bar.set_position(done),
            None if is_due => {
                let rate = done as f64 / self.start.elapsed().as_secs_f64().max(1e-3);
                let left = self.total.saturating_sub(done) as f64 / rate;
                eprintln!("{done} of {} rows, {rate:.1} rows/s, {left:.0} s left", self.total);
            }
            None => {}
        }
    }

    /// Clears the bar.
    pub fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
