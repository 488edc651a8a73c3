//! Whether a batch should wait a moment for more, learned from whether waiting has paid.
//!
//! Behind a door that shares an interpreter's lock with the model threads, each batch costs that door several hand-overs
//! of the lock, whatever its size; under load it serves more calls where batches are larger. A wait begins only where
//! several requests are there, and goes on from batch to batch while it brings more; a caller that sends one call after the
//! other, alone, waits for nothing.

use std::time::Duration;

/// How long a model thread sleeps between two looks at the queue.
pub const STEP: Duration = Duration::from_micros(200);
/// Looks without a new request after which nothing more is expected.
const QUIET_STEPS: u32 = 2;
/// Longest wait, 2 ms: far below what a call takes where calls come so densely.
const MAX_STEPS: u32 = 10;

/// What one model thread has learned.
#[derive(Debug, Default)]
pub struct Linger {
    pays: bool,
}

/// One wait.
#[derive(Debug)]
pub struct Wait {
    steps: u32,
    quiet: u32,
    requests: usize,
    joined: bool,
}

impl Linger {
    /// Begins a wait for more than the `requests` that are there; none where it would not pay.
    #[must_use]
    pub fn begin(&self, requests: usize) -> Option<Wait> {
        (self.pays || requests > 1).then_some(Wait { steps: 0, quiet: 0, requests, joined: false })
    }

    /// Learns from a wait that is over.
    pub fn end(&mut self, wait: &Wait) {
        self.pays = wait.joined;
    }
}

impl Wait {
    /// Whether to sleep another `STEP`, `requests` being there now and the batch being `full` or not.
    pub fn goes_on(&mut self, requests: usize, full: bool) -> bool {
        self.quiet = if requests > self.requests { 0 } else { self.quiet + u32::from(self.steps > 0) };
        self.joined |= requests > self.requests;
        self.requests = requests;
        let goes_on = !full && self.quiet < QUIET_STEPS && self.steps < MAX_STEPS;
        self.steps += 1;
        goes_on
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The steps slept while the queue holds these numbers of requests, look by look.
    fn steps(linger: &mut Linger, looks: &[usize]) -> usize {
        let Some(mut wait) = linger.begin(looks[0]) else { return 0 };
        let slept = looks.iter().take_while(|requests| wait.goes_on(**requests, false)).count();
        linger.end(&wait);
        slept
    }

    #[test]
    fn a_caller_that_sends_one_call_after_the_other_waits_for_nothing() {
        let mut linger = Linger::default();
        assert!((0..10_000).all(|_| steps(&mut linger, &[1; 20]) == 0));
    }

    #[test]
    fn where_requests_keep_coming_the_batch_waits_for_them_and_no_longer_than_the_limit() {
        let mut linger = Linger::default();
        let growing: Vec<usize> = (2..40).collect();
        assert_eq!(steps(&mut linger, &growing), MAX_STEPS as usize);
        assert_eq!(steps(&mut linger, &[1, 2, 3, 3, 3, 3]), 4);
    }

    #[test]
    fn a_wait_that_brought_nothing_is_the_last() {
        let mut linger = Linger::default();
        assert!(steps(&mut linger, &[2, 3, 3, 3]) > 0);
        assert!(steps(&mut linger, &[1, 1, 1, 1]) > 0);
        assert_eq!(steps(&mut linger, &[1, 1, 1, 1]), 0);
    }

    #[test]
    fn a_full_batch_waits_for_nothing() {
        let mut wait = Linger::default().begin(8).unwrap();
        assert!(!wait.goes_on(8, true));
    }
}
