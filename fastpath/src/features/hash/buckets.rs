//! The reduction of a hash to a bucket: a remainder without a division.

use std::num::NonZeroU64;

/// A number of buckets with its reciprocal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buckets {
    count: u64,
    /// ⌊(2⁶⁴ − 1) / count⌋
    reciprocal: u64,
}

impl Buckets {
    /// Costs one division.
    #[must_use]
    pub fn new(count: NonZeroU64) -> Self {
        Self { count: count.get(), reciprocal: u64::MAX / count }
    }

    #[must_use]
    pub fn count(self) -> u64 {
        self.count
    }

    /// `hash mod count`, exactly.
    ///
    /// The reciprocal lacks at most 1 of 2⁶⁴ / count, so the estimated quotient lacks less than
    /// hash / 2⁶⁴ < 1 before rounding down: it is right or one too small, and one subtraction
    /// repairs it.
    #[inline]
    #[must_use]
    pub fn of(self, hash: u64) -> u64 {
        let (_, quotient) = hash.carrying_mul(self.reciprocal, 0);
        let remainder = hash - quotient * self.count;
        remainder.checked_sub(self.count).unwrap_or(remainder)
    }

    /// Whether `of_few` can be asked: at most 2³⁰ buckets.
    #[inline]
    #[must_use]
    pub fn are_few(self) -> bool {
        self.count <= 1 << 30
    }

    /// `hash mod count` where the buckets are few, by multiplications of 32 bits, which vector units have.
    ///
    /// Of the product of hash and reciprocal, the lowest quarter and what two others have below their upper halves are
    /// left out: less than 3, and less than 1 that the reciprocal lacks. So the estimated quotient is at
    /// most 3 too small, and the remainder below 4 · count ≤ 2³²: its low 32 bits are all of it.
    #[inline(always)]
    #[must_use]
    pub fn of_few(self, hash: u64) -> u64 {
        const LOW: u64 = 0xffff_ffff;
        let count = self.count & LOW;
        let (high, low) = (hash >> 32, hash & LOW);
        let (high_reciprocal, low_reciprocal) = (self.reciprocal >> 32, self.reciprocal & LOW);
        let quotient =
            high * high_reciprocal + ((high * low_reciprocal) >> 32) + ((low * high_reciprocal) >> 32);
        let remainder = hash.wrapping_sub((quotient & LOW) * count) & LOW;
        // What is too small to subtract from wraps to something larger.
        let remainder = remainder.min(remainder.wrapping_sub(2 * count) & LOW);
        remainder.min(remainder.wrapping_sub(count) & LOW)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Powers of two, their neighbours, and quotients near a whole number are where an inexact
    /// reciprocal would show.
    #[test]
    fn the_remainder_is_exact_at_every_edge() {
        let edges: Vec<u64> = (0..64)
            .map(|bit| 1 << bit)
            .chain([3, 10, 1_000_003, u64::MAX / 3, u64::MAX])
            .flat_map(|edge: u64| [edge.wrapping_sub(1), edge, edge.wrapping_add(1)])
            .collect();
        for count in edges.iter().filter_map(|&edge| NonZeroU64::new(edge)) {
            let buckets = Buckets::new(count);
            let multiples = edges.iter().map(|edge| edge.wrapping_mul(count.get()));
            let largest_multiple = u64::MAX - u64::MAX % count;
            for near in edges.iter().copied().chain(multiples).chain([largest_multiple]) {
                for hash in [near.wrapping_sub(1), near, near.wrapping_add(1)] {
                    assert_eq!(buckets.of(hash), hash % count, "{hash} mod {count}");
                    if buckets.are_few() {
                        assert_eq!(buckets.of_few(hash), hash % count, "{hash} mod {count}");
                    }
                }
            }
        }
    }
}
