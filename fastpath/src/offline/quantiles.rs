//! Quantiles of sorted numbers, and bucket boundaries from them.

/// The value below which the share `q` of the numbers lies, interpolated linearly between neighbours, as numpy's
/// `quantile` computes it. `sorted` holds at least one number.
pub(super) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let place = q * last as f64;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to the last place")]
    let below = (place.floor() as usize).min(last);
    let at = |place: usize| sorted.get(place.min(last)).copied().unwrap_or_default();
    let (low, high) = (at(below), at(below + 1));
    let share = place - below as f64;
    if share >= 0.5 { high - (high - low) * (1.0 - share) } else { low + (high - low) * share }
}

/// Boundaries between so many buckets that hold equally many numbers each. Fewer where numbers repeat.
pub(super) fn quantile_boundaries(sorted: &[f64], buckets: u32) -> Vec<f64> {
    let shares = (1..buckets).map(|place| f64::from(place) / f64::from(buckets));
    rising(shares.map(|share| quantile(sorted, share)))
}

/// Boundaries between so many buckets of one width.
pub(super) fn uniform_boundaries(min: f64, max: f64, buckets: u32) -> Vec<f64> {
    let shares = (1..buckets).map(|place| f64::from(place) / f64::from(buckets));
    rising(shares.map(|share| min + (max - min) * share))
}

fn rising(boundaries: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut rising: Vec<f64> = Vec::new();
    for boundary in boundaries {
        if rising.last().is_none_or(|last| boundary > *last) {
            rising.push(boundary);
        }
    }
    rising
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_their_neighbours() {
        let sorted = [1.0, 2.0, 4.0, 8.0];
        let quantiles = [0.0, 0.25, 0.5, 0.75, 1.0].map(|q| quantile(&sorted, q));
        let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&quantiles), bits(&[1.0, 1.75, 3.0, 5.0, 8.0]));
        assert_eq!(quantile(&[3.0], 0.7).to_bits(), 3.0_f64.to_bits());
    }

    #[test]
    fn boundaries_rise_where_numbers_repeat() {
        assert_eq!(quantile_boundaries(&[0.0, 0.0, 0.0, 0.0, 5.0], 4), [0.0]);
        assert_eq!(uniform_boundaries(0.0, 10.0, 5), [2.0, 4.0, 6.0, 8.0]);
        assert_eq!(uniform_boundaries(7.0, 7.0, 5), [7.0]);
    }
}
