//! Batching: one worker thread per model gathers the jobs of concurrent callers into packed batches.
//!
//! Nobody waits for a batch to fill. A worker takes whatever is queued, up to its token budget; while it runs,
//! others queue. A lone caller is served at once, and many callers share the passes over the weights.

use crate::EngineError;
use crate::models::Packed;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tokio::sync::{mpsc, oneshot};

/// Jobs that may wait before callers are made to wait for room in the queue.
const QUEUE: usize = 256;

/// Something that gives one output for each sequence of a batch, in order.
pub trait Model: Send + 'static {
    /// What it says of one sequence.
    type Output: Send + 'static;

    /// Runs the batch.
    fn run(&self, batch: &Packed) -> Result<Vec<Self::Output>, EngineError>;
}

/// A handle to a model's worker. The worker ends when the last handle is gone.
#[derive(Debug)]
pub struct Worker<T> {
    jobs: mpsc::Sender<Job<T>>,
}

/// The sequences of one caller.
#[derive(Debug)]
struct Job<T> {
    sequences: Vec<Vec<u32>>,
    reply: oneshot::Sender<Result<Vec<T>, EngineError>>,
}

impl<T> Job<T> {
    fn tokens(&self) -> usize {
        self.sequences.iter().map(Vec::len).sum()
    }
}

impl<T: Send + 'static> Worker<T> {
    /// Starts a worker that owns `model` and runs batches of at most `budget` tokens; a job above that runs by
    /// itself.
    pub fn start(name: &str, budget: usize, model: impl Model<Output = T>) -> Result<Self, EngineError> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        std::thread::Builder::new()
            .name(name.into())
            .spawn(move || work(&model, queue, budget))
            .map_err(|_| EngineError::Stopped)?;
        Ok(Self { jobs })
    }

    /// One output per sequence, in order. Sequences must not be empty. Dropping the future withdraws the job if
    /// it has not begun.
    pub async fn run(&self, sequences: Vec<Vec<u32>>) -> Result<Vec<T>, EngineError> {
        if sequences.is_empty() {
            return Ok(Vec::new());
        }
        let (reply, answer) = oneshot::channel();
        self.jobs.send(Job { sequences, reply }).await.map_err(|_| EngineError::Stopped)?;
        answer.await.map_err(|_| EngineError::Stopped)?
    }
}

fn work<M: Model>(model: &M, mut queue: mpsc::Receiver<Job<M::Output>>, budget: usize) {
    let mut next = None;
    while let Some(first) = next.take().or_else(|| queue.blocking_recv()) {
        let mut tokens = first.tokens();
        let mut jobs = vec![first];
        while let Ok(job) = queue.try_recv() {
            if tokens + job.tokens() > budget {
                next = Some(job);
                break;
            }
            tokens += job.tokens();
            jobs.push(job);
        }
        jobs.retain(|job| !job.reply.is_closed());
        serve(model, jobs);
    }
}

/// Runs the jobs as one batch and answers each. When a batch of several fails, each job is run by itself, so
/// that only the one at fault fails.
fn serve<M: Model>(model: &M, jobs: Vec<Job<M::Output>>) {
    match run(model, &jobs) {
        Ok(outputs) => {
            let mut outputs = outputs.into_iter();
            for job in jobs {
                // A caller that has gone away does not mind.
                let _ = job.reply.send(Ok(outputs.by_ref().take(job.sequences.len()).collect()));
            }
        }
        Err(error) => {
            tracing::warn!(jobs = jobs.len(), %error, "a batch failed");
            if jobs.len() > 1 {
                jobs.into_iter().for_each(|job| serve(model, vec![job]));
            } else if let Some(job) = jobs.into_iter().next() {
                let _ = job.reply.send(Err(error));
            }
        }
    }
}

fn run<M: Model>(model: &M, jobs: &[Job<M::Output>]) -> Result<Vec<M::Output>, EngineError> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    let batch = Packed::new(jobs.iter().flat_map(|job| &job.sequences).map(Vec::as_slice));
    // The model is only read, so a panic half-way leaves nothing behind that a later batch could see.
    catch_unwind(AssertUnwindSafe(|| model.run(&batch))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Err(EngineError::Panicked(text.unwrap_or_else(|| "no message".into())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    /// Answers each sequence with its sum; panics on 13, fails on 14; notes batch sizes in tokens.
    struct Summing {
        batches: Arc<Mutex<Vec<usize>>>,
        pause: Duration,
    }

    impl Model for Summing {
        type Output = u32;

        fn run(&self, batch: &Packed) -> Result<Vec<u32>, EngineError> {
            std::thread::sleep(self.pause);
            self.batches.lock().unwrap().push(batch.tokens());
            assert!(!batch.ids().contains(&13), "thirteen");
            if batch.ids().contains(&14) {
                return Err(EngineError::Tokenizer("fourteen".into()));
            }
            Ok(batch.spans().iter().map(|s| batch.ids()[s.clone()].iter().sum()).collect())
        }
    }

    fn worker(budget: usize, pause: u64) -> (Arc<Worker<u32>>, Arc<Mutex<Vec<usize>>>) {
        let batches = Arc::new(Mutex::new(Vec::new()));
        let model = Summing { batches: Arc::clone(&batches), pause: Duration::from_millis(pause) };
        (Arc::new(Worker::start("summing", budget, model).unwrap()), batches)
    }

    #[tokio::test]
    async fn concurrent_callers_get_their_own_answers_from_shared_batches() {
        let (worker, batches) = worker(64, 5);
        let calls: Vec<_> = (0..100u32)
            .map(|i| {
                let worker = Arc::clone(&worker);
                tokio::spawn(async move { worker.run(vec![vec![1000 + i], vec![i, 1]]).await })
            })
            .collect();
        for (i, call) in (0u32..).zip(calls) {
            // 13 and 14 take down their batch but not their neighbours.
            match call.await.unwrap() {
                Ok(sums) => assert_eq!(sums, [1000 + i, i + 1]),
                Err(EngineError::Panicked(text)) => assert!(i == 13 && text.contains("thirteen")),
                Err(error) => assert!(i == 14, "{i}: {error}"),
            }
        }
        let batches = batches.lock().unwrap();
        assert!(batches.len() < 60, "{} batches for 100 calls", batches.len());
        assert!(batches.iter().all(|&tokens| tokens <= 64));
    }

    #[tokio::test]
    async fn a_job_above_the_budget_runs_alone_and_an_empty_one_not_at_all() {
        let (worker, batches) = worker(4, 0);
        assert_eq!(worker.run(vec![vec![1; 10]]).await.unwrap(), [10]);
        assert!(worker.run(vec![]).await.unwrap().is_empty());
        assert_eq!(*batches.lock().unwrap(), [10]);
    }

    #[tokio::test]
    async fn who_has_gone_away_is_not_served() {
        let (worker, batches) = worker(1, 50);
        let served = Arc::new(AtomicUsize::new(0));
        let calls: Vec<_> = (0..5)
            .map(|i| {
                let (worker, served) = (Arc::clone(&worker), Arc::clone(&served));
                tokio::spawn(async move {
                    worker.run(vec![vec![i]]).await.unwrap();
                    served.fetch_add(1, Ordering::Relaxed);
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(20)).await;
        calls[1..].iter().for_each(|call| call.abort());
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert_eq!(worker.run(vec![vec![9]]).await.unwrap(), [9]);
        assert_eq!((served.load(Ordering::Relaxed), batches.lock().unwrap().len()), (1, 2));
    }
}
