//! The population stability index: how far the values of now are from those of training.
//!
//! `Σ (q − p) · ln(q / p)` over the bins, `p` a bin's share in training and `q` its share now: the symmetric
//! divergence of Kullback and Leibler (1951), as credit scoring has used it since Lewis, "An Introduction to Credit
//! Scoring" (1992). Half a value is added to each bin of both sides, so that an empty bin does not make it infinite.

/// Values from which on it is told. With as many, ten bins give 0.01 by chance alone and 32 bins 0.03.
pub const MIN_ROWS: u64 = 1_000;

const ADDED: f64 = 0.5;

/// The index of two histograms over the same bins.
#[must_use]
pub fn psi(training: &[u64], now: &[u64]) -> f64 {
    let bins = training.len().min(now.len()) as f64;
    let all = |counts: &[u64]| counts.iter().sum::<u64>() as f64 + ADDED * bins;
    let (all_training, all_now) = (all(training), all(now));
    let bin = |(training, now): (&u64, &u64)| {
        let p = (*training as f64 + ADDED) / all_training;
        let q = (*now as f64 + ADDED) / all_now;
        (q - p) * libm::log(q / p)
    };
    training.iter().zip(now).map(bin).sum()
}

/// What the index is on average where nothing has changed: `(bins − 1) · (1 / now + 1 / training)` (Yurdakul,
/// "Statistical Properties of Population Stability Index", 2018, which finds it distributed as that chi-squared).
#[must_use]
pub fn by_chance(training: &[u64], now: &[u64]) -> f64 {
    let inverse = |counts: &[u64]| 1.0 / (counts.iter().sum::<u64>().max(1) as f64);
    training.len().saturating_sub(1) as f64 * (inverse(training) + inverse(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_shares_give_nothing_whatever_the_counts_are() {
        assert!(psi(&[10, 20, 30], &[10, 20, 30]).abs() < 1e-12);
        assert!(psi(&[1_000, 2_000], &[1_000_000, 2_000_000]) < 1e-6);
    }

    #[test]
    fn it_is_the_sum_worked_out_by_hand() {
        // Shares 100.5/201 and 150.5/201 against the rest: 2 · (50/201) · ln(150.5 / 100.5) for one bin each way.
        let (p, q) = (100.5 / 201.0, 150.5 / 201.0);
        let expected = (q - p) * f64::ln(q / p) + (p - q) * f64::ln((1.0 - q) / (1.0 - p));
        assert!((psi(&[100, 100], &[150, 50]) - expected).abs() < 1e-12);
    }

    #[test]
    fn an_empty_bin_makes_it_large_but_not_infinite() {
        let index = psi(&[500, 500], &[1_000, 0]);
        assert!(index > 1.0 && index.is_finite(), "{index}");
    }

    #[test]
    fn fewer_values_make_more_of_chance() {
        let training = [1_000_000; 10];
        let by_chance = |count| by_chance(&training, &[count; 10]);
        assert!((by_chance(100) - 0.009).abs() < 1e-4);
        assert!(by_chance(10) > 9.0 * by_chance(100));
    }
}
