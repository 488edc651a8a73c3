//! The time of a request, for timestamps whose default it is.

use std::time::{SystemTime, UNIX_EPOCH};

/// Where the time of a request comes from. Read at most once a request, and only for a program that needs it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clock {
    /// The clock on the wall: it may be set back between two requests, so ages can be negative.
    #[default]
    System,
    /// Milliseconds since 1970, for tests.
    Fixed(i64),
    /// There is no request, as in training.
    None,
}

impl Clock {
    /// Milliseconds since 1970-01-01T00:00:00 UTC; none where there is no request.
    #[must_use]
    pub fn now_ms(self) -> Option<i64> {
        match self {
            Self::System => Some(milliseconds(SystemTime::now())),
            Self::Fixed(now_ms) => Some(now_ms),
            Self::None => None,
        }
    }
}

/// Rounded down, also before 1970.
fn milliseconds(time: SystemTime) -> i64 {
    let saturated = |ms: u128| i64::try_from(ms).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => saturated(after.as_millis()),
        Err(before) => -saturated(before.duration().as_nanos().div_ceil(1_000_000)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_before_1970_is_read_like_any_other() {
        assert_eq!(milliseconds(UNIX_EPOCH + Duration::from_micros(1_999)), 1);
        assert_eq!(milliseconds(UNIX_EPOCH - Duration::from_micros(1_001)), -2);
    }

    #[test]
    fn without_a_request_there_is_no_time() {
        assert_eq!(Clock::None.now_ms(), None);
        assert_eq!(Clock::Fixed(7).now_ms(), Some(7));
        assert!(Clock::System.now_ms().is_some_and(|now| now > 1_700_000_000_000));
    }
}
