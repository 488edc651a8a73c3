//! The quantile operation: where a value lies among the quantiles of training data, as a share or as the
//! deviate of a normal distribution that has the same share below it.
//!
//! Equal to scikit-learn's `QuantileTransformer.transform`, whose quantiles are those of equidistant shares.

use super::normal::normal_quantile;

/// Normal deviates of shares nearer to 0 or 1 than this are cut off: scikit-learn's `BOUNDS_THRESHOLD`.
const THRESHOLD: f64 = 1e-7;

/// Two or more quantiles, none below the one before.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantile {
    quantiles: Box<[f64]>,
    /// The share of training data up to each quantile.
    shares: Box<[f64]>,
    /// The least and the greatest normal deviate; none: the output is uniform.
    deviates: Option<(f64, f64)>,
}

impl Quantile {
    /// None where there are fewer than two quantiles, one is not finite or below the one before.
    #[must_use]
    pub fn new(quantiles: &[f64], normal: bool) -> Option<Self> {
        let rising = quantiles.windows(2).all(|pair| matches!(pair, [low, high] if low <= high));
        if quantiles.len() < 2 || !rising || !quantiles.iter().all(|quantile| quantile.is_finite()) {
            return None;
        }
        let last = quantiles.len() - 1;
        // As numpy's linspace computes them, so that every bit is the same.
        let step = 1.0 / last as f64;
        let shares = (0..last).map(|place| place as f64 * step).chain([1.0]).collect();
        let low = THRESHOLD - f64::EPSILON;
        let deviates = normal.then(|| (normal_quantile(low), normal_quantile(1.0 - low)));
        Some(Self { quantiles: quantiles.into(), shares, deviates })
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.quantiles.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.quantiles.is_empty()
    }

    /// NaN of NaN. Costs two binary searches.
    #[must_use]
    pub fn of(&self, value: f64) -> f64 {
        if value.is_nan() {
            return value;
        }
        match self.deviates {
            None => self.share(value),
            Some((lowest, highest)) => {
                let share = match (self.quantiles.first(), self.quantiles.last()) {
                    (Some(first), _) if value - THRESHOLD < *first => 0.0,
                    (_, Some(last)) if value + THRESHOLD > *last => 1.0,
                    _ => self.share(value),
                };
                normal_quantile(share).clamp(lowest, highest)
            }
        }
    }

    /// The mean of the shares up to the last and up to the first of equal quantiles: a value that many rows have
    /// lies in the middle of them.
    fn share(&self, value: f64) -> f64 {
        if self.quantiles.first() == Some(&value) {
            return 0.0;
        }
        if self.quantiles.last() == Some(&value) {
            return 1.0;
        }
        let up_to = self.quantiles.partition_point(|quantile| *quantile <= value);
        let below = self.quantiles.partition_point(|quantile| *quantile < value);
        0.5 * (self.between(up_to, value, false) + self.between(below, value, true))
    }

    /// The share by the line from quantile `above − 1` to quantile `above`, measured from either end.
    #[expect(clippy::float_cmp, reason = "a value on a quantile has that quantile's share")]
    fn between(&self, above: usize, value: f64, from_above: bool) -> f64 {
        let point = |place: usize| Some((*self.quantiles.get(place)?, *self.shares.get(place)?));
        let (Some(low), Some(high)) = (above.checked_sub(1).and_then(point), point(above)) else {
            return if above == 0 { 0.0 } else { 1.0 };
        };
        let near = if from_above { high } else { low };
        if near.0 == value {
            return near.1;
        }
        let slope = (high.1 - low.1) / (high.0 - low.0);
        let by = |(quantile, share): (f64, f64)| slope * (value - quantile) + share;
        let share = by(near);
        // Quantiles further apart than the largest float.
        if share.is_nan() { by(if from_above { low } else { high }) } else { share }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uniform(quantiles: &[f64], values: &[f64]) -> Vec<f64> {
        let quantile = Quantile::new(quantiles, false).unwrap();
        values.iter().map(|value| quantile.of(*value)).collect()
    }

    #[test]
    fn between_two_quantiles_the_share_is_on_the_line() {
        let shares = uniform(&[0.0, 10.0, 30.0], &[-1.0, 0.0, 5.0, 10.0, 20.0, 30.0, 31.0]);
        assert_eq!(shares, [0.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.0]);
    }

    #[test]
    fn of_equal_quantiles_the_middle_is_taken_but_for_the_ends() {
        assert_eq!(uniform(&[0.0, 1.0, 1.0, 1.0, 2.0], &[1.0]), [0.5]);
        assert_eq!(uniform(&[0.0, 0.0, 0.0, 2.0, 2.0], &[0.0, 2.0]), [0.0, 1.0]);
        assert_eq!(uniform(&[3.0, 3.0], &[2.0, 3.0, 4.0]), [0.0, 0.0, 1.0]);
    }

    #[test]
    fn infinities_lie_outside_and_nan_stays() {
        let shares = uniform(&[0.0, 1.0], &[f64::NEG_INFINITY, f64::INFINITY, f64::NAN]);
        assert_eq!(shares.get(..2), Some(&[0.0, 1.0][..]));
        assert!(shares.last().unwrap().is_nan());
    }

    #[test]
    fn a_normal_output_is_cut_off_at_the_same_deviate_on_both_sides() {
        let quantile = Quantile::new(&[0.0, 1.0], true).unwrap();
        let (low, high) = (quantile.of(0.0), quantile.of(1.0));
        assert!((low + 5.199_337_582_2).abs() < 1e-6 && (low + high).abs() < 1e-8, "{low} {high}");
        assert_eq!(quantile.of(0.5).to_bits(), 0);
    }

    #[test]
    fn quantiles_that_fall_or_are_too_few_are_none() {
        for wrong in [&[1.0][..], &[2.0, 1.0], &[0.0, f64::NAN], &[0.0, f64::INFINITY]] {
            assert!(Quantile::new(wrong, false).is_none());
        }
    }
}
