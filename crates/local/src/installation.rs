//! One installation's tables, queues and bucket, as the rest of the product sees them.

use crate::data::{DataDir, Lock};
use crate::embedded::{Provisioned, Queue, Queues, names, provision, provision_tables};
use anyhow::Result;
use cloud::{Accounts, Clients, Keys, Names, Parking, Pepper, Scans, Usage};
use scan::Stage;
use std::collections::BTreeMap;
use std::time::Duration;

/// What is kept, and by which names.
#[derive(Debug)]
pub struct Installation {
    /// The way to it.
    pub clients: Clients,
    /// What it is called.
    pub names: Names,
    /// What keys are hashed with.
    pub pepper: Pepper,
    /// The queues of the stages; none where only the tables are there.
    pub queues: BTreeMap<Stage, Queue>,
    /// What content comes in by; not there where only the tables are.
    pub intake: Option<Queues>,
    _lock: Option<Lock>,
}

impl Installation {
    /// Only the tables: what `truthlens keys` needs.
    pub async fn tables(clients: Clients, data: &DataDir) -> Result<Self> {
        provision_tables(&clients.dynamodb).await?;
        let (pepper, queues) = (data.pepper()?, BTreeMap::new());
        Ok(Self { clients, names: names(), pepper, queues, intake: None, _lock: None })
    }

    /// Tables, bucket, and a queue for each of `stages`, whose messages stay hidden for `visibility_timeout` once
    /// received.
    pub async fn whole(
        clients: Clients,
        data: &DataDir,
        stages: &[Stage],
        visibility_timeout: Duration,
    ) -> Result<Self> {
        let Provisioned { names, queues, intake } = provision(&clients, stages, visibility_timeout).await?;
        Ok(Self { clients, names, pepper: data.pepper()?, queues, intake: Some(intake), _lock: None })
    }

    /// Keeps the data folder's lock for as long as this lives.
    pub fn holding(mut self, lock: Lock) -> Self {
        self._lock = Some(lock);
        self
    }

    /// The keys table.
    pub fn keys(&self) -> Keys {
        Keys::new(self.clients.dynamodb.clone(), self.names.keys.clone(), self.pepper.clone())
    }

    /// The accounts table.
    pub fn accounts(&self) -> Accounts {
        Accounts::new(self.clients.dynamodb.clone(), self.names.accounts.clone())
    }

    /// The usage table.
    pub fn usage(&self) -> Usage {
        Usage::new(self.clients.dynamodb.clone(), self.names.usage.clone())
    }

    /// The scans table.
    pub fn scans(&self) -> Scans {
        Scans::of(&self.clients, &self.names)
    }

    /// The parking bucket.
    pub fn parking(&self) -> Parking {
        Parking::new(self.clients.s3.clone(), self.names.parking.clone())
    }
}
