//! Which tables, queues and buckets to use: the part of a function's configuration that this crate needs.

use scan::Stage;
use std::collections::BTreeMap;

/// Names of everything that is kept. Read from the environment once, at start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Table of accounts.
    pub accounts: String,
    /// Table of API keys.
    pub keys: String,
    /// Table of quota and rate counters.
    pub usage: String,
    /// Table of scans.
    pub scans: String,
    /// Table of idempotency keys.
    pub idempotency: String,
    /// Bucket for content too big for a message.
    pub parking: String,
    /// Queue URL of each neural stage.
    pub queues: BTreeMap<Stage, String>,
}

/// A variable is not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("environment variable {0} is not set")]
pub struct NamesError(pub String);

impl Names {
    /// Reads `TABLE_ACCOUNTS`, `TABLE_KEYS`, `TABLE_USAGE`, `TABLE_SCANS`, `TABLE_IDEMPOTENCY`, `BUCKET_PARKING`,
    /// and `QUEUE_<STAGE>` for each neural stage that has a queue.
    pub fn from_env(variable: impl Fn(&str) -> Option<String>) -> Result<Self, NamesError> {
        let required = |name: &str| variable(name).ok_or_else(|| NamesError(name.to_owned()));
        let queue = |stage: Stage| Some((stage, variable(&queue_variable(stage))?));
        Ok(Self {
            accounts: required("TABLE_ACCOUNTS")?,
            keys: required("TABLE_KEYS")?,
            usage: required("TABLE_USAGE")?,
            scans: required("TABLE_SCANS")?,
            idempotency: required("TABLE_IDEMPOTENCY")?,
            parking: required("BUCKET_PARKING")?,
            queues: Stage::ALL.into_iter().filter(|stage| stage.is_neural()).filter_map(queue).collect(),
        })
    }

    /// The same names as variables, for a process that is started with them.
    pub fn to_env(&self) -> Vec<(String, String)> {
        let mut variables = vec![
            ("TABLE_ACCOUNTS".to_owned(), self.accounts.clone()),
            ("TABLE_KEYS".to_owned(), self.keys.clone()),
            ("TABLE_USAGE".to_owned(), self.usage.clone()),
            ("TABLE_SCANS".to_owned(), self.scans.clone()),
            ("TABLE_IDEMPOTENCY".to_owned(), self.idempotency.clone()),
            ("BUCKET_PARKING".to_owned(), self.parking.clone()),
        ];
        variables.extend(self.queues.iter().map(|(stage, url)| (queue_variable(*stage), url.clone())));
        variables
    }
}

fn queue_variable(stage: Stage) -> String {
    format!("QUEUE_{}", stage.name().to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn names_survive_the_environment_and_a_missing_one_is_named() {
        let names = Names {
            accounts: "a".into(),
            keys: "k".into(),
            usage: "u".into(),
            scans: "s".into(),
            idempotency: "i".into(),
            parking: "p".into(),
            queues: BTreeMap::from([(Stage::Roberta, "http://queue".into())]),
        };
        let mut env: HashMap<_, _> = names.to_env().into_iter().collect();
        assert_eq!(Names::from_env(|name| env.get(name).cloned()).unwrap(), names);
        env.remove("TABLE_USAGE");
        assert_eq!(Names::from_env(|name| env.get(name).cloned()), Err(NamesError("TABLE_USAGE".into())));
    }
}
