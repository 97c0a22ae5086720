//! Jobs side by side on a thread pool: largest first, within a memory limit.

use std::sync::{
    Condvar, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use lpzero_run::Cancel;
use rayon::ThreadPool;

/// Needs of a job, known before it runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Job {
    /// Identifies the job.
    pub(crate) index: usize,
    /// Memory that it takes while it runs.
    pub(crate) bytes: u64,
    /// How long it takes, in any unit.
    pub(crate) work: f64,
}

/// Outcome of [`run`]: finished jobs in no particular order, and the error of
/// the failed job with the smallest index.
pub(crate) struct Outcome<T, E> {
    pub(crate) finished: Vec<(usize, T)>,
    pub(crate) failure: Option<E>,
}

/// Divides jobs into those that get all threads, one after the other, and those
/// that run side by side: a job is large where it takes longer than each
/// thread's share of what is left, or where no second job would fit beside it.
pub(crate) fn divide(mut jobs: Vec<Job>, threads: usize, limit: u64) -> (Vec<Job>, Vec<Job>) {
    sort(&mut jobs);
    let mut left: f64 = jobs.iter().map(|job| job.work).sum();
    jobs.into_iter().partition(|job| {
        let long = job.work * threads as f64 > left;
        let large = long || job.bytes.saturating_mul(2) > limit;
        if large {
            left -= job.work;
        }
        threads > 1 && large
    })
}

/// The longest first; of equals the one with the smallest index.
fn sort(jobs: &mut [Job]) {
    jobs.sort_by(|a, b| b.work.total_cmp(&a.work).then(a.index.cmp(&b.index)));
}

/// Runs jobs on every thread of the pool, the longest first so that none is
/// left running alone at the end. Jobs that run at the same time take at most
/// `limit` bytes together (a job above the limit runs alone). Stops taking
/// jobs once `cancel` is set or a job fails.
///
/// Each thread makes one `worker` and hands it to all its jobs: the place for
/// buffers that are reused.
pub(crate) fn run<W, T: Send, E: Send>(
    pool: &ThreadPool,
    mut jobs: Vec<Job>,
    limit: u64,
    cancel: &Cancel,
    worker: impl Fn() -> W + Sync,
    execute: impl Fn(&mut W, &Job) -> Result<T, E> + Sync,
) -> Outcome<T, E> {
    sort(&mut jobs);
    let memory = Memory::new(limit);
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let failure: Mutex<Option<(usize, E)>> = Mutex::new(None);

    let finished = pool.broadcast(|_| {
        let mut worker = worker();
        let mut finished = Vec::new();
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let _permit = memory.admit(job.bytes);
            if cancel.is_cancelled() || failed.load(Ordering::Relaxed) {
                break;
            }
            match execute(&mut worker, job) {
                Ok(result) => finished.push((job.index, result)),
                Err(error) => {
                    failed.store(true, Ordering::Relaxed);
                    let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
                    if failure.as_ref().is_none_or(|(index, _)| job.index < *index) {
                        *failure = Some((job.index, error));
                    }
                }
            }
        }
        finished
    });
    Outcome {
        finished: finished.into_iter().flatten().collect(),
        failure: failure
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
            .map(|(_, error)| error),
    }
}

/// Memory that running jobs share.
struct Memory {
    limit: u64,
    used: Mutex<u64>,
    freed: Condvar,
}

impl Memory {
    fn new(limit: u64) -> Self {
        Memory {
            limit,
            used: Mutex::new(0),
            freed: Condvar::new(),
        }
    }

    /// Waits until `bytes` are free, or nothing else runs.
    fn admit(&self, bytes: u64) -> Permit<'_> {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |used: &mut u64| *used > 0 && used.saturating_add(bytes) > self.limit;
        let mut used = self
            .freed
            .wait_while(used, full)
            .unwrap_or_else(PoisonError::into_inner);
        *used += bytes;
        Permit {
            memory: self,
            bytes,
        }
    }
}

