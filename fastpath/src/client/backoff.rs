//! How long a server that could not be reached is left alone (gRPC's connection-backoff.md, with shorter times).

use std::hash::{BuildHasher, Hasher};
use std::time::{Duration, Instant};

/// A server that restarts is back within a few of these.
const FIRST: Duration = Duration::from_millis(50);
const MOST: Duration = Duration::from_secs(5);
const FACTOR: u32 = 2;
/// In 256ths, around the whole: a fifth, so that clients that lost one server do not come back together.
const JITTER: u64 = 51;

/// The waits between attempts to connect; calls meanwhile fail with the last attempt's reason.
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
    until: Option<Instant>,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: FIRST, until: None }
    }
}

impl Backoff {
    /// Whether the server is left alone at `now`.
    #[must_use]
    pub fn holds(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    /// How long the server is left alone from `now`.
    #[must_use]
    pub fn left(&self, now: Instant) -> Duration {
        self.until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    /// An attempt failed.
    pub fn failed(&mut self, now: Instant) {
        self.failed_with(now, std::collections::hash_map::RandomState::new().build_hasher().finish());
    }

    fn failed_with(&mut self, now: Instant, random: u64) {
        let jittered = 256 - JITTER + random % (2 * JITTER + 1);
        // At most 307 × 5 s / 256.
        self.until = Some(now + self.next * u32::try_from(jittered).unwrap_or(256) / 256);
        self.next = (self.next * FACTOR).min(MOST);
    }

    /// A server was reached.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_most_and_begin_anew_after_a_success() {
        let now = Instant::now();
        let mut backoff = Backoff::default();
        assert!(!backoff.holds(now));
        let mut waits = Vec::new();
        for _ in 0..9 {
            backoff.failed_with(now, JITTER);
            waits.push(backoff.until.unwrap() - now);
        }
        let expected = [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000].map(Duration::from_millis);
        assert_eq!(waits, expected);
        backoff.reset();
        assert!(!backoff.holds(now));
        backoff.failed_with(now, JITTER);
        assert!(backoff.holds(now + Duration::from_millis(49)));
        assert!(!backoff.holds(now + Duration::from_millis(50)));
    }

    #[test]
    fn a_wait_is_jittered_by_a_fifth() {
        let now = Instant::now();
        for random in 0..=2 * JITTER {
            let mut backoff = Backoff::default();
            backoff.failed_with(now, random);
            let wait = backoff.until.unwrap() - now;
            assert!(wait >= FIRST * 4 / 5 && wait <= FIRST * 6 / 5, "{wait:?}");
        }
    }
}
