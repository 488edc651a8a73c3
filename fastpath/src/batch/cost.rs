//! What a batch costs the model: `ns = a · rows + b`, fitted while it runs.

use std::time::Duration;

use crate::metrics::line::Line;

/// What one more sample leaves of the weight of all earlier ones: about the last 50 batches count, few enough
/// to follow a machine that slows down, enough to level out a single slow run.
const KEEP: f64 = 0.98;

/// Batch sizes that vary by less than this share of their mean say nothing about the cost of a row.
const MIN_SPREAD: f64 = 0.01;

/// A line through (rows, ns), held above zero in both terms.
#[derive(Clone, Copy, Debug)]
pub struct Cost(Line);

impl Default for Cost {
    fn default() -> Self {
        Self(Line::keeping(KEEP))
    }
}

/// The two terms of the line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    pub row_ns: f64,
    pub batch_ns: f64,
}

#[allow(clippy::cast_precision_loss, reason = "rows are far below 2^52")]
fn float(rows: usize) -> f64 {
    rows as f64
}

impl Cost {
    /// A batch of `rows` held its model thread for `elapsed`.
    pub fn learn(&mut self, rows: usize, elapsed: Duration) {
        self.0.learn(float(rows), elapsed.as_secs_f64() * 1e9);
    }

    /// None before the first sample. While all batches have the same size their cost counts as that of a
    /// batch: an estimate too low only lets a request wait until its deadline, one too high would refuse what
    /// could have been served.
    #[must_use]
    pub fn fit(&self) -> Option<Fit> {
        let Self(line) = self;
        if line.weight() <= 0.0 {
            return None;
        }
        let Some(row_ns) = line.slope(MIN_SPREAD).filter(|row_ns| *row_ns >= 0.0) else {
            return Some(Fit { row_ns: 0.0, batch_ns: line.mean_y() });
        };
        let batch_ns = line.mean_y() - row_ns * line.mean_x();
        if batch_ns < 0.0 {
            let (rows_squared, product) = line.mean_products();
            return Some(Fit { row_ns: product / rows_squared, batch_ns: 0.0 });
        }
        Some(Fit { row_ns, batch_ns })
    }
}

impl Fit {
    /// The time of a batch of `rows`.
    #[must_use]
    pub fn batch(&self, rows: usize) -> Duration {
        let ns = self.row_ns * float(rows) + self.batch_ns;
        Duration::try_from_secs_f64(ns / 1e9).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn us(n: u64) -> Duration {
        Duration::from_micros(n)
    }

    fn learned(samples: impl IntoIterator<Item = (usize, u64)>) -> Fit {
        let mut cost = Cost::default();
        for (rows, elapsed_us) in samples {
            cost.learn(rows, us(elapsed_us));
        }
        cost.fit().unwrap()
    }

    fn near(left: Duration, right: Duration) -> bool {
        left.abs_diff(right) < right / 100 + us(1)
    }

    #[test]
    fn nothing_is_said_before_the_first_batch() {
        assert_eq!(Cost::default().fit(), None);
    }

    #[test]
    fn a_line_is_found_from_batches_that_lie_on_it() {
        let fit = learned((0..100_usize).map(|n| (1 + n % 64, 200 + 3 * (1 + n as u64 % 64))));
        assert!(near(fit.batch(1), us(203)), "{fit:?}");
        assert!(near(fit.batch(1000), us(3_200)), "{fit:?}");
    }

    #[test]
    fn batches_of_one_size_do_not_make_larger_ones_look_dear() {
        let fit = learned((0..1000).map(|_| (1, 200)));
        assert!(near(fit.batch(1000), us(200)), "{fit:?}");
    }

    #[test]
    fn neither_term_is_ever_negative() {
        for samples in [vec![(1, 900), (100, 100)], vec![(10, 1), (100, 900)], vec![(1, 0), (2, 0)]] {
            let fit = learned(samples);
            assert!(fit.row_ns >= 0.0 && fit.batch_ns >= 0.0, "{fit:?}");
        }
    }

    #[test]
    fn a_machine_that_slows_down_is_noticed_within_two_hundred_batches() {
        let fast = (0..1000_usize).map(|n| (1 + n % 8, 100));
        let slow = (0..200_usize).map(|n| (1 + n % 8, 1_000));
        let fit = learned(fast.chain(slow));
        assert!(fit.batch(4) > us(950), "{fit:?}");
    }
}
