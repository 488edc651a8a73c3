//! When calls start: offsets from the start of the run, which nothing that happens in it can move.

use std::str::FromStr;
use std::time::Duration;

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

/// All starts of a run, in order; the same for the same arguments.
#[derive(Debug)]
pub struct Schedule {
    arrivals: Arrivals,
    interval_s: f64,
    end_s: f64,
    sent: u64,
    next_s: f64,
    random: SplitMix,
}

impl Schedule {
    pub fn new(arrivals: Arrivals, rate: f64, duration: Duration) -> Self {
        let end_s = duration.as_secs_f64();
        Self { arrivals, interval_s: 1.0 / rate, end_s, sent: 0, next_s: 0.0, random: SplitMix(1) }
    }

    /// The start that `next` gives next.
    pub fn peek(&self) -> Option<Duration> {
        (self.next_s < self.end_s).then(|| Duration::from_secs_f64(self.next_s))
    }
}

impl Iterator for Schedule {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let start = self.peek()?;
        self.sent += 1;
        self.next_s = match self.arrivals {
            // A product, not a sum: errors of rounding do not add up.
            Arrivals::Uniform => self.sent as f64 * self.interval_s,
            Arrivals::Poisson => self.next_s - (1.0 - self.random.unit()).ln() * self.interval_s,
        };
        Some(start)
    }
}

/// Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators (2014).
#[derive(Debug)]
struct SplitMix(u64);

impl SplitMix {
    /// From 0 to below 1.
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^= bits >> 31;
        (bits >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Arrivals, Schedule};

    #[test]
    fn uniform_starts_lie_at_equal_distances_up_to_the_end() {
        let starts: Vec<_> = Schedule::new(Arrivals::Uniform, 4.0, Duration::from_secs(1)).collect();
        assert_eq!(starts, [0, 250, 500, 750].map(Duration::from_millis));
    }

    #[test]
    fn poisson_starts_are_as_many_and_as_uneven_as_they_should_be() {
        let starts: Vec<_> = Schedule::new(Arrivals::Poisson, 1_000.0, Duration::from_secs(100))
            .map(|start| start.as_secs_f64())
            .collect();
        // The deviation of a count of 100,000 is 316; exponential distances deviate by as much as their mean.
        assert!((99_000..101_000).contains(&starts.len()), "{}", starts.len());
        let squares: f64 = starts.windows(2).map(|pair| (pair[1] - pair[0]).powi(2)).sum();
        let mean_square = squares / starts.len() as f64;
        assert!((1.9e-6..2.1e-6).contains(&mean_square), "{mean_square}");
    }
}
