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
    /// Table of what was done to scans.
    pub audit: String,
    /// Bucket for content too big for a message.
    pub parking: String,
    /// Queue URL of each neural stage.
    pub queues: BTreeMap<Stage, String>,
    /// Queue URL of scans whose time is up.
    pub deadlines: Option<String>,
    /// Queue URL of events on their way to webhooks.
    pub webhooks: Option<String>,
    /// Bucket that users put content into.
    pub uploads: Option<String>,
    /// Bus that events go to.
    pub event_bus: Option<String>,
}

/// A variable is not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("environment variable {0} is not set")]
pub struct NamesError(pub String);

impl Names {
    /// Reads `TABLE_ACCOUNTS`, `TABLE_KEYS`, `TABLE_USAGE`, `TABLE_SCANS`, `TABLE_IDEMPOTENCY`, `TABLE_AUDIT`,
    /// `BUCKET_PARKING`, and `QUEUE_<STAGE>` for each neural stage that has a queue. Then what only some functions use:
    /// `QUEUE_DEADLINES`, `QUEUE_WEBHOOKS`, `BUCKET_UPLOADS` and `EVENT_BUS`.
    pub fn from_env(variable: impl Fn(&str) -> Option<String>) -> Result<Self, NamesError> {
        let required = |name: &str| variable(name).ok_or_else(|| NamesError(name.to_owned()));
        let queue = |stage: Stage| Some((stage, variable(&queue_variable(stage))?));
        Ok(Self {
            accounts: required("TABLE_ACCOUNTS")?,
            keys: required("TABLE_KEYS")?,
            usage: required("TABLE_USAGE")?,
            scans: required("TABLE_SCANS")?,
            idempotency: required("TABLE_IDEMPOTENCY")?,
            audit: required("TABLE_AUDIT")?,
            parking: required("BUCKET_PARKING")?,
            deadlines: variable("QUEUE_DEADLINES"),
            webhooks: variable("QUEUE_WEBHOOKS"),
            uploads: variable("BUCKET_UPLOADS"),
            event_bus: variable("EVENT_BUS"),
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
            ("TABLE_AUDIT".to_owned(), self.audit.clone()),
            ("BUCKET_PARKING".to_owned(), self.parking.clone()),
        ];
        let optional = [
            ("QUEUE_DEADLINES", &self.deadlines),
            ("QUEUE_WEBHOOKS", &self.webhooks),
            ("BUCKET_UPLOADS", &self.uploads),
            ("EVENT_BUS", &self.event_bus),
        ];
        variables.extend(optional.iter().filter_map(|(name, value)| Some(((*name).to_owned(), (*value).clone()?))));
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
            audit: "t".into(),
            parking: "p".into(),
            queues: BTreeMap::from([(Stage::Roberta, "http://queue".into())]),
            deadlines: Some("http://deadlines".into()),
            webhooks: None,
            uploads: None,
            event_bus: None,
        };
        let mut env: HashMap<_, _> = names.to_env().into_iter().collect();
        assert_eq!(Names::from_env(|name| env.get(name).cloned()).unwrap(), names);
        env.remove("TABLE_USAGE");
        assert_eq!(Names::from_env(|name| env.get(name).cloned()), Err(NamesError("TABLE_USAGE".into())));
    }
}
