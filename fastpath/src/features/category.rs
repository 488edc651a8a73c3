//! From a value to an id: hashing and vocabularies.

use std::num::NonZeroU64;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::fault::{Fault, FaultKind};
use super::hash::{
    Buckets, farmhash64, farmhash64_decimal, farmhash64_u64, murmur3_32, murmur3_32_u64, xxh3_64, xxh3_64_u64,
};
use crate::spec::text::{HashName, IntsAs};

/// A hash function with its seed, and the buckets its values fall into.
#[derive(Clone, Debug, PartialEq)]
pub struct Hasher {
    pub function: HashFunction,
    pub ints: IntsAs,
    pub buckets: Buckets,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum HashFunction {
    Farmhash64,
    Murmur3 { seed: u32 },
    Xxh3 { seed: u64 },
}

impl HashFunction {
    /// None where the function cannot take the seed.
    #[must_use]
    pub fn new(name: HashName, seed: u64) -> Option<Self> {
        Some(match name {
            HashName::Farmhash64 if seed == 0 => Self::Farmhash64,
            HashName::Farmhash64 => return None,
            HashName::Murmur3 => Self::Murmur3 { seed: u32::try_from(seed).ok()? },
            HashName::Xxh3 => Self::Xxh3 { seed },
        })
    }
}

impl Hasher {
    #[inline]
    #[must_use]
    pub fn bytes(&self, value: &[u8]) -> i64 {
        let hash = match self.function {
            HashFunction::Farmhash64 => farmhash64(value),
            HashFunction::Murmur3 { seed } => u64::from(murmur3_32(value, seed)),
            HashFunction::Xxh3 { seed } => xxh3_64(value, seed),
        };
        self.buckets.of(hash).cast_signed()
    }

    #[inline]
    #[must_use]
    pub fn int(&self, value: i64) -> i64 {
        if self.ints == IntsAs::Text {
            return self.decimal(value);
        }
        let word = value.cast_unsigned();
        let hash = match self.function {
            HashFunction::Farmhash64 => farmhash64_u64(word),
            HashFunction::Murmur3 { seed } => u64::from(murmur3_32_u64(word, seed)),
            HashFunction::Xxh3 { seed } => xxh3_64_u64(word, seed),
        };
        self.buckets.of(hash).cast_signed()
    }

    fn decimal(&self, value: i64) -> i64 {
        if self.function == HashFunction::Farmhash64 {
            return self.buckets.of(farmhash64_decimal(value)).cast_signed();
        }
        self.bytes(itoa::Buffer::new().format(value).as_bytes())
    }
}

/// A list of known values; a value's id is its place.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    places: Places,
    /// Hashes unknown values to buckets after the known ones; none: unknown values are errors.
    unknown: Option<Hasher>,
}

#[derive(Clone, Debug)]
enum Places {
    Ints(HashMap<i64, i64, RandomState>),
    Bytes(HashMap<Box<[u8]>, i64, RandomState>),
}

impl Vocabulary {
    /// None where a value stands twice.
    #[must_use]
    pub fn ints(values: &[i64], oov_buckets: u64, ints: IntsAs) -> Option<Self> {
        let places: HashMap<_, _, _> = values.iter().copied().zip(0..).collect();
        let distinct = places.len() == values.len();
        distinct.then_some(Self { places: Places::Ints(places), unknown: oov_hasher(oov_buckets, ints) })
    }

    /// None where a value stands twice.
    #[must_use]
    pub fn bytes<'a>(values: impl Iterator<Item = &'a [u8]>, oov_buckets: u64) -> Option<Self> {
        let mut count = 0;
        let places: HashMap<_, _, _> = values.inspect(|_| count += 1).map(Box::from).zip(0..).collect();
        let distinct = places.len() == count;
        let unknown = oov_hasher(oov_buckets, IntsAs::default());
        distinct.then_some(Self { places: Places::Bytes(places), unknown })
    }

    /// Known values.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.places {
            Places::Ints(places) => places.len(),
            Places::Bytes(places) => places.len(),
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One more than the largest id.
    #[must_use]
    pub fn ids(&self) -> u64 {
        self.len() as u64 + self.unknown.as_ref().map_or(0, |hasher| hasher.buckets.count())
    }

    #[inline]
    pub fn int(&self, value: i64) -> Result<i64, Fault> {
        let Places::Ints(places) = &self.places else { return Err(FaultKind::NotInVocabulary.into()) };
        match places.get(&value) {
            Some(place) => Ok(*place),
            None => self.unknown(|hasher| hasher.int(value)),
        }
    }

    #[inline]
    pub fn text(&self, value: &[u8]) -> Result<i64, Fault> {
        let Places::Bytes(places) = &self.places else { return Err(FaultKind::NotInVocabulary.into()) };
        match places.get(value) {
            Some(place) => Ok(*place),
            None => self.unknown(|hasher| hasher.bytes(value)),
        }
    }

    fn unknown(&self, hash: impl FnOnce(&Hasher) -> i64) -> Result<i64, Fault> {
        let hasher = self.unknown.as_ref().ok_or(FaultKind::NotInVocabulary)?;
        Ok(self.len() as i64 + hash(hasher))
    }
}

/// farmhash64, as TensorFlow's `StaticVocabularyTable`; none of no buckets.
fn oov_hasher(buckets: u64, ints: IntsAs) -> Option<Hasher> {
    let buckets = Buckets::new(NonZeroU64::new(buckets)?);
    Some(Hasher { function: HashFunction::Farmhash64, ints, buckets })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values_get_their_place_and_unknown_ones_a_bucket_behind() {
        let vocabulary = Vocabulary::bytes([b"de".as_slice(), b"fr"].into_iter(), 3).unwrap();
        assert_eq!(vocabulary.text(b"fr"), Ok(1));
        assert!((2..5).contains(&vocabulary.text(b"xx").unwrap()));
        assert_eq!(vocabulary.ids(), 5);
    }

    #[test]
    fn without_buckets_an_unknown_value_is_an_error() {
        let vocabulary = Vocabulary::ints(&[7, 9], 0, IntsAs::Bytes).unwrap();
        assert_eq!(vocabulary.int(9), Ok(1));
        assert_eq!(vocabulary.int(8), Err(FaultKind::NotInVocabulary.into()));
    }

    #[test]
    fn a_value_that_stands_twice_is_no_vocabulary() {
        assert!(Vocabulary::ints(&[7, 7], 0, IntsAs::Bytes).is_none());
    }
}
