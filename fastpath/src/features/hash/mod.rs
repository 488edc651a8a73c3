//! The hash functions of the feature program, and the reduction of a hash to a bucket.
//!
//! Pure, total and the same on every machine: a model's embedding tables depend on each bit. Each
//! function is checked against values from the package that defines it (tests/vectors/hash.tsv).
//! Which function a feature uses, and how its value becomes bytes, is decided elsewhere.
//!
//! A `_u64` function hashes the 8 little-endian bytes of its value; negative integers are passed
//! in two's complement (`i64::cast_unsigned`).

mod buckets;
mod cross;
mod decimal;
mod farmhash;
mod many;
mod murmur3;
#[cfg(test)]
mod vectors;
mod xxh3;

pub use buckets::Buckets;
pub use cross::{CROSS_KEY, fingerprint_cat64};
pub use decimal::farmhash64_decimal;
pub use farmhash::{farmhash64, farmhash64_u64};
pub use many::IntegerHash;
pub use murmur3::{murmur3_32, murmur3_32_u64};
pub use xxh3::{xxh3_64, xxh3_64_u64};
