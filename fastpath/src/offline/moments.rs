//! Mean, deviation and range of numbers, the same for any number of threads.

/// Of the numbers of some rows. Sums are taken in 64 bits, within a chunk in two passes (the mean, then the squared
/// distances from it), and chunks are merged in their order by the formulas of Chan, Golub and LeVeque (1979).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Moments {
    pub count: u64,
    pub mean: f64,
    /// The sum of squared distances from the mean.
    distances: f64,
    pub min: f64,
    pub max: f64,
}

impl Default for Moments {
    fn default() -> Self {
        Self { count: 0, mean: 0.0, distances: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY }
    }
}

impl Moments {
    pub fn of(values: &[f64]) -> Self {
        if values.is_empty() {
            return Self::default();
        }
        let count = values.len() as f64;
        // Relative to the first value, so that large numbers close to each other lose no digits.
        let origin = values.first().copied().unwrap_or_default();
        let mean = origin + values.iter().map(|value| value - origin).sum::<f64>() / count;
        Self {
            count: values.len() as u64,
            mean,
            distances: values.iter().map(|value| (value - mean) * (value - mean)).sum(),
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }

    /// Those of both.
    pub fn merged(self, other: Self) -> Self {
        if self.count == 0 || other.count == 0 {
            return if self.count == 0 { other } else { self };
        }
        let (left, right) = (self.count as f64, other.count as f64);
        let apart = other.mean - self.mean;
        Self {
            count: self.count + other.count,
            mean: self.mean + apart * (right / (left + right)),
            distances: self.distances + other.distances + apart * apart * (left * right / (left + right)),
            min: self.min.min(other.min),
            max: self.max.max(other.max),
        }
    }

    /// The deviation of the population: the root of the mean squared distance.
    pub fn std(&self) -> f64 {
        (self.distances / self.count as f64).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_large_numbers_close_to_each_other_are_right() {
        let values: Vec<f64> = (0..3000).map(|index| 1e15 + f64::from(index % 3)).collect();
        let whole = values.chunks(1024).map(Moments::of).fold(Moments::default(), Moments::merged);
        assert!((whole.std() - (2.0f64 / 3.0).sqrt()).abs() < 1e-9, "{}", whole.std());
        assert!((whole.mean - (1e15 + 1.0)).abs() <= 0.125, "{}", whole.mean);
        assert_eq!((whole.min, whole.max, whole.count), (1e15, 1e15 + 2.0, 3000));
    }

    #[test]
    fn nothing_changes_nothing() {
        let some = Moments::of(&[1.0, 4.0]);
        assert_eq!(some.merged(Moments::default()), some);
        assert_eq!(Moments::default().merged(some), some);
    }
}
