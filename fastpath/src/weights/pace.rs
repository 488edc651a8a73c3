//! Leaving the core to others while there is work that may wait.

use std::time::Duration;

use rustix::thread::sched_yield;
use rustix::time::{ClockId, clock_gettime};

/// Of the time that a piece of work took, how long its thread then rests: a quarter of a core is used.
const REST: u32 = 3;

/// The pace of one thread.
#[derive(Debug)]
pub struct Pace {
    /// The thread's CPU time when it went on; none where it goes as fast as it may.
    went_on: Option<Duration>,
}

impl Pace {
    /// As fast as the core is free.
    #[must_use]
    pub fn fast() -> Self {
        Self { went_on: None }
    }

    /// With rests. Low priority alone does not do: a thread that is awake on a core may keep it for its slice, some
    /// milliseconds, and takes half of what two threads of one core share.
    #[must_use]
    pub fn gentle() -> Self {
        Self { went_on: Some(thread_time()) }
    }

    /// Between two pieces of work, each a fraction of a millisecond.
    pub fn rest(&mut self) {
        let Some(went_on) = &mut self.went_on else {
            sched_yield();
            return;
        };
        // Its CPU time, so that waiting for a disk or for a core does not make it wait longer.
        std::thread::sleep(thread_time().saturating_sub(*went_on).saturating_mul(REST));
        *went_on = thread_time();
    }
}

fn thread_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_gentle_pace_rests_three_times_as_long_as_it_worked_and_a_fast_one_does_not() {
        let began = Instant::now();
        let mut pace = Pace::gentle();
        let from = thread_time();
        let worked = || thread_time().saturating_sub(from);
        while worked() < Duration::from_millis(5) {
            std::hint::spin_loop();
        }
        pace.rest();
        assert!(began.elapsed() >= Duration::from_millis(20));
        assert!(Pace::fast().went_on.is_none());
    }

    #[test]
    fn what_was_rested_for_is_not_rested_for_again() {
        let mut pace = Pace { went_on: Some(Duration::ZERO) };
        pace.rest();
        assert!(
            pace.went_on
                .is_some_and(|went_on| thread_time().saturating_sub(went_on) < Duration::from_secs(1))
        );
    }
}
