//! Every line of tests/vectors/hash.tsv, whose head says which package computed it.

use std::num::{NonZeroU64, ParseIntError};

use super::{
    Buckets, CROSS_KEY, farmhash64, farmhash64_u64, fingerprint_cat64, murmur3_32, murmur3_32_u64, xxh3_64,
    xxh3_64_u64,
};

const VECTORS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/hash.tsv"));

/// The columns after the kind, of all lines of one kind.
fn lines<const COLUMNS: usize>(kind: &str) -> Vec<[&'static str; COLUMNS]> {
    let of_kind = VECTORS.lines().filter_map(|line| line.strip_prefix(kind)?.strip_prefix('\t'));
    let parsed: Vec<_> = of_kind
        .map(|line| match line.split('\t').collect::<Vec<_>>().try_into() {
            Ok(columns) => columns,
            Err(columns) => panic!("{kind}: {COLUMNS} columns wanted: {columns:?}"),
        })
        .collect();
    assert!(!parsed.is_empty(), "no vectors of kind {kind}");
    parsed
}

fn from_hex(text: &str) -> Result<Vec<u8>, ParseIntError> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16)).collect()
}

#[test]
fn bytes_hash_as_in_the_packages_of_origin() -> Result<(), ParseIntError> {
    for [input, farmhash, murmur3_seed, murmur3, xxh3_seed, xxh3] in lines("bytes") {
        let bytes = from_hex(input)?;
        assert_eq!(farmhash64(&bytes), farmhash.parse::<u64>()?, "farmhash64 of {input}");
        assert_eq!(
            murmur3_32(&bytes, murmur3_seed.parse()?),
            murmur3.parse::<u32>()?,
            "murmur3_32 of {input}"
        );
        assert_eq!(xxh3_64(&bytes, xxh3_seed.parse()?), xxh3.parse::<u64>()?, "xxh3_64 of {input}");
    }
    Ok(())
}

#[test]
fn integers_hash_as_their_little_endian_bytes_or_decimal_text() -> Result<(), ParseIntError> {
    for [input, farmhash, murmur3_seed, murmur3, xxh3_seed, xxh3, of_text] in lines("int") {
        let value = input.parse::<i64>()?.cast_unsigned();
        assert_eq!(farmhash64_u64(value), farmhash.parse::<u64>()?, "farmhash64 of {input}");
        assert_eq!(
            murmur3_32_u64(value, murmur3_seed.parse()?),
            murmur3.parse::<u32>()?,
            "murmur3_32 of {input}"
        );
        assert_eq!(xxh3_64_u64(value, xxh3_seed.parse()?), xxh3.parse::<u64>()?, "xxh3_64 of {input}");
        assert_eq!(farmhash64(input.as_bytes()), of_text.parse::<u64>()?, "farmhash64 of the text {input}");
    }
    Ok(())
}

#[test]
fn buckets_are_those_of_to_hash_bucket_fast() -> Result<(), ParseIntError> {
    for [input, count, bucket] in lines("bucket") {
        let buckets = Buckets::new(count.parse::<NonZeroU64>()?);
        assert_eq!(
            buckets.of(farmhash64(&from_hex(input)?)),
            bucket.parse::<u64>()?,
            "{input} in {count} buckets"
        );
    }
    Ok(())
}

#[test]
fn crosses_are_those_of_sparse_cross_hashed() -> Result<(), ParseIntError> {
    for [inputs, count, bucket] in lines("cross") {
        let mut key = CROSS_KEY;
        for input in inputs.split(',') {
            let fingerprint = match input.split_once(':') {
                Some(("s", text)) => farmhash64(&from_hex(text)?),
                Some(("i", value)) => value.parse::<i64>()?.cast_unsigned(),
                _ => panic!("neither s: nor i: in {inputs}"),
            };
            key = fingerprint_cat64(key, fingerprint);
        }
        let buckets = Buckets::new(count.parse::<NonZeroU64>()?);
        assert_eq!(buckets.of(key), bucket.parse::<u64>()?, "cross of {inputs} in {count} buckets");
    }
    Ok(())
}
