//! When calls start: offsets from the start of a run, which nothing that happens in it can move.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::random::SplitMix;

/// How starts lie in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrivals {
    /// One after the other at equal distances.
    Uniform,
    /// Independent of each other, as those of many callers are: exponential distances.
    Poisson,
}

impl FromStr for Arrivals {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "uniform" => Ok(Self::Uniform),
            "poisson" => Ok(Self::Poisson),
            _ => Err(()),
        }
    }
}

/// Calls a second over time, each in seconds from the start.
#[derive(Clone, Debug, PartialEq)]
pub enum Rate {
    Constant(f64),
    /// `start`, and `step` more (or less) every `every_s`.
    Steps {
        start: f64,
        step: f64,
        every_s: f64,
        then: Then,
    },
    /// None: the starts themselves, ascending.
    Trace(Arc<[Duration]>),
}

/// What steps end in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Then {
    /// They go on.
    More,
    /// This rate, once it is reached.
    Reached(f64),
    /// This rate, at this time.
    At { rate: f64, s: f64 },
}

impl Rate {
    /// The rate at a time, and until when it stays.
    fn at(&self, s: f64) -> (f64, f64) {
        let (start, step, every_s, then) = match *self {
            Self::Constant(rate) => return (rate, f64::INFINITY),
            Self::Trace(_) => return (0.0, f64::INFINITY),
            Self::Steps { start, step, every_s, then } => (start, step, every_s, then),
        };
        // A time that is a step's end up to rounding is the next one's.
        let steps = (s / every_s + 1e-9).floor();
        let rate = (start + steps * step).max(0.0);
        let until = (steps + 1.0) * every_s;
        match then {
            Then::Reached(end) if (step > 0.0 && rate >= end) || (step < 0.0 && rate <= end) => {
                (end, f64::INFINITY)
            }
            Then::At { rate, s: from } if s >= from => (rate, f64::INFINITY),
            Then::At { s: from, .. } => (rate, until.min(from)),
            _ if step < 0.0 && rate <= 0.0 => (0.0, f64::INFINITY),
            _ => (rate, until),
        }
    }
}

/// All starts of a run, in order; the same for the same arguments.
#[derive(Debug)]
pub struct Schedule {
    rate: Rate,
    arrivals: Arrivals,
    end_s: f64,
    /// The stretch of one rate: from when, until when, how much, and the calls that were due before it.
    from_s: f64,
    until_s: f64,
    per_s: f64,
    before: f64,
    /// The place of the next start among the calls that are due: whole numbers where they are uniform.
    place: f64,
    next_s: Option<f64>,
    /// Starts of a trace that were given.
    traced: usize,
    random: SplitMix,
}

impl Schedule {
    #[must_use]
    pub fn new(rate: Rate, arrivals: Arrivals, duration: Option<Duration>) -> Self {
        let (per_s, until_s) = rate.at(0.0);
        let end_s = duration.map_or(f64::INFINITY, |duration| duration.as_secs_f64());
        let mut schedule = Self {
            rate,
            arrivals,
            end_s,
            from_s: 0.0,
            until_s,
            per_s,
            before: 0.0,
            place: 0.0,
            next_s: None,
            traced: 0,
            random: SplitMix::new(1),
        };
        schedule.next_s = schedule.placed();
        schedule
    }

    /// The start that `next` gives next.
    #[must_use]
    pub fn peek(&self) -> Option<Duration> {
        if let Rate::Trace(starts) = &self.rate {
            let next = starts.get(self.traced).copied();
            return next.filter(|start| start.as_secs_f64() < self.end_s);
        }
        self.next_s.map(Duration::from_secs_f64)
    }

    /// When the call at `place` is due.
    fn placed(&mut self) -> Option<f64> {
        loop {
            // A quotient, not a sum of intervals: errors of rounding do not add up.
            let due = if self.per_s > 0.0 {
                self.from_s + (self.place - self.before) / self.per_s
            } else {
                f64::INFINITY
            };
            if due < self.until_s || self.until_s.is_infinite() {
                return (due < self.end_s && due.is_finite()).then_some(due);
            }
            self.before += (self.until_s - self.from_s) * self.per_s;
            self.from_s = self.until_s;
            (self.per_s, self.until_s) = self.rate.at(self.from_s);
        }
    }
}

