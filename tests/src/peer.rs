//! A Python program that does the same work as ours, for benchmarks that run both in turn.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A running peer: `tests/bench/SCRIPT`, which does one round for each line on its standard input and answers with the
/// seconds that it took.
pub struct Peer {
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts a script with arguments, on the Python that `TRUTHLENS_BENCH_PYTHON` names.
    pub fn start(script: &str, arguments: &[String]) -> Self {
        let python = std::env::var("TRUTHLENS_BENCH_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let mut child = Command::new(python)
            .arg(crate::workspace().join("tests/bench").join(script))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { child, answers }
    }

    /// One round; its seconds.
    pub fn round(&mut self) -> f64 {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(b"\n").and_then(|()| stdin.flush()).unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim().parse().unwrap()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The middle value.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
