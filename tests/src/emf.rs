//! The Embedded Metric Format, as CloudWatch reads it ("Specification: Embedded metric format", Amazon CloudWatch User
//! Guide): what it does not read, it drops without a word.

use serde_json::Value;

/// Units that CloudWatch knows, of those that we use and their like.
const UNITS: [&str; 6] = ["Count", "Milliseconds", "Seconds", "Bytes", "Percent", "None"];

/// The lines of a log that CloudWatch takes metrics from, each checked against the specification.
pub fn metrics(log: &str) -> Vec<Value> {
    let objects = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let told: Vec<Value> = objects.filter(|line| line.get("_aws").is_some()).collect();
    told.iter().for_each(check);
    told
}

fn check(line: &Value) {
    let object = line.as_object().unwrap();
    let metadata = object["_aws"].as_object().unwrap();
    assert!(metadata["Timestamp"].as_u64().is_some_and(|at| at > 1_700_000_000_000), "milliseconds: {line}");
    let directives = metadata["CloudWatchMetrics"].as_array().unwrap();
    assert!(!directives.is_empty());
    for directive in directives {
        let named = |text: &Value| text.as_str().is_some_and(|text| (1..=1024).contains(&text.len()));
        assert!(named(&directive["Namespace"]), "{line}");
        for dimensions in directive["Dimensions"].as_array().unwrap() {
            let dimensions = dimensions.as_array().unwrap();
            assert!(dimensions.len() <= 30, "{line}");
            for dimension in dimensions {
                assert!(named(dimension) && named(&object[dimension.as_str().unwrap()]), "a string each: {line}");
            }
        }
        let metrics = directive["Metrics"].as_array().unwrap();
        assert!(metrics.len() <= 100, "{line}");
        for metric in metrics {
            assert!(named(&metric["Name"]) && UNITS.contains(&metric["Unit"].as_str().unwrap()), "{line}");
            assert!(object[metric["Name"].as_str().unwrap()].is_number(), "a number each: {line}");
        }
    }
}
