//! What CloudWatch is told: one line for each thing that was done, in the Embedded Metric Format ("Specification: Embedded
//! metric format", Amazon CloudWatch User Guide) on standard output, from which Lambda makes metrics.

use serde_json::{Map, Value, json};
use std::fmt::Display;
use std::io::Write;
use std::time::Duration;
use time::OffsetDateTime;

/// The namespace of the metrics.
const NAMESPACE: &str = "TruthLens";

/// Whether and how a function is metered.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Meter {
    /// On standard output, for a function of so much memory.
    Lambda {
        /// In GB, which Lambda's time is charged by.
        memory_gb: f64,
        /// What a GB costs for a second, where that is known.
        price_per_gb_second: Option<f64>,
    },
    /// Not at all: nobody reads it.
    #[default]
    Off,
}

/// What is known of a thing that was done: numbers for CloudWatch to add up, and properties to find it by. CloudWatch
/// charges for each metric and dimension; properties are free.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    dimension: (&'static str, String),
    metrics: Vec<Metric>,
    properties: Vec<(&'static str, String)>,
    billed: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq)]
struct Metric {
    name: &'static str,
    unit: &'static str,
    value: Value,
}

impl Measurement {
    /// A measurement that is added up with those of the same dimension.
    pub fn of(dimension: &'static str, value: impl Display) -> Self {
        let dimension = (dimension, value.to_string());
        Self { dimension, metrics: Vec::new(), properties: Vec::new(), billed: None }
    }

    /// How many of something.
    pub fn count(self, name: &'static str, count: usize) -> Self {
        self.metric(name, "Count", json!(count))
    }

    /// How long something took, in milliseconds.
    pub fn duration(self, name: &'static str, duration: Duration) -> Self {
        self.metric(name, "Milliseconds", json!((duration.as_secs_f64() * 1e5).round() / 1e2))
    }

    /// The same, where it is known.
    pub fn known_duration(self, name: &'static str, duration: Option<Duration>) -> Self {
        match duration {
            Some(duration) => self.duration(name, duration),
            None => self,
        }
    }

    /// Something to find it by. Never content, never a key.
    pub fn property(mut self, name: &'static str, value: impl Display) -> Self {
        self.properties.push((name, value.to_string()));
        self
    }

    /// The time of the function that it took: `GBSeconds` and, where the price is known, `Cost` (in the price's currency).
    pub fn billed(self, time: Duration) -> Self {
        Self { billed: Some(time), ..self }
    }

    fn metric(mut self, name: &'static str, unit: &'static str, value: Value) -> Self {
        self.metrics.push(Metric { name, unit, value });
        self
    }
}

impl Meter {
    /// Tells of a thing that was done.
    pub fn tell(self, measurement: Measurement) {
        if let Self::Lambda { memory_gb, price_per_gb_second } = self {
            let line = line(measurement, memory_gb, price_per_gb_second, OffsetDateTime::now_utc());
            // A log that cannot be written is no reason to fail.
            let _ = std::io::stdout().lock().write_all(format!("{line}\n").as_bytes());
        }
    }
}

fn line(mut measurement: Measurement, memory_gb: f64, price: Option<f64>, now: OffsetDateTime) -> Value {
    let gb_seconds = measurement.billed.map(|time| memory_gb * time.as_secs_f64());
    if let Some(gb_seconds) = gb_seconds {
        measurement = measurement.metric("GBSeconds", "None", json!(gb_seconds));
        if let Some(price) = price {
            measurement = measurement.metric("Cost", "None", json!(gb_seconds * price));
        }
    }
    let Measurement { dimension: (dimension, value), metrics, properties, .. } = measurement;
    let declared: Vec<_> =
        metrics.iter().map(|Metric { name, unit, .. }| json!({ "Name": name, "Unit": unit })).collect();
    let mut line = Map::from_iter(properties.into_iter().map(|(name, value)| (name.to_owned(), json!(value))));
    line.extend(metrics.into_iter().map(|Metric { name, value, .. }| (name.to_owned(), value)));
    line.insert(dimension.to_owned(), json!(value));
    let directive = json!({ "Namespace": NAMESPACE, "Dimensions": [[dimension]], "Metrics": declared });
    let timestamp = now.unix_timestamp_nanos() / 1_000_000;
    line.insert("_aws".to_owned(), json!({ "Timestamp": timestamp, "CloudWatchMetrics": [directive] }));
    Value::Object(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn measured() -> Measurement {
        Measurement::of("Stage", "roberta")
            .duration("Latency", Duration::from_millis(250))
            .known_duration("QueueAge", Some(Duration::from_micros(1_500)))
            .known_duration("Nothing", None)
            .count("BatchSize", 5)
            .property("scan_id", 7)
            .billed(Duration::from_millis(50))
    }

    #[test]
    fn a_line_holds_a_number_for_every_metric_that_it_declares() {
        let told = line(measured(), 2.0, None, OffsetDateTime::UNIX_EPOCH);
        let declared = json!([
            { "Name": "Latency", "Unit": "Milliseconds" },
            { "Name": "QueueAge", "Unit": "Milliseconds" },
            { "Name": "BatchSize", "Unit": "Count" },
            { "Name": "GBSeconds", "Unit": "None" },
        ]);
        let directive = json!({ "Namespace": "TruthLens", "Dimensions": [["Stage"]], "Metrics": declared });
        assert_eq!(
            told,
            json!({
                "_aws": { "Timestamp": 0, "CloudWatchMetrics": [directive] },
                "Stage": "roberta", "Latency": 250.0, "QueueAge": 1.5, "BatchSize": 5, "GBSeconds": 0.1, "scan_id": "7",
            })
        );
    }

    #[test]
    fn a_cost_is_told_only_where_a_price_is_known() {
        let told = line(measured(), 2.0, Some(0.5), OffsetDateTime::UNIX_EPOCH);
        assert_eq!(told["Cost"], json!(0.05));
        assert_eq!(told["_aws"]["CloudWatchMetrics"][0]["Metrics"][4], json!({ "Name": "Cost", "Unit": "None" }));
        let free = Measurement { billed: None, ..measured() };
        assert!(!line(free, 2.0, Some(0.5), OffsetDateTime::UNIX_EPOCH).to_string().contains("Cost"));
    }

    proptest! {
        #[test]
        fn a_line_is_one_line_of_json_whatever_is_in_it(value in any::<String>(), nanoseconds: u64, count: usize) {
            let measurement = Measurement::of("Function", &value)
                .property("Route", &value)
                .duration("Latency", Duration::from_nanos(nanoseconds))
                .count("Scans", count);
            let told = line(measurement, 0.25, None, OffsetDateTime::now_utc());
            let written = told.to_string();
            prop_assert!(!written.contains('\n'));
            let read: Value = serde_json::from_str(&written).unwrap();
            prop_assert_eq!(&read["Function"], &json!(value));
            prop_assert_eq!(&read["Scans"], &json!(count));
            prop_assert!(read["Latency"].as_f64().unwrap() >= 0.0);
        }
    }
}
