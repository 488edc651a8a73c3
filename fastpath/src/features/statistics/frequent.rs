//! The commonest values of a stream: Misra, Gries, "Finding repeated elements" (1982), merged as Agarwal et al.,
//! "Mergeable Summaries" (PODS 2012).

use foldhash::fast::RandomState;
use hashbrown::HashMap;

/// Counts of the commonest values, by fingerprint. No count is above the true one, and none is below it by more than a
/// `capacity`-th of the stream; a value that is missing is not commoner than that.
#[derive(Clone, Debug)]
pub struct Frequent {
    capacity: usize,
    counts: HashMap<u64, u64, RandomState>,
}

impl Frequent {
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity, counts: HashMap::default() }
    }

    #[inline]
    pub fn insert(&mut self, value: u64) {
        *self.counts.entry(value).or_insert(0) += 1;
        if self.counts.len() > 2 * self.capacity {
            self.prune();
        }
    }

    pub fn merge(&mut self, other: &Self) {
        for (value, count) in &other.counts {
            *self.counts.entry(*value).or_insert(0) += count;
        }
        if self.counts.len() > 2 * self.capacity {
            self.prune();
        }
    }

    /// The `most` commonest values with their counts, falling.
    #[must_use]
    pub fn top(&self, most: usize) -> Vec<(u64, u64)> {
        let mut all: Vec<_> = self.counts.iter().map(|(value, count)| (*value, *count)).collect();
        all.sort_unstable_by_key(|(value, count)| (std::cmp::Reverse(*count), *value));
        all.truncate(most);
        all
    }

    /// Takes the largest count that does not fit off all, so that as many as fit are left.
    fn prune(&mut self) {
        let mut counts: Vec<u64> = self.counts.values().copied().collect();
        let place = self.capacity.min(counts.len() - 1);
        let (_, taken, _) = counts.select_nth_unstable_by(place, |left, right| right.cmp(left));
        let taken = *taken;
        self.counts.retain(|_, count| {
            *count = count.saturating_sub(taken);
            *count > 0
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn counts_are_off_by_no_more_than_their_bound(
            values in prop::collection::vec(0u64..400, 1..3_000), parts in 1usize..5
        ) {
            // Squared, so that some are much commoner than others.
            let values: Vec<u64> = values.iter().map(|value| value * value / 400).collect();
            let mut merged = Frequent::new(20);
            for part in values.chunks(values.len().div_ceil(parts)) {
                let mut one = Frequent::new(20);
                for value in part {
                    one.insert(*value);
                }
                merged.merge(&one);
            }
            let told: HashMap<u64, u64, RandomState> = merged.top(usize::MAX).into_iter().collect();
            for value in 0..400 {
                let truth = values.iter().filter(|other| **other == value).count() as u64;
                let count = told.get(&value).copied().unwrap_or(0);
                prop_assert!(count <= truth);
                prop_assert!(truth - count <= values.len() as u64 / 20, "{value}: {count} of {truth}");
            }
        }
    }
}
