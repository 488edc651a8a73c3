//! How many workers there are at a time, counted from the start of a run.

use std::time::Duration;

/// The most that a run may have: each holds a task and a stream.
pub const MOST: usize = 100_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workers {
    Constant(usize),
    /// As ghz steps: `step` more (or fewer) every `every`, until `end` is reached or, where there is one, until `until`,
    /// when it becomes `end`.
    Steps {
        start: usize,
        step: isize,
        every: Duration,
        /// 0: none.
        end: usize,
        until: Option<Duration>,
    },
}

impl Workers {
    /// How many there are at first.
    #[must_use]
    pub fn first(&self) -> usize {
        match *self {
            Self::Constant(workers) | Self::Steps { start: workers, .. } => workers.min(MOST),
        }
    }

    /// No fewer than these are there at any time, except none at all.
    #[must_use]
    pub fn least(&self) -> usize {
        match *self {
            Self::Steps { step, .. } if step < 0 => 1,
            _ => self.first(),
        }
    }

    /// The changes, each with its time, in order; they may be without end.
    pub fn changes(self) -> impl Iterator<Item = (Duration, usize)> {
        let mut now = Some((Duration::ZERO, self.first()));
        std::iter::from_fn(move || {
            now = now.and_then(|(at, workers)| self.after(at, workers));
            now
        })
    }

    fn after(&self, at: Duration, workers: usize) -> Option<(Duration, usize)> {
        let Self::Steps { step, every, end, until, .. } = *self else { return None };
        if every.is_zero() || step == 0 {
            return None;
        }
        let at = at.checked_add(every)?;
        let up = step > 0;
        if let Some(until) = until {
            // The first step that is due at its end or later is the last, and goes to the end at once.
            if at >= until + every {
                return None;
            }
            if at >= until {
                let reachable = end > 0 && ((up && end >= workers) || (!up && end <= workers));
                return reachable.then_some((at, end.min(MOST)));
            }
        } else if (up && end > 0 && workers >= end) || (!up && workers <= end) {
            return None;
        }
        Some((at, workers.saturating_add_signed(step).min(MOST)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(workers: Workers) -> Vec<(u64, usize)> {
        workers.changes().take(6).map(|(at, workers)| (at.as_secs(), workers)).collect()
    }

    fn steps(start: usize, step: isize, end: usize, until_s: Option<u64>) -> Workers {
        let until = until_s.map(Duration::from_secs);
        Workers::Steps { start, step, every: Duration::from_secs(1), end, until }
    }

    #[test]
    fn a_constant_number_never_changes() {
        assert_eq!((Workers::Constant(7).first(), seconds(Workers::Constant(7))), (7, vec![]));
    }

    #[test]
    fn steps_climb_and_fall_to_their_end() {
        assert_eq!(seconds(steps(5, 5, 15, None)), [(1, 10), (2, 15)]);
        assert_eq!(seconds(steps(9, -4, 1, None)), [(1, 5), (2, 1)]);
    }

    #[test]
    fn at_the_most_duration_the_number_becomes_the_end_whatever_it_was() {
        assert_eq!(seconds(steps(5, 5, 50, Some(3))), [(1, 10), (2, 15), (3, 50)]);
        assert_eq!(seconds(steps(5, 5, 0, Some(3))), [(1, 10), (2, 15)]);
    }

    #[test]
    fn no_number_goes_past_the_bound() {
        assert_eq!(seconds(steps(MOST - 1, 9, 0, None)).first(), Some(&(1, MOST)));
        assert_eq!(seconds(steps(3, -9, 0, None)), [(1, 0)]);
    }
}
