//! Whether every scan ended, once, was charged once and was told of: what must hold whatever went wrong.

use crate::Stack;
use cloud::{Audit, Filter};
use scan::{Account, Deed, Scan};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use time::OffsetDateTime;

/// How often each event was sent, by its id.
pub type Told = BTreeMap<String, usize>;

/// Counts the detail of an event.
pub fn count(told: &mut Told, detail: &Value) {
    *told.entry(detail["id"].as_str().unwrap().to_owned()).or_default() += 1;
}

/// The account's scans, once all of them have ended by themselves: nobody asks for any of them.
pub async fn ended(stack: &Stack, account: &Account, patience: Duration) -> Vec<Scan> {
    let until = tokio::time::Instant::now() + patience;
    loop {
        let scans = stack.scans().list(&account.id, &Filter::default(), 10_000, 0).await.unwrap().scans;
        let running = scans.iter().filter(|scan| !scan.is_final()).count();
        if running == 0 {
            return scans;
        }
        assert!(tokio::time::Instant::now() < until, "{running} scans of {} hang", account.id);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Checks the quota, the audit trail and the events of an account's ended scans; how many were completed.
pub async fn check(stack: &Stack, account: &Account, scans: &[Scan], told: &Told) -> usize {
    let completed = scans.iter().filter(|scan| scan.conclusion().is_some()).count();
    let charged = scans.iter().filter(|scan| scan.state.is_charged()).count();
    let used = stack.usage().used(&account.id, OffsetDateTime::now_utc()).await.unwrap();
    assert_eq!(used, charged as u64, "the quota of {} is exact", account.id);
    let audit = Audit::new(stack.clients.dynamodb.clone(), stack.names.audit.clone());
    for scan in scans {
        let trail = audit.list(&account.id, scan.id).await.unwrap();
        let ends = trail.iter().filter(|entry| matches!(entry.deed, Deed::Finalised { .. })).count();
        assert_eq!(ends, 1, "{trail:?}");
        assert!(told.contains_key(&format!("{}.{}", scan.id, scan.state.name())), "{} was not told of", scan.id);
    }
    completed
}
