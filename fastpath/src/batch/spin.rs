//! Whether to wait awake for a moment before sleeping, learned from whether that has paid.
//!
//! Where one caller, or a few, send one call after the other, three threads wake each other in turn, and each wake takes longer
//! than the model's run. A thread that is still awake when its turn comes takes nothing: the call is four times as fast, and costs
//! less CPU too. Where what is waited for does not come in time, waiting awake only burns the core, and is tried ever more
//! seldom.

use std::time::{Duration, Instant};

/// After so many waits that did not pay, one in so many more is tried. A caller whose calls come far apart pays a sixteenth of a
/// long wait for each; one who sends call after call is found again within sixteen.
const MAX_SKIPPED: u32 = 15;
/// How much longer a wait may be after one that did not pay: what is waited for is asleep too, and has to be woken twice before
/// all are awake.
const LONGER_AFTER_A_FAILURE: u32 = 2;

/// Looks between two times that the thread gives way: one to three microseconds. Giving way is a system call, takes the lock of the
/// core's scheduler, which others need to wake somebody there, and leaves less of the caches to the work that comes next.
const LOOKS: u32 = 64;

/// So many calls under way are few: threads wait awake for them. With more there are hardly more calls
/// a second, and each costs more CPU (docs/performance.md).
pub const FEW: usize = 4;

/// What one thread has learned.
#[derive(Debug)]
pub struct Spin {
    longest: Duration,
    /// Waits to be skipped between two that are tried.
    between: u32,
    skipped: u32,
}

impl Spin {
    /// One that waits awake for at most `longest`, or twice that after a wait that did not pay; on a machine with one
    /// core, not at all, because what is waited for could not happen.
    #[must_use]
    pub fn new(longest: Duration) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { longest: if cores > 1 { longest } else { Duration::ZERO }, between: 0, skipped: 0 }
    }

    /// Waits until `ready`, or until it does not pay any more. Gives how long that was.
    pub fn wait(&mut self, ready: impl Fn() -> bool) -> Duration {
        if self.longest.is_zero() || !self.tries() {
            return Duration::ZERO;
        }
        let longest = if self.between > 0 { self.longest * LONGER_AFTER_A_FAILURE } else { self.longest };
        let began = Instant::now();
        let mut waited = Duration::ZERO;
        let mut paid = ready();
        while !paid && waited < longest {
            // Whom this thread waits for may have been woken on its own core, and could not run before its slice ended.
            std::thread::yield_now();
            paid = (0..LOOKS).any(|_| {
                std::hint::spin_loop();
                ready()
            });
            waited = began.elapsed();
        }
        self.learn(paid);
        waited
    }

    /// Whether this wait is one of those that are tried.
    fn tries(&mut self) -> bool {
        let tries = self.skipped >= self.between;
        self.skipped = if tries { 0 } else { self.skipped + 1 };
        tries
    }

    fn learn(&mut self, paid: bool) {
        self.between = if paid { 0 } else { (2 * self.between + 1).min(MAX_SKIPPED) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of so many waits are tried, where each that is tried pays or does not.
    fn tried(spin: &mut Spin, waits: usize, paid: bool) -> usize {
        let one = |_: &usize| {
            let tries = spin.tries();
            if tries {
                spin.learn(paid);
            }
            tries
        };
        (0..waits).filter(one).count()
    }

    #[test]
    fn what_does_not_pay_is_tried_ever_more_seldom_and_what_pays_every_time() {
        let mut spin = Spin::new(Duration::from_micros(20));
        assert_eq!(tried(&mut spin, 10, true), 10);
        assert!(tried(&mut spin, 31, false) <= 6);
        assert_eq!(tried(&mut spin, 160, false), 10);
        assert!(tried(&mut spin, 100, true) > 83);
    }

    #[test]
    fn a_wait_ends_when_it_is_ready_and_when_its_time_is_over() {
        let mut spin = Spin { longest: Duration::from_mins(10), between: 0, skipped: 0 };
        spin.wait(|| true);
        assert_eq!(spin.between, 0);
        spin.longest = Duration::from_nanos(1);
        spin.wait(|| false);
        assert_eq!(spin.between, 1);
    }
}
