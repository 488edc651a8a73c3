//! Fingerprint64 of many integers at once, and their buckets.
//!
//! The loops below are plain code, of which the compiler makes vector instructions: those of AVX2, which the target has,
//! and in a second copy AVX-512, whose 64-bit multiplication takes a third of the instructions. AVX2 is no faster at
//! the remainders than the reciprocal's 128-bit product.

use super::buckets::Buckets;
use super::decimal::farmhash64_decimal;
use super::farmhash::farmhash64_u64;

/// Words of an AVX-512 register.
const LANES: usize = 8;

/// What is hashed of an integer, and the buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntegerHash {
    /// The eight little-endian bytes.
    Bytes(Buckets),
    /// The decimal text.
    Decimal(Buckets),
}

impl IntegerHash {
    /// Replaces each little-endian word by the bucket of its Fingerprint64.
    #[inline]
    pub fn hash_all(self, words: &mut [[u8; 8]]) {
        match self {
            Self::Bytes(buckets) => hash_bytes(words, buckets),
            Self::Decimal(buckets) => {
                each(words, |word| buckets.of(farmhash64_decimal(word.cast_signed())));
            }
        }
    }
}

#[inline]
fn hash_bytes(words: &mut [[u8; 8]], buckets: Buckets) {
    #[cfg(target_arch = "x86_64")]
    if buckets.are_few() && has_avx512() {
        // SAFETY: the processor has the instructions that the function is compiled for, as was just asked.
        return unsafe { hash_bytes_avx512(words, buckets) };
    }
    each(words, farmhash64_u64);
    each(words, |hash| buckets.of(hash));
}

/// VBMI2 is asked for, though not used, because it came with the processors (Ice Lake, Zen 4) that do not lower
/// their clock for these instructions.
#[cfg(target_arch = "x86_64")]
#[inline]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512vbmi2")
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl")]
fn hash_bytes_avx512(words: &mut [[u8; 8]], buckets: Buckets) {
    in_blocks(words, buckets);
}

/// Whole blocks, the last of which overlaps the one before it, so that nothing is left for slower instructions.
#[inline(always)]
fn in_blocks(words: &mut [[u8; 8]], buckets: Buckets) {
    let step = |word| buckets.of_few(farmhash64_u64(word));
    let Some(last) = words.last_chunk::<LANES>() else { return each(words, step) };
    let mut last = *last;
    for block in words.as_chunks_mut::<LANES>().0 {
        each(block, step);
    }
    if words.len().is_multiple_of(LANES) {
        return;
    }
    each(&mut last, step);
    if let Some(place) = words.last_chunk_mut() {
        *place = last;
    }
}

#[inline(always)]
fn each(words: &mut [[u8; 8]], step: impl Fn(u64) -> u64) {
    for word in words {
        *word = step(u64::from_le_bytes(*word)).to_le_bytes();
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;

    #[test]
    fn many_buckets_at_once_are_what_one_after_the_other_are() {
        let counts = [1, 2, 3, 1000, 100_000, (1 << 30) - 1, 1 << 30, (1 << 30) + 1, u64::MAX];
        for buckets in counts.into_iter().filter_map(NonZeroU64::new).map(Buckets::new) {
            for length in (0..40).chain([1000]) {
                let values =
                    (0..length).map(|value: u64| value.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (value % 64));
                let expected: Vec<u64> =
                    values.clone().map(|value| buckets.of(farmhash64_u64(value))).collect();
                let mut words: Vec<[u8; 8]> = values.map(u64::to_le_bytes).collect();
                let mut plain = words.clone();
                IntegerHash::Bytes(buckets).hash_all(&mut words);
                assert_eq!(words.into_iter().map(u64::from_le_bytes).collect::<Vec<_>>(), expected);
                // Also where this processor has other instructions.
                if buckets.are_few() {
                    in_blocks(&mut plain, buckets);
                    assert_eq!(plain.into_iter().map(u64::from_le_bytes).collect::<Vec<_>>(), expected);
                }
            }
        }
    }
}
