//! How long a thread that waits for events has been at work, and how much of that it could have done without.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::Builder;

use super::slack::Turns;

/// What `since` holds while the thread waits.
const WAITS: u64 = 0;

/// Parks without a turn between two looks at the thread's CPU time, which are system calls.
const PARKS: u64 = 64;

/// CPU time of a turn that cannot grow without callers waiting for it. A turn is slack only as far as it is shorter: where
/// more calls come than the thread can carry, turns grow to any length, and nothing is spared by still fuller ones.
const FULL_TURN: Duration = Duration::from_micros(500);

/// Time that a thread was at work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkingTime {
    /// From when it had something to do until it had no more. Time in which it could run and had no core counts.
    pub busy: Duration,
    /// Of a core.
    pub cpu: Duration,
    /// The part of the latter that fuller turns would have spared.
    pub slack: Duration,
}

impl WorkingTime {
    /// What the same work would take in full turns.
    #[must_use]
    pub fn needed(self) -> Duration {
        self.cpu.saturating_sub(self.slack)
    }

    /// The share of it that is needed; all of nothing.
    #[must_use]
    pub fn needed_share(self) -> f64 {
        if self.cpu.is_zero() { 1.0 } else { self.needed().as_secs_f64() / self.cpu.as_secs_f64() }
    }

    /// What came after `before`.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            busy: self.busy.saturating_sub(before.busy),
            cpu: self.cpu.saturating_sub(before.cpu),
            slack: self.slack.saturating_sub(before.slack),
        }
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { busy: self.busy + other.busy, cpu: self.cpu + other.cpu, slack: self.slack + other.slack }
    }
}

/// The working time of one thread, which alone writes it.
#[derive(Debug)]
pub struct BusyTime {
    created: Instant,
    ended_ns: AtomicU64,
    /// When the work in progress began, counted from `created`.
    since_ns: AtomicU64,
    /// Of this turn: units of work done, which are calls that came and answers that went; and how long it waited awake.
    units: AtomicU64,
    awake_ns: AtomicU64,
    /// Since the last turn.
    parks: AtomicU64,
    /// The thread's CPU time when the last turn ended.
    cpu_then_ns: AtomicU64,
    cpu_ns: AtomicU64,
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
            awake_ns: AtomicU64::new(0),
            parks: AtomicU64::new(0),
            cpu_then_ns: AtomicU64::new(0),
            cpu_ns: AtomicU64::new(0),
            slack_ns: AtomicU64::new(0),
            turns: Mutex::default(),
        }
    }

    /// Has the runtime tell when its one thread works.
    pub fn follow<'b>(self: &Arc<Self>, runtime: &'b mut Builder) -> &'b mut Builder {
        let (waits, works) = (Arc::clone(self), Arc::clone(self));
        runtime
            .on_thread_park(move || {
                waits.end(Instant::now());
                if waits.parks.fetch_add(1, Relaxed) >= PARKS {
                    waits.turn(thread_cpu_time());
                }
            })
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
    }

    /// All that lay there is done; `cpu` is the thread's CPU time by now. A thread with enough to do takes turn after turn
    /// without waiting.
    pub fn turn(&self, cpu: Duration) {
        self.parks.store(0, Relaxed);
        let cpu_ns = ns(cpu);
        let took_ns = cpu_ns.saturating_sub(self.cpu_then_ns.swap(cpu_ns, Relaxed));
        let took_ns = took_ns.saturating_sub(self.awake_ns.swap(0, Relaxed));
        self.cpu_ns.fetch_add(took_ns, Relaxed);
        // What else it does, such as calls that it only hands on, is as much work in full turns.
        let units = self.units.swap(0, Relaxed);
        if units > 0 {
            let took = Duration::from_nanos(took_ns);
            let slack = self.turns.lock().learn(units, took);
            let room = 1.0 - took.div_duration_f64(FULL_TURN).min(1.0);
            self.slack_ns.fetch_add(ns(slack.mul_f64(room)), Relaxed);
        }
    }

    /// Whether work was done in this turn.
    #[must_use]
    pub fn has_worked(&self) -> bool {
        self.units.load(Relaxed) > 0
    }

    /// So much of the work in progress was no work: the thread waited awake.
    pub fn waited(&self, awake: Duration) {
        let since = self.since_ns.load(Relaxed);
        if since != WAITS {
            self.since_ns.store(since.saturating_add(ns(awake)), Relaxed);
        }
        self.awake_ns.fetch_add(ns(awake), Relaxed);
    }

    /// All of it until `now`, the work in progress included.
    #[must_use]
    pub fn until(&self, now: Instant) -> WorkingTime {
        let in_progress = match self.since_ns.load(Relaxed) {
            WAITS => 0,
            since => self.at(now).saturating_sub(since),
        };
        let busy = Duration::from_nanos(self.ended_ns.load(Relaxed) + in_progress);
        // A thread that tells of no units, such as the HTTP port's, may neither end a turn nor park while it is full.
        let counts_units = !self.turns.lock().is_empty();
        WorkingTime {
            busy,
            cpu: if counts_units { Duration::from_nanos(self.cpu_ns.load(Relaxed)) } else { busy },
            slack: Duration::from_nanos(self.slack_ns.load(Relaxed)),
        }
    }

    fn at(&self, now: Instant) -> u64 {
        ns(now.saturating_duration_since(self.created)).max(WAITS + 1)
    }
}

/// User and system time of the calling thread.
#[must_use]
pub fn thread_cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
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
        let mut cpu = Duration::ZERO;
        for n in 0..1_000_u64 {
            busy.did(1 + n % 5);
            cpu += us(20 + 3 * (1 + n % 5));
            busy.turn(cpu);
        }
        let found = busy.until(start);
        assert_eq!(found.cpu, us(29_000));
        // 20 µs a turn, of which the longer turns have less left to spare.
        assert!((us(17_500)..us(19_500)).contains(&found.slack), "{found:?}");
        // Without units of work, and while it waits awake.
        busy.waited(us(30));
        busy.turn(cpu + us(530));
        let after = busy.until(start);
        assert_eq!((after.cpu, after.slack), (us(29_500), found.slack));
    }

    #[test]
    fn turns_that_take_as_long_as_callers_can_wait_have_no_slack() {
        let start = Instant::now();
        let busy = BusyTime::new(start);
        let mut cpu = Duration::ZERO;
        for n in 0..1_000_u64 {
            busy.did(300 + n % 50);
            cpu += us(500 + 2 * (300 + n % 50));
            busy.turn(cpu);
        }
        assert_eq!(busy.until(start).slack, Duration::ZERO);
    }
}
