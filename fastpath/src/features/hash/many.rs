//! Fingerprint64 of many integers at once, and their buckets.
//!
//! The loops below are plain code, of which the compiler makes vector instructions: those of AVX2, which the target has,
//! and in a second copy AVX-512, whose 64-bit multiplication takes a third of the instructions. AVX2 is no faster at
//! the remainders than the reciprocal's 128-bit product.

use super::buckets::Buckets;
use super::decimal::{farmhash64_decimal, farmhash64_middle, is_middle};
use super::farmhash::farmhash64_u64;
use crate::wire::varint::join_pairwise;

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
        self.hash(words, |word| word);
    }

    /// The same of words as `varint::gather_groups` leaves them.
    #[inline]
    pub fn join_and_hash_all(self, words: &mut [[u8; 8]]) {
        self.hash(words, join_pairwise);
    }

    /// `read` makes an integer of what stands in a word.
    #[inline]
    fn hash(self, words: &mut [[u8; 8]], read: impl Fn(u64) -> u64 + Copy) {
        let (Self::Bytes(buckets) | Self::Decimal(buckets)) = self;
        #[cfg(target_arch = "x86_64")]
        if buckets.are_few() && has_avx512() {
            // SAFETY: the processor has the instructions that the function is compiled for, as was just asked.
            return unsafe { hash_avx512(self, words, read) };
        }
        hash_in_blocks(self, words, read, |hash| hash);
        each(words, |hash| buckets.of(hash));
    }
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

/// To few buckets.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl")]
fn hash_avx512(hash: IntegerHash, words: &mut [[u8; 8]], read: impl Fn(u64) -> u64 + Copy) {
    let (IntegerHash::Bytes(buckets) | IntegerHash::Decimal(buckets)) = hash;
    hash_in_blocks(hash, words, read, |hash| buckets.of_few(hash));
}

/// Replaces each word by what `reduce` makes of the Fingerprint64 of its integer.
#[inline(always)]
fn hash_in_blocks(
    hash: IntegerHash,
    words: &mut [[u8; 8]],
    read: impl Fn(u64) -> u64,
    reduce: impl Fn(u64) -> u64,
) {
    match hash {
        IntegerHash::Bytes(_) => {
            in_blocks(words, |block| each(block, |word| reduce(farmhash64_u64(read(word)))));
        }
        IntegerHash::Decimal(_) => in_blocks(words, |block| {
            each(block, &read);
            if block.iter().fold(true, |all, word| all & is_middle(u64::from_le_bytes(*word))) {
                each(block, |word| reduce(farmhash64_middle(word)));
            } else {
                each(block, |word| reduce(farmhash64_decimal(word.cast_signed())));
            }
        }),
    }
}

/// A register's words at a time, so that nothing is left for slower instructions: what is less than a register at the end
/// is filled up with one of its words.
#[inline(always)]
fn in_blocks(words: &mut [[u8; 8]], step: impl Fn(&mut [[u8; 8]; LANES])) {
    let (blocks, rest) = words.as_chunks_mut::<LANES>();
    let mut filled = [rest.first().copied().unwrap_or_default(); LANES];
    for (place, word) in filled.iter_mut().zip(&*rest) {
        *place = *word;
    }
    // The compiler puts the step in its place only where it stands once.
    for block in blocks.iter_mut().chain((!rest.is_empty()).then_some(&mut filled)) {
        step(block);
    }
    for (word, place) in rest.iter_mut().zip(filled) {
        *word = place;
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

    use super::super::farmhash::farmhash64;
    use super::*;
    use crate::wire::Writer;
    use crate::wire::varint::gather_groups;

    /// What one integer after the other becomes, by functions of one integer.
    fn expected(hash: IntegerHash, values: &[u64]) -> Vec<u64> {
        let one = |value: &u64| match hash {
            IntegerHash::Bytes(buckets) => buckets.of(farmhash64_u64(*value)),
            IntegerHash::Decimal(buckets) => {
                buckets.of(farmhash64(value.cast_signed().to_string().as_bytes()))
            }
        };
        values.iter().map(one).collect()
    }

    fn words(values: &[u64]) -> Vec<[u8; 8]> {
        values.iter().map(|value| value.to_le_bytes()).collect()
    }

    fn mixed(value: u64) -> u64 {
        value.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn any_size(value: u64) -> u64 {
        mixed(value) >> (value % 64)
    }

    fn four_to_seven_digits(value: u64) -> u64 {
        1_000 + mixed(value) % 9_999_000
    }

    #[test]
    fn many_integers_at_once_are_hashed_as_one_after_the_other() {
        let counts = [1, 2, 3, 1000, 100_000, (1 << 30) - 1, 1 << 30, (1 << 30) + 1, u64::MAX];
        let all = counts.into_iter().filter_map(NonZeroU64::new).map(Buckets::new);
        for hash in all.flat_map(|buckets| [IntegerHash::Bytes(buckets), IntegerHash::Decimal(buckets)]) {
            let (IntegerHash::Bytes(buckets) | IntegerHash::Decimal(buckets)) = hash;
            for value in [any_size as fn(u64) -> u64, four_to_seven_digits] {
                for length in (0..40).chain([1000]) {
                    let values: Vec<u64> = (0..length).map(value).collect();
                    let expected = words(&expected(hash, &values));
                    let (mut many, mut plain) = (words(&values), words(&values));
                    hash.hash_all(&mut many);
                    assert_eq!(many, expected);
                    // Also where this processor has other instructions.
                    if buckets.are_few() {
                        hash_in_blocks(hash, &mut plain, |word| word, |hash| buckets.of_few(hash));
                        assert_eq!(plain, expected);
                    }
                }
            }
        }
    }

    #[test]
    fn groups_are_joined_before_they_are_hashed() {
        let values: Vec<u64> = (0..100).map(|value: u64| value.pow(4)).collect();
        let mut varints = Writer::default();
        for value in &values {
            varints.varint(*value);
        }
        let mut groups = vec![[0; 8]; values.len()];
        assert_eq!(gather_groups(varints.as_slice(), &mut groups), Some(values.len()));
        let buckets = Buckets::new(NonZeroU64::MIN.saturating_add(99_999));
        for hash in [IntegerHash::Bytes(buckets), IntegerHash::Decimal(buckets)] {
            let mut many = groups.clone();
            hash.join_and_hash_all(&mut many);
            assert_eq!(many, words(&expected(hash, &values)));
        }
    }
}
