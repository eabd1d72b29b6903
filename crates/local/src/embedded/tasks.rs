//! Background tasks that end together.

use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval, timeout};

/// How long running requests may take to finish.
const GRACE: Duration = Duration::from_secs(2);

/// Tasks that all end with [`Tasks::stop`], or at once when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    stop: watch::Sender<()>,
    running: JoinSet<()>,
}

/// Tells a task that it is to end.
#[derive(Debug, Clone)]
pub(super) struct Stop(watch::Receiver<()>);

impl Stop {
    /// Waits until the task is to end.
    pub async fn requested(&mut self) {
        // Nothing is ever sent: the channel closes.
        while self.0.changed().await.is_ok() {}
    }
}

impl Tasks {
    /// Runs a task, which has to end when told to.
    pub fn spawn<F>(&mut self, task: impl FnOnce(Stop) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.running.spawn(task(Stop(self.stop.subscribe())));
    }

    /// Does blocking work now and again after every `period`.
    pub fn every(&mut self, period: Duration, work: impl Fn() + Clone + Send + 'static) {
        let mut clock = interval(period);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.spawn(|mut stop| async move {
            loop {
                tokio::select! {
                    () = stop.requested() => return,
                    _ = clock.tick() => {}
                }
                if let Err(error) = spawn_blocking(work.clone()).await {
                    tracing::error!(%error, "a background sweep ended early");
                }
            }
        });
    }

    /// Tells all tasks to end, and ends those by force that take too long.
    pub async fn stop(self) {
        let Self { stop, mut running } = self;
        drop(stop);
        let ended = async { while running.join_next().await.is_some() {} };
        if timeout(GRACE, ended).await.is_err() {
            tracing::debug!("requests were still running");
            running.shutdown().await;
        }
    }
}
