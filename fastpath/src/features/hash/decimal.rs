//! Fingerprint64 of an integer's decimal text, as TensorFlow's `as_string` and `to_hash_bucket_fast` make it.

use super::farmhash::{farmhash64, farmhash64_ends, farmhash64_word};

/// Fingerprint64 of the value in decimal digits, with a minus sign where it is negative.
#[inline]
#[must_use]
pub fn farmhash64_decimal(value: i64) -> u64 {
    match u32::try_from(value) {
        Ok(value) if value < 100_000_000 => {
            let (text, length) = short_decimal(value);
            farmhash64_word(text, length)
        }
        _ => farmhash64(itoa::Buffer::new().format(value).as_bytes()),
    }
}

/// Whether a value has four to seven digits.
#[inline(always)]
#[must_use]
pub fn is_middle(value: u64) -> bool {
    (1_000..10_000_000).contains(&value)
}

/// `farmhash64_decimal` of a value of four to seven digits. It takes no branch, so that the compiler makes vector
/// instructions of it.
#[inline(always)]
#[must_use]
pub fn farmhash64_middle(value: u64) -> u64 {
    let [five, six, seven] = [10_000, 100_000, 1_000_000].map(|least| u64::from(value >= least));
    let text = eight_digits(value) | ZEROS;
    let length = 4 + five + six + seven;
    farmhash64_ends((text >> (64 - 8 * length)) & 0xffff_ffff, text >> 32, length)
}

/// The text of eight zeros.
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// Up to eight digits as text, the first in the lowest byte, and how many they are.
#[inline]
fn short_decimal(value: u32) -> (u64, u64) {
    let digits = eight_digits(u64::from(value));
    // The last digit stands also where it is 0.
    let zeros = u64::from((digits | 1 << 56).trailing_zeros() / 8);
    ((digits | ZEROS) >> (8 * zeros), 8 - zeros)
}

/// The eight digits of a number below 10⁸, the first in the lowest byte.
///
/// The value is halved to two numbers of four digits, these to four of two, and those to eight digits, each step for all
/// numbers at once. The quotients are exact: x · 109951163 / 2⁴⁰ for x < 10⁸ by 10⁴, x · 10486 / 2²⁰ for x < 10⁴ by 100,
/// x · 103 / 2¹⁰ for x < 100 by 10.
#[inline(always)]
fn eight_digits(value: u64) -> u64 {
    let upper = ((value & 0xffff_ffff) * 109_951_163) >> 40;
    let lower = (value - 10_000 * upper) & 0xffff;
    let [upper, lower] = [upper, lower].map(|four| {
        let hundreds = (four * 10_486) >> 20;
        hundreds | (four - 100 * hundreds) << 16
    });
    let pairs = upper | lower << 32;
    let tens = ((pairs * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | (pairs - 10 * tens) << 8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: i64) {
        let expected = farmhash64(value.to_string().as_bytes());
        assert_eq!(farmhash64_decimal(value), expected, "{value}");
        if is_middle(value.cast_unsigned()) {
            assert_eq!(farmhash64_middle(value.cast_unsigned()), expected, "{value}");
        }
    }

    #[test]
    fn the_hash_is_that_of_the_decimal_text() {
        (0..20_000).chain((0..100_000_000).step_by(7_919)).for_each(check);
        for digits in 0..19 {
            let power = 10i64.pow(digits);
            for near in [power - 1, power, power + 1, 2 * (power / 2)] {
                check(near);
                check(-near);
            }
        }
        [i64::MIN, i64::MAX, i64::from(u32::MAX), i64::from(u32::MAX) + 1].into_iter().for_each(check);
    }
}
