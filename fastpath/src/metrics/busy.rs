//! How long a thread that waits for events has been at work.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::runtime::Builder;

/// What `since` holds while the thread waits.
const WAITS: u64 = 0;

/// The working time of one thread, which alone writes it. Time in which it could run and had no core counts: a thread
/// that waits for a core has no time left either.
#[derive(Debug)]
pub struct BusyTime {
    created: Instant,
    ended_ns: AtomicU64,
    /// When the work in progress began, counted from `created`.
    since_ns: AtomicU64,
}

impl BusyTime {
    /// Of a thread that works from now on.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self { created: now, ended_ns: AtomicU64::new(0), since_ns: AtomicU64::new(WAITS + 1) }
    }

    /// Has the runtime tell when its one thread works.
    pub fn follow<'b>(self: &Arc<Self>, runtime: &'b mut Builder) -> &'b mut Builder {
        let (waits, works) = (Arc::clone(self), Arc::clone(self));
        runtime
            .on_thread_park(move || waits.end(Instant::now()))
            .on_thread_unpark(move || works.begin(Instant::now()))
    }

    /// It has something to do again.
    pub fn begin(&self, now: Instant) {
        self.since_ns.store(self.at(now), Relaxed);
    }

    /// It waits.
    pub fn end(&self, now: Instant) {
        let since = self.since_ns.swap(WAITS, Relaxed);
        if since != WAITS {
            self.ended_ns.fetch_add(self.at(now).saturating_sub(since), Relaxed);
        }
    }

    /// So much of the work in progress was no work: the thread waited awake.
    pub fn waited(&self, awake: Duration) {
        let since = self.since_ns.load(Relaxed);
        if since != WAITS {
            self.since_ns.store(since.saturating_add(ns(awake)), Relaxed);
        }
    }

    /// All of it until `now`, the work in progress included.
    #[must_use]
    pub fn until(&self, now: Instant) -> Duration {
        let in_progress = match self.since_ns.load(Relaxed) {
            WAITS => 0,
            since => self.at(now).saturating_sub(since),
        };
        Duration::from_nanos(self.ended_ns.load(Relaxed) + in_progress)
    }

    fn at(&self, now: Instant) -> u64 {
        ns(now.saturating_duration_since(self.created)).max(WAITS + 1)
    }
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us(n: u64) -> Duration {
        Duration::from_micros(n)
    }

    #[test]
    fn time_counts_between_begin_and_end_and_while_it_has_not_ended() {
        let start = Instant::now();
        let busy = BusyTime::new(start);
        busy.end(start + us(10));
        assert!(busy.until(start + us(100)).abs_diff(us(10)) <= Duration::from_nanos(1));
        busy.begin(start + us(100));
        assert!(busy.until(start + us(130)).abs_diff(us(40)) <= Duration::from_nanos(1));
        busy.end(start + us(150));
        assert!(busy.until(start + us(900)).abs_diff(us(60)) <= Duration::from_nanos(1));
    }

    #[test]
    fn waiting_awake_is_no_work() {
        let start = Instant::now();
        let busy = BusyTime::new(start);
        busy.begin(start + us(100));
        busy.waited(us(30));
        busy.end(start + us(150));
        assert_eq!(busy.until(start + us(900)), us(20));
    }

    #[test]
    fn an_end_without_a_begin_counts_nothing() {
        let start = Instant::now();
        let busy = BusyTime::new(start);
        busy.end(start);
        busy.end(start + us(50));
        busy.waited(us(50));
        assert!(busy.until(start + us(50)) <= Duration::from_nanos(1));
    }
}
