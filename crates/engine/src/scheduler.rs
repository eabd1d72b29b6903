//! Batching: one worker thread per model gathers the jobs of concurrent callers into batches.
//!
//! Nobody waits for a batch to fill. A worker takes whatever is queued, up to its budget; while it runs,
//! others queue. A lone caller is served at once, and many callers share the passes over the weights.

use crate::EngineError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tokio::sync::{mpsc, oneshot};

/// Jobs that may wait before callers are made to wait for room in the queue.
const QUEUE: usize = 256;

/// Something that gives one output for each input of a batch, in order.
pub trait Model: Send + 'static {
    /// One piece of content: a sequence of tokens, a view of an image.
    type Input: Send + Sync + 'static;
    /// What it says of one input.
    type Output: Send + 'static;

    /// How much of a worker's budget an input takes.
    fn weight(input: &Self::Input) -> usize;

    /// Runs the batch.
    fn run(&self, batch: &[&Self::Input]) -> Result<Vec<Self::Output>, EngineError>;
}

/// A handle to a model's worker. The worker ends when the last handle is gone.
pub struct Worker<M: Model> {
    jobs: mpsc::Sender<Job<M>>,
}

/// The inputs of one caller.
struct Job<M: Model> {
    inputs: Vec<M::Input>,
    reply: oneshot::Sender<Result<Vec<M::Output>, EngineError>>,
}

impl<M: Model> Job<M> {
    fn weight(&self) -> usize {
        self.inputs.iter().map(M::weight).sum()
    }
}

impl<M: Model> Worker<M> {
    /// Starts a worker that owns `model` and runs batches of at most `budget`, in the unit of [`Model::weight`]; a job
    /// above that runs by itself.
    pub fn start(name: &str, budget: usize, model: M) -> Result<Self, EngineError> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        std::thread::Builder::new()
            .name(name.into())
            .spawn(move || work(&model, queue, budget))
            .map_err(|_| EngineError::Stopped)?;
        Ok(Self { jobs })
    }

    /// One output per input, in order. Dropping the future withdraws the job if it has not begun.
    pub async fn run(&self, inputs: Vec<M::Input>) -> Result<Vec<M::Output>, EngineError> {
        if inputs.is_empty() {
            return Ok(Vec::new());
        }
        let (reply, answer) = oneshot::channel();
        self.jobs.send(Job { inputs, reply }).await.map_err(|_| EngineError::Stopped)?;
        answer.await.map_err(|_| EngineError::Stopped)?
    }
}

fn work<M: Model>(model: &M, mut queue: mpsc::Receiver<Job<M>>, budget: usize) {
    let mut next = None;
    while let Some(first) = next.take().or_else(|| queue.blocking_recv()) {
        let mut weight = first.weight();
        let mut jobs = vec![first];
        while let Ok(job) = queue.try_recv() {
            if weight + job.weight() > budget {
                next = Some(job);
                break;
            }
            weight += job.weight();
            jobs.push(job);
        }
        jobs.retain(|job| !job.reply.is_closed());
        serve(model, jobs);
    }
}

/// Runs the jobs as one batch and answers each. When a batch of several fails, each job is run by itself, so
/// that only the one at fault fails.
fn serve<M: Model>(model: &M, jobs: Vec<Job<M>>) {
    match run(model, &jobs) {
        Ok(outputs) => {
            let mut outputs = outputs.into_iter();
            for job in jobs {
                // A caller that has gone away does not mind.
                let _ = job.reply.send(Ok(outputs.by_ref().take(job.inputs.len()).collect()));
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

fn run<M: Model>(model: &M, jobs: &[Job<M>]) -> Result<Vec<M::Output>, EngineError> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    let batch: Vec<&M::Input> = jobs.iter().flat_map(|job| &job.inputs).collect();
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

    /// Answers each sequence with its sum; panics on 13, fails on 14; notes batch sizes in numbers.
    struct Summing {
        batches: Arc<Mutex<Vec<usize>>>,
        pause: Duration,
    }

    impl Model for Summing {
        type Input = Vec<u32>;
        type Output = u32;

        fn weight(input: &Vec<u32>) -> usize {
            input.len()
        }

        fn run(&self, batch: &[&Vec<u32>]) -> Result<Vec<u32>, EngineError> {
            std::thread::sleep(self.pause);
            self.batches.lock().unwrap().push(batch.iter().map(|ids| ids.len()).sum());
            assert!(!batch.iter().any(|ids| ids.contains(&13)), "thirteen");
            if batch.iter().any(|ids| ids.contains(&14)) {
                return Err(EngineError::Tokenizer("fourteen".into()));
            }
            Ok(batch.iter().map(|ids| ids.iter().sum()).collect())
        }
    }

    fn worker(budget: usize, pause: u64) -> (Arc<Worker<Summing>>, Arc<Mutex<Vec<usize>>>) {
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
