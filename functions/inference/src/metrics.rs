//! What CloudWatch is told of each job: one line in the Embedded Metric Format ("Specification: Embedded metric format",
//! Amazon CloudWatch User Guide) on standard output, from which Lambda makes metrics.

use scan::Stage;
use serde_json::{Value, json};
use std::io::Write;
use std::time::Duration;
use time::OffsetDateTime;

/// The namespace of the metrics.
const NAMESPACE: &str = "TruthLens";

/// Whether and how jobs are metered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Meter {
    /// On standard output, for a function of so much memory.
    Lambda {
        /// In GB.
        memory_gb: f64,
    },
    /// Not at all: nobody reads it.
    Off,
}

/// What is known of a job that was run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// The stage.
    pub stage: Stage,
    /// From start to outcome.
    pub latency: Duration,
    /// From the job's being sent to its start, where the queue tells.
    pub queue_age: Option<Duration>,
    /// Jobs that came with it.
    pub batch: usize,
    /// Whether it will have to come again.
    pub failed: bool,
}

impl Meter {
    /// Tells of a job.
    pub fn tell(self, measured: Measured) {
        if let Self::Lambda { memory_gb } = self {
            let line = format!("{}\n", line(measured, memory_gb, OffsetDateTime::now_utc()));
            // A log that cannot be written is no reason to fail the job.
            let _ = std::io::stdout().lock().write_all(line.as_bytes());
        }
    }
}

fn line(measured: Measured, memory_gb: f64, now: OffsetDateTime) -> Value {
    let Measured { stage, latency, queue_age, batch, failed } = measured;
    let milliseconds = |duration: Duration| (duration.as_secs_f64() * 1e5).round() / 1e2;
    // Jobs of a batch share the time that is paid for.
    let gb_seconds = memory_gb * latency.as_secs_f64() / batch.max(1) as f64;
    let mut metrics = vec![
        json!({ "Name": "Latency", "Unit": "Milliseconds" }),
        json!({ "Name": "BatchSize", "Unit": "Count" }),
        json!({ "Name": "Failures", "Unit": "Count" }),
        json!({ "Name": "GBSeconds", "Unit": "None" }),
    ];
    let mut line = json!({
        "Stage": stage.name(),
        "Latency": milliseconds(latency),
        "BatchSize": batch,
        "Failures": u8::from(failed),
        "GBSeconds": gb_seconds,
    });
    if let Some(age) = queue_age {
        metrics.push(json!({ "Name": "QueueAge", "Unit": "Milliseconds" }));
        line["QueueAge"] = json!(milliseconds(age));
    }
    line["_aws"] = json!({
        "Timestamp": now.unix_timestamp_nanos() / 1_000_000,
        "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [["Stage"]], "Metrics": metrics }],
    });
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_holds_a_number_for_every_metric_that_it_declares() {
        let measured = Measured {
            stage: Stage::Roberta,
            latency: Duration::from_millis(250),
            queue_age: Some(Duration::from_micros(1_500)),
            batch: 5,
            failed: false,
        };
        let told = line(measured, 2.0, OffsetDateTime::UNIX_EPOCH);
        let declared = told["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
        assert!(
            declared.len() == 5 && declared.iter().all(|m| told[m["Name"].as_str().unwrap()].is_number()),
            "{told}"
        );
        assert_eq!((&told["Latency"], &told["QueueAge"]), (&json!(250.0), &json!(1.5)));
        assert_eq!((&told["GBSeconds"], &told["Stage"]), (&json!(0.1), &json!("roberta")));
        let unknown = line(Measured { queue_age: None, ..measured }, 2.0, OffsetDateTime::UNIX_EPOCH);
        assert!(!unknown.to_string().contains("QueueAge"));
    }
}
