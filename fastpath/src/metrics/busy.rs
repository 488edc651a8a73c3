//! How long a thread that waits for events has been at work, and how much of that it could have done without.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::Builder;

use super::slack::Turns;

/// What `since` holds while the thread waits.
const WAITS: u64 = 0;

/// Time that a thread was at work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkingTime {
    pub busy: Duration,
    /// The part of it that fuller turns would have spared.
    pub slack: Duration,
}

impl WorkingTime {
    /// What the same work would take in full turns.
    #[must_use]
    pub fn needed(self) -> Duration {
        self.busy.saturating_sub(self.slack)
    }

    /// The share of it that is needed; all of nothing.
    #[must_use]
    pub fn needed_share(self) -> f64 {
        if self.busy.is_zero() { 1.0 } else { self.needed().as_secs_f64() / self.busy.as_secs_f64() }
    }

    /// What came after `before`.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self { busy: self.busy.saturating_sub(before.busy), slack: self.slack.saturating_sub(before.slack) }
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { busy: self.busy + other.busy, slack: self.slack + other.slack }
    }
}

/// The working time of one thread, which alone writes it. Time in which it could run and had no core counts: a thread
/// that waits for a core has no time left either.
#[derive(Debug)]
pub struct BusyTime {
    created: Instant,
    ended_ns: AtomicU64,
    /// When the work in progress began, counted from `created`.
    since_ns: AtomicU64,
    /// Units of work done in this turn: a call that came, or an answer that went.
    units: AtomicU64,
    slack_ns: AtomicU64,
    turns: Mutex<Turns>,
}

impl BusyTime {
    /// Of a thread that works from now on.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            created: now,
            ended_ns: AtomicU64::new(0),
            since_ns: AtomicU64::new(WAITS + 1),
            units: AtomicU64::new(0),
            slack_ns: AtomicU64::new(0),
            turns: Mutex::default(),
        }
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

    /// It has done so many more units of work.
    pub fn did(&self, units: u64) {
        self.units.store(self.units.load(Relaxed) + units, Relaxed);
    }

    /// It waits.
    pub fn end(&self, now: Instant) {
        let since = self.since_ns.swap(WAITS, Relaxed);
        if since == WAITS {
            return;
        }
        let took_ns = self.at(now).saturating_sub(since);
        self.ended_ns.fetch_add(took_ns, Relaxed);
        // What else it does, such as calls that it only hands on, is as much work in full turns.
        let units = self.units.swap(0, Relaxed);
        if units > 0 {
            let slack = self.turns.lock().learn(units, Duration::from_nanos(took_ns));
            self.slack_ns.fetch_add(ns(slack), Relaxed);
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
    pub fn until(&self, now: Instant) -> WorkingTime {
        let in_progress = match self.since_ns.load(Relaxed) {
            WAITS => 0,
            since => self.at(now).saturating_sub(since),
        };
        WorkingTime {
            busy: Duration::from_nanos(self.ended_ns.load(Relaxed) + in_progress),
            slack: Duration::from_nanos(self.slack_ns.load(Relaxed)),
        }
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
        assert!(busy.until(start + us(100)).busy.abs_diff(us(10)) <= Duration::from_nanos(1));
        busy.begin(start + us(100));
        assert!(busy.until(start + us(130)).busy.abs_diff(us(40)) <= Duration::from_nanos(1));
        busy.end(start + us(150));
        assert!(busy.until(start + us(900)).busy.abs_diff(us(60)) <= Duration::from_nanos(1));
    }

    #[test]
    fn waiting_awake_is_no_work() {
        let start = Instant::now();
        let busy = BusyTime::new(start);
        busy.begin(start + us(100));
        busy.waited(us(30));
        busy.end(start + us(150));
        assert_eq!(busy.until(start + us(900)).busy, us(20));
    }

    #[test]
    fn an_end_without_a_begin_counts_nothing() {
        let start = Instant::now();
        let busy = BusyTime::new(start);
        busy.end(start);
        busy.end(start + us(50));
        busy.waited(us(50));
        assert!(busy.until(start + us(50)).busy <= Duration::from_nanos(1));
    }

    #[test]
    fn the_fixed_part_of_turns_with_work_is_slack() {
        let start = Instant::now();
        let busy = BusyTime::new(start);
        busy.end(start);
        let mut now = start;
        for n in 0..1_000_u64 {
            busy.begin(now);
            busy.did(1 + n % 5);
            now += us(20 + 3 * (1 + n % 5));
            busy.end(now);
        }
        let found = busy.until(now);
        assert!(found.busy.abs_diff(us(29_000)) <= Duration::from_nanos(1), "{found:?}");
        assert!((us(19_000)..us(20_500)).contains(&found.slack), "{found:?}");
        busy.begin(now);
        busy.end(now + us(500));
        assert_eq!(busy.until(now + us(500)).slack, found.slack);
    }
}
