//! What an account has scanned.

use crate::ServiceError;
use cloud::Scans;
use scan::{AccountId, Scan};

/// Past scans.
#[derive(Debug, Clone)]
pub struct History {
    scans: Scans,
}

/// Which part of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    limit: usize,
    offset: usize,
}

impl Page {
    /// The most scans on a page.
    pub const MAX_LIMIT: usize = 100;
    /// The most scans that can be skipped: each is read to be skipped.
    pub const MAX_OFFSET: usize = 10_000;

    /// A page of `limit` scans (20 unless told, 1 to 100) after skipping `offset` (0 unless told).
    pub fn new(limit: Option<usize>, offset: Option<usize>) -> Result<Self, ServiceError> {
        let page = Self { limit: limit.unwrap_or(20), offset: offset.unwrap_or(0) };
        if !(1..=Self::MAX_LIMIT).contains(&page.limit) || page.offset > Self::MAX_OFFSET {
            let rule = "`limit` must be 1 to 100 and `offset` 0 to 10000.".to_owned();
            return Err(ServiceError::InvalidRequest(rule));
        }
        Ok(page)
    }

    /// Scans on the page.
    pub fn limit(self) -> usize {
        self.limit
    }

    /// Scans skipped.
    pub fn offset(self) -> usize {
        self.offset
    }
}

impl History {
    /// Reads `scans`.
    pub fn new(scans: Scans) -> Self {
        Self { scans }
    }

    /// A page of the account's scans, newest first, and whether there are more.
    pub async fn list(&self, account: &AccountId, page: Page) -> Result<(Vec<Scan>, bool), ServiceError> {
        Ok(self.scans.list(account, page.limit, page.offset).await?)
    }
}
