//! What an account wants done with content, from how likely a model made it.

use crate::Probability;
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// From which confidence on content is flagged for review, and rejected without one.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "Given")]
pub struct Moderation {
    flag: Option<Probability>,
    reject: Option<Probability>,
}

#[derive(Deserialize)]
struct Given {
    #[serde(default)]
    flag: Option<Probability>,
    #[serde(default)]
    reject: Option<Probability>,
}

/// What is to be done with content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing speaks against it.
    Approve,
    /// A person should look at it.
    Flag,
    /// It is refused.
    Reject,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Action::Approve => "approve",
            Action::Flag => "flag",
            Action::Reject => "reject",
        })
    }
}

/// Content would be rejected before it is flagged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`flag` must not lie above `reject`")]
pub struct OutOfOrder;

impl Moderation {
    /// Either threshold may be left out.
    pub fn new(flag: Option<Probability>, reject: Option<Probability>) -> Result<Self, OutOfOrder> {
        match (flag, reject) {
            (Some(flag), Some(reject)) if flag > reject => Err(OutOfOrder),
            _ => Ok(Self { flag, reject }),
        }
    }

    /// From this confidence on: [`Action::Flag`].
    pub fn flag(&self) -> Option<Probability> {
        self.flag
    }

    /// From this confidence on: [`Action::Reject`].
    pub fn reject(&self) -> Option<Probability> {
        self.reject
    }

    /// What is to be done with content of that confidence; `None` for an account without thresholds.
    pub fn action(&self, confidence: Probability) -> Option<Action> {
        let reached = |threshold: Option<Probability>| threshold.is_some_and(|threshold| confidence >= threshold);
        match self {
            Self { flag: None, reject: None } => None,
            _ if reached(self.reject) => Some(Action::Reject),
            _ if reached(self.flag) => Some(Action::Flag),
            _ => Some(Action::Approve),
        }
    }
}

impl TryFrom<Given> for Moderation {
    type Error = OutOfOrder;

    fn try_from(Given { flag, reject }: Given) -> Result<Self, OutOfOrder> {
        Self::new(flag, reject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(x: f64) -> Probability {
        Probability::new(x).unwrap()
    }

    #[test]
    fn confidence_decides_between_the_thresholds() {
        let both = Moderation::new(Some(p(0.7)), Some(p(0.95))).unwrap();
        let actions = [0.69, 0.7, 0.94, 0.95].map(|c| both.action(p(c)).unwrap());
        assert_eq!(actions, [Action::Approve, Action::Flag, Action::Flag, Action::Reject]);
        let only_reject = Moderation::new(None, Some(p(0.9))).unwrap();
        assert_eq!([0.8, 0.9].map(|c| only_reject.action(p(c)).unwrap()), [Action::Approve, Action::Reject]);
        assert_eq!(Moderation::default().action(p(1.0)), None, "who set nothing decides alone");
    }

    #[test]
    fn thresholds_out_of_order_or_range_do_not_construct() {
        assert_eq!(Moderation::new(Some(p(0.9)), Some(p(0.8))), Err(OutOfOrder));
        for wrong in [r#"{"flag":0.9,"reject":0.8}"#, r#"{"flag":1.1}"#, r#"{"reject":-0.1}"#, r#"{"flag":"0.5"}"#] {
            assert!(serde_json::from_str::<Moderation>(wrong).is_err(), "{wrong}");
        }
        assert_eq!(serde_json::from_str::<Moderation>("{}").unwrap(), Moderation::default());
    }
}
