//! A resolver whose answers the tests write.

use fetch::Resolve;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The answers for each name, in order; the last one stays.
#[derive(Debug, Default)]
pub struct Names {
    answers: Mutex<BTreeMap<String, VecDeque<Vec<IpAddr>>>>,
    asked: Mutex<Vec<String>>,
    delay: Duration,
}

impl Names {
    /// Knows nothing.
    pub fn none() -> Arc<Self> {
        Arc::default()
    }

    /// Knows one name with one address.
    pub fn fixed(host: &str, ip: IpAddr) -> Arc<Self> {
        Self::changing(host, [vec![ip]])
    }

    /// Knows one name that answers differently each time.
    pub fn changing(host: &str, answers: impl IntoIterator<Item = Vec<IpAddr>>) -> Arc<Self> {
        let answers = BTreeMap::from([(host.to_owned(), answers.into_iter().collect())]);
        Arc::new(Self { answers: Mutex::new(answers), ..Self::default() })
    }

    /// Takes this long to know nothing.
    pub fn slow(delay: Duration) -> Arc<Self> {
        Arc::new(Self { delay, ..Self::default() })
    }

    /// The names that were asked for.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait::async_trait]
impl Resolve for Names {
    async fn resolve(&self, host: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        tokio::time::sleep(self.delay).await;
        self.asked.lock().unwrap().push(host.to_owned());
        let mut all = self.answers.lock().unwrap();
        let answers = all.get_mut(host).ok_or(io::ErrorKind::NotFound)?;
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        // A port of the resolver's own choosing, which must not matter.
        Ok(answer.into_iter().flatten().map(|ip| SocketAddr::new(ip, 1)).collect())
    }
}
