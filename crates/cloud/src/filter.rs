//! Which scans of an account a list shows.

use crate::CloudError;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use scan::{Action, Modality, ScanId, Verdict};
use time::OffsetDateTime;

/// Which scans of an account. The default is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this modality.
    pub modality: Option<Modality>,
    /// Completed with this verdict.
    pub verdict: Option<Verdict>,
    /// Completed with this action. Flagged scans are those that still await a review.
    pub action: Option<Action>,
    /// Made at this time or later.
    pub from: Option<OffsetDateTime>,
    /// Made before this time.
    pub to: Option<OffsetDateTime>,
    /// Older than this one: where another list ended.
    pub after: Option<ScanId>,
}

impl Filter {
    /// The first and the last id that can pass; `None` when none can.
    pub(crate) fn range(&self) -> Option<(ScanId, ScanId)> {
        let low = ScanId::bound(self.from.unwrap_or(OffsetDateTime::UNIX_EPOCH));
        let before = self.to.map_or_else(ScanId::last, ScanId::bound);
        // Not DynamoDB's start key, which must lie within the range that is asked for.
        let high = self.after.map_or(before, |after| before.min(after.preceding()));
        (low <= high).then_some((low, high))
    }

    /// Whether many scans may lie between two that pass.
    pub(crate) fn is_sparse(&self) -> bool {
        self.modality.is_some() || self.verdict.is_some() || self.action.is_some()
    }

    /// Adds the conditions that the key does not tell.
    pub(crate) fn narrow(&self, mut query: QueryFluentBuilder) -> Result<QueryFluentBuilder, CloudError> {
        let mut conditions = Vec::new();
        if let Some(modality) = self.modality {
            conditions.push("#scan.#modality = :modality");
            query = query
                .expression_attribute_names("#modality", "modality")
                .expression_attribute_values(":modality", serde_dynamo::to_attribute_value(modality)?);
        }
        if self.verdict.is_some() || self.action.is_some() {
            query = query
                .expression_attribute_names("#state", "state")
                .expression_attribute_names("#completed", "completed");
        }
        if let Some(verdict) = self.verdict {
            conditions.push("#scan.#state.#completed.#verdict = :verdict");
            query = query
                .expression_attribute_names("#verdict", "verdict")
                .expression_attribute_values(":verdict", serde_dynamo::to_attribute_value(verdict)?);
        }
        if let Some(action) = self.action {
            conditions.push("#scan.#state.#completed.#action = :action");
            query = query
                .expression_attribute_names("#action", "action")
                .expression_attribute_values(":action", serde_dynamo::to_attribute_value(action)?);
            if action == Action::Flag {
                conditions.push("attribute_not_exists(#scan.#review)");
                query = query.expression_attribute_names("#review", "review");
            }
        }
        if !conditions.is_empty() {
            query = query.expression_attribute_names("#scan", "scan").filter_expression(conditions.join(" AND "));
        }
        Ok(query)
    }
}