/// Gives its memory back when dropped, also when a job panics.
struct Permit<'a> {
    memory: &'a Memory,
    bytes: u64,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut used = self
            .memory
            .used
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *used -= self.bytes;
        drop(used);
        self.memory.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{sync::atomic::AtomicU64, thread, time::Duration};

    use super::*;

    fn pool(threads: usize) -> ThreadPool {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
    }

    fn jobs(works: &[f64], bytes: u64) -> Vec<Job> {
        let job = |(index, &work)| Job { index, bytes, work };
        works.iter().enumerate().map(job).collect()
    }

    fn never() -> Cancel {
        Cancel::new()
    }

    #[test]
    fn the_longest_job_comes_first() {
        let jobs = jobs(&[1.0, 5.0, 3.0, 5.0], 0);
        let outcome = run(&pool(1), jobs, 1, &never(), || (), |(), _| Ok::<_, ()>(()));
        let order: Vec<usize> = outcome.finished.iter().map(|(index, _)| *index).collect();
        assert_eq!(order, [1, 3, 2, 0]);
    }

    #[test]
    fn a_job_that_would_outlast_the_others_gets_all_threads() {
        let indices = |jobs: Vec<Job>| jobs.iter().map(|job| job.index).collect::<Vec<_>>();
        let divided = |works: &[f64], bytes| {
            let (large, small) = divide(jobs(works, bytes), 2, 100);
            (indices(large), indices(small))
        };
        assert_eq!(divided(&[1.0], 0), (vec![0], vec![]));
        assert_eq!(divided(&[1.0, 1.0], 0), (vec![], vec![0, 1]));
        assert_eq!(divided(&[1.0, 9.0, 1.0], 0), (vec![1], vec![0, 2]));
        assert_eq!(divided(&[1.0, 1.0], 60), (vec![0, 1], vec![]));
        let (large, _) = divide(jobs(&[1.0], 0), 1, 100);
        assert!(large.is_empty());
    }

    #[test]
    fn running_jobs_stay_within_the_memory_limit() {
        let used = AtomicU64::new(0);
        let most = AtomicU64::new(0);
        let outcome = run(
            &pool(4),
            jobs(&[1.0; 12], 40),
            100,
            &never(),
            || (),
            |(), job| {
                let now = used.fetch_add(job.bytes, Ordering::SeqCst) + job.bytes;
                most.fetch_max(now, Ordering::SeqCst);
                thread::sleep(Duration::from_millis(2));
                used.fetch_sub(job.bytes, Ordering::SeqCst);
                Ok::<_, ()>(())
            },
        );
        assert_eq!(outcome.finished.len(), 12);
        assert!(most.into_inner() <= 80);
    }

    #[test]
    fn a_job_above_the_limit_runs_alone() {
        let outcome = run(
            &pool(2),
            jobs(&[1.0, 2.0], 500),
            100,
            &never(),
            || (),
            |(), _| Ok::<_, ()>(()),
        );
        assert_eq!(outcome.finished.len(), 2);
    }

    #[test]
    fn after_a_cancel_or_a_failure_no_job_is_taken() {
        let cancel = never();
        let outcome = run(
            &pool(1),
            jobs(&[3.0, 2.0, 1.0], 0),
            1,
            &cancel,
            || (),
            |(), job| {
                if job.index == 1 {
                    cancel.cancel();
                }
                Ok::<_, ()>(())
            },
        );
        assert_eq!(outcome.finished.len(), 2);

        let fail_second = |(): &mut (), job: &Job| match job.index {
            1 => Err("second"),
            _ => Ok(()),
        };
        let outcome = run(
            &pool(1),
            jobs(&[3.0, 2.0, 1.0], 0),
            1,
            &never(),
            || (),
            fail_second,
        );
        assert_eq!(
            (outcome.finished.len(), outcome.failure),
            (1, Some("second"))
        );
    }
}
