//! Jobs dealt to threads, in order, while the caller watches.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use parking_lot::Mutex;

/// How often the caller looks at the progress, and whether it has been interrupted.
const WATCH_EVERY: Duration = Duration::from_millis(100);

/// How work is done: on so many threads, watched by the caller's thread.
pub struct Work<'w> {
    pub threads: usize,
    /// Told how many rows are done; false ends the work early.
    pub watch: &'w mut dyn FnMut(usize) -> bool,
}

/// Why work ended early.
#[derive(Debug, PartialEq, Eq)]
pub enum Stopped<E> {
    /// The error of the first job that has one, whatever the number of threads.
    Failed(E),
    /// The watcher said so.
    Interrupted,
}

impl<E> From<E> for Stopped<E> {
    fn from(error: E) -> Self {
        Self::Failed(error)
    }
}

/// What the threads share.
struct Shared<J, E> {
    jobs: Mutex<std::iter::Enumerate<std::vec::IntoIter<J>>>,
    done_rows: AtomicUsize,
    stop: AtomicBool,
    /// The failed job that stands first.
    failed: Mutex<Option<(usize, E)>>,
}

impl Work<'_> {
    /// Does every job; the results are in the order of the jobs. `step` gives a job's result and its rows.
    pub fn run<J: Send, T: Send, E: Send>(
        &mut self,
        jobs: Vec<J>,
        step: impl Fn(J) -> Result<(T, usize), E> + Sync,
    ) -> Result<Vec<T>, Stopped<E>> {
        let threads = self.threads.clamp(1, jobs.len().max(1));
        let shared = Shared {
            jobs: Mutex::new(jobs.into_iter().enumerate()),
            done_rows: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            failed: Mutex::new(None),
        };
        let (results, interrupted) = std::thread::scope(|scope| {
            let (alive, ended) = channel::<()>();
            let workers: Vec<_> = (0..threads)
                .map(|_| {
                    let (shared, step, alive) = (&shared, &step, alive.clone());
                    scope.spawn(move || {
                        let results = shared.work(step);
                        drop(alive);
                        results
                    })
                })
                .collect();
            drop(alive);
            let mut interrupted = false;
            while ended.recv_timeout(WATCH_EVERY) == Err(RecvTimeoutError::Timeout) {
                if !interrupted && !(self.watch)(shared.done_rows.load(Ordering::Relaxed)) {
                    interrupted = true;
                    shared.stop.store(true, Ordering::Relaxed);
                }
            }
            let results: Vec<(usize, T)> = workers
                .into_iter()
                .flat_map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect();
            (results, interrupted)
        });
        if let Some((_, error)) = shared.failed.into_inner() {
            return Err(Stopped::Failed(error));
        }
        if interrupted || !(self.watch)(shared.done_rows.into_inner()) {
            return Err(Stopped::Interrupted);
        }
        Ok(in_order(results))
    }
}

impl<J, E> Shared<J, E> {
    /// One thread's share of the jobs.
    fn work<T>(&self, step: impl Fn(J) -> Result<(T, usize), E>) -> Vec<(usize, T)> {
        let mut results = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            let Some((place, job)) = self.jobs.lock().next() else { break };
            match step(job) {
                Ok((result, rows)) => {
                    results.push((place, result));
                    self.done_rows.fetch_add(rows, Ordering::Relaxed);
                }
                Err(error) => {
                    // Jobs before this one are under way or done, since they are dealt in order.
                    self.stop.store(true, Ordering::Relaxed);
                    let mut failed = self.failed.lock();
                    if failed.as_ref().is_none_or(|(first, _)| place < *first) {
                        *failed = Some((place, error));
                    }
                }
            }
        }
        results
    }
}

fn in_order<T>(mut results: Vec<(usize, T)>) -> Vec<T> {
    results.sort_unstable_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(threads: usize, jobs: Vec<usize>) -> Result<Vec<usize>, Stopped<usize>> {
        let mut watch = |_| true;
        let mut work = Work { threads, watch: &mut watch };
        work.run(jobs, |job| if job % 7 == 6 { Err(job) } else { Ok((job * 2, 1)) })
    }

    #[test]
    fn results_are_in_the_order_of_the_jobs() {
        for threads in [1, 2, 9] {
            let jobs: Vec<usize> = (0..500).map(|job| job * 7).collect();
            let doubled = jobs.iter().map(|job| job * 2).collect();
            assert_eq!(run(threads, jobs), Ok(doubled));
        }
    }

    #[test]
    fn the_first_failing_job_gives_the_error_whatever_the_number_of_threads() {
        for threads in [1, 2, 9] {
            assert_eq!(run(threads, (0..500).collect()), Err(Stopped::Failed(6)));
        }
    }

    #[test]
    fn a_watcher_ends_the_work() {
        let mut watch = |_| false;
        let mut work = Work { threads: 2, watch: &mut watch };
        let ended = work.run(vec![(); 10], |()| Ok::<_, ()>(((), 1)));
        assert_eq!(ended, Err(Stopped::Interrupted));
    }

    #[test]
    fn no_jobs_are_no_work() {
        assert_eq!(run(3, Vec::new()), Ok(Vec::new()));
    }
}
