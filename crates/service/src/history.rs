//! What an account has scanned.

use crate::ServiceError;
use cloud::{Audit, Filter, Found, Scans};
use scan::{AccountId, AuditEntry, ScanId};
use time::OffsetDateTime;

/// Past scans.
#[derive(Debug, Clone)]
pub struct History {
    scans: Scans,
    audit: Audit,
}

/// Which part of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    filter: Filter,
    limit: usize,
    offset: usize,
}

impl Page {
    /// The most scans on a page.
    pub const MAX_LIMIT: usize = 100;
    /// The most scans that can be skipped: each is read to be skipped. A cursor has no such limit.
    pub const MAX_OFFSET: usize = 10_000;

    /// A page of `limit` scans (20 unless told, 1 to 100) that pass the filter, after skipping `offset` (0 unless told).
    pub fn new(filter: Filter, limit: Option<usize>, offset: Option<usize>) -> Result<Self, ServiceError> {
        let page = Self { filter, limit: limit.unwrap_or(20), offset: offset.unwrap_or(0) };
        if !(1..=Self::MAX_LIMIT).contains(&page.limit) || page.offset > Self::MAX_OFFSET {
            let rule = "`limit` must be 1 to 100 and `offset` 0 to 10000; beyond that, use `cursor`.".to_owned();
            return Err(ServiceError::InvalidRequest(rule));
        }
        Ok(page)
    }

    /// Scans on the page.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Scans skipped.
    pub fn offset(&self) -> usize {
        self.offset
    }
}

impl History {
    /// Reads and erases `scans`, and reads what `audit` tells of them.
    pub fn new(scans: Scans, audit: Audit) -> Self {
        Self { scans, audit }
    }

    /// What was done to a scan, in that order; of an erased one too.
    pub async fn trail(&self, account: &AccountId, id: ScanId) -> Result<Vec<AuditEntry>, ServiceError> {
        let trail = self.audit.list(account, id).await?;
        if !trail.is_empty() {
            return Ok(trail);
        }
        // Scans made before there was a trail.
        let scan = self.scans.get(account, id).await?.ok_or(ServiceError::NotFound)?;
        Ok([Some(scan.created()), scan.finalised()].into_iter().flatten().collect())
    }

    /// A page of the account's scans, newest first.
    pub async fn list(&self, account: &AccountId, page: &Page) -> Result<Found, ServiceError> {
        Ok(self.scans.list(account, &page.filter, page.limit, page.offset).await?)
    }

    /// Erases a scan. What it cost stays spent.
    pub async fn erase(&self, account: &AccountId, id: ScanId) -> Result<(), ServiceError> {
        if self.scans.delete(account, id, OffsetDateTime::now_utc()).await? {
            Ok(())
        } else {
            Err(ServiceError::NotFound)
        }
    }
}
