//! When a connection is asked for a sign of life, and when it has lived long enough. A pure state machine; no clock of its own.

use std::time::{Duration, Instant};

use super::settings::{AGE_GRACE, KEEPALIVE_TIME, KEEPALIVE_TIMEOUT};

/// What a connection does at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    Nothing,
    /// Nothing has come for a while.
    Ping,
    /// It is of age: no new calls on it.
    Retire,
    /// The peer is dead, or the time to finish is over.
    Close,
}

/// The life of one connection.
#[derive(Debug)]
pub struct Heartbeat {
    age_ends: Instant,
    retired: bool,
    quiet_ends: Instant,
    pinged: bool,
}

impl Heartbeat {
    /// `age` is the connection's own, already spread.
    #[must_use]
    pub fn new(now: Instant, age: Duration) -> Self {
        Self { age_ends: now + age, retired: false, quiet_ends: now + KEEPALIVE_TIME, pinged: false }
    }

    /// When to ask next.
    #[must_use]
    pub fn due(&self) -> Instant {
        self.age_ends.min(self.quiet_ends)
    }

    /// The connection was told to go for another reason.
    pub fn retire(&mut self, now: Instant) {
        if !self.retired {
            self.retired = true;
            self.age_ends = now + AGE_GRACE;
        }
    }

    /// What is due now; `heard`: whether anything came since it was asked last.
    pub fn beat(&mut self, now: Instant, heard: bool) -> Beat {
        if now >= self.age_ends {
            if self.retired {
                return Beat::Close;
            }
            self.retire(now);
            return Beat::Retire;
        }
        if heard {
            self.pinged = false;
            self.quiet_ends = now + KEEPALIVE_TIME;
        } else if now >= self.quiet_ends {
            if self.pinged {
                return Beat::Close;
            }
            self.pinged = true;
            self.quiet_ends = now + KEEPALIVE_TIMEOUT;
            return Beat::Ping;
        }
        Beat::Nothing
    }
}

/// `age`, 10 percent more or less, by a number from 0 to 1; clients that came together shall not come again together.
#[must_use]
pub fn spread(age: Duration, random: f64) -> Duration {
    age.mul_f64(0.9 + 0.2 * random.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn a_silent_peer_is_pinged_and_then_closed() {
        let start = Instant::now();
        let mut life = Heartbeat::new(start, HOUR);
        assert_eq!(life.beat(start + KEEPALIVE_TIME / 2, false), Beat::Nothing);
        assert_eq!(life.beat(start + KEEPALIVE_TIME, false), Beat::Ping);
        assert_eq!(life.due(), start + KEEPALIVE_TIME + KEEPALIVE_TIMEOUT);
        assert_eq!(life.beat(life.due(), false), Beat::Close);
    }

    #[test]
    fn a_peer_that_answers_lives_on() {
        let start = Instant::now();
        let mut life = Heartbeat::new(start, HOUR);
        assert_eq!(life.beat(start + KEEPALIVE_TIME, false), Beat::Ping);
        assert_eq!(life.beat(life.due(), true), Beat::Nothing);
        assert_eq!(life.beat(life.due(), false), Beat::Ping);
    }

    #[test]
    fn a_connection_of_age_retires_and_closes_after_the_grace() {
        let start = Instant::now();
        let mut life = Heartbeat::new(start, Duration::from_secs(5));
        assert_eq!(life.beat(start + Duration::from_secs(5), true), Beat::Retire);
        assert_eq!(life.beat(start + Duration::from_secs(6), true), Beat::Nothing);
        assert_eq!(life.beat(start + Duration::from_secs(5) + AGE_GRACE, true), Beat::Close);
    }

    #[test]
    fn ages_are_spread_by_ten_percent() {
        let age = Duration::from_mins(10);
        assert_eq!((spread(age, 0.0), spread(age, 1.0)), (Duration::from_mins(9), Duration::from_mins(11)));
    }
}