impl Iterator for Schedule {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let start = self.peek()?;
        if matches!(self.rate, Rate::Trace(_)) {
            self.traced += 1;
            return Some(start);
        }
        self.place += match self.arrivals {
            Arrivals::Uniform => 1.0,
            Arrivals::Poisson => -(1.0 - self.random.unit()).ln(),
        };
        self.next_s = self.placed();
        Some(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: Rate = Rate::Steps { start: 2.0, step: 2.0, every_s: 1.0, then: Then::Reached(6.0) };

    fn uniform(rate: Rate, s: u64) -> Vec<f64> {
        let starts = Schedule::new(rate, Arrivals::Uniform, Some(Duration::from_secs(s)));
        starts.map(|start| start.as_secs_f64()).collect()
    }

    fn in_second(starts: &[f64], s: f64) -> usize {
        starts.iter().filter(|start| (s..s + 1.0).contains(*start)).count()
    }

    #[test]
    fn uniform_starts_lie_at_equal_distances_up_to_the_end() {
        assert_eq!(uniform(Rate::Constant(4.0), 1), [0.0, 0.25, 0.5, 0.75]);
    }

    #[test]
    fn poisson_starts_are_as_many_and_as_uneven_as_they_should_be() {
        let duration = Some(Duration::from_secs(100));
        let starts: Vec<_> = Schedule::new(Rate::Constant(1_000.0), Arrivals::Poisson, duration)
            .map(|start| start.as_secs_f64())
            .collect();
        // The deviation of a count of 100,000 is 316; exponential distances deviate by as much as their mean.
        assert!((99_000..101_000).contains(&starts.len()), "{}", starts.len());
        let squares: f64 = starts.windows(2).map(|pair| (pair[1] - pair[0]).powi(2)).sum();
        let mean_square = squares / starts.len() as f64;
        assert!((1.9e-6..2.1e-6).contains(&mean_square), "{mean_square}");
    }

    #[test]
    fn a_rate_in_steps_climbs_to_its_end_and_stays() {
        let starts = uniform(STEPS, 5);
        let counts: Vec<_> = (0..5).map(|s| in_second(&starts, f64::from(s))).collect();
        assert_eq!(counts, [2, 4, 6, 6, 6]);
    }

    #[test]
    fn a_rate_that_falls_to_its_end_stays_there_and_one_that_falls_to_nothing_ends() {
        let falling = |then| Rate::Steps { start: 4.0, step: -2.0, every_s: 1.0, then };
        let starts = uniform(falling(Then::Reached(2.0)), 4);
        let counts: Vec<_> = (0..4).map(|s| in_second(&starts, f64::from(s))).collect();
        assert_eq!(counts, [4, 2, 2, 2]);
        let ended = Schedule::new(falling(Then::More), Arrivals::Uniform, None);
        assert_eq!(ended.count(), 6);
    }

    #[test]
    fn steps_may_end_at_a_time_in_the_midst_of_one() {
        let then = Then::At { rate: 10.0, s: 1.5 };
        let starts = uniform(Rate::Steps { start: 2.0, step: 2.0, every_s: 1.0, then }, 3);
        // 2 in the first second, 4/2 + 10/2 in the next.
        let counts: Vec<_> = (0..3).map(|s| in_second(&starts, f64::from(s))).collect();
        assert_eq!(counts, [2, 7, 10]);
    }

    #[test]
    fn the_starts_of_a_trace_are_those_in_it_up_to_the_end() {
        let starts = [0, 5, 5, 70].map(Duration::from_millis);
        let trace = || Rate::Trace(starts.into());
        let all: Vec<_> = Schedule::new(trace(), Arrivals::Poisson, None).collect();
        assert_eq!(all, starts);
        let end = Some(Duration::from_millis(70));
        assert_eq!(Schedule::new(trace(), Arrivals::Uniform, end).count(), 3);
    }

    #[test]
    fn poisson_starts_follow_a_rate_in_steps() {
        let rate = Rate::Steps { start: 1e4, step: 1e4, every_s: 1.0, then: Then::More };
        let duration = Some(Duration::from_secs(3));
        let starts: Vec<_> =
            Schedule::new(rate, Arrivals::Poisson, duration).map(|start| start.as_secs_f64()).collect();
        for s in 0..3 {
            let (count, expected) = (in_second(&starts, f64::from(s)) as f64, 1e4 * f64::from(s + 1));
            assert!((count / expected - 1.0).abs() < 0.05, "{count} of {expected}");
        }
    }
}
