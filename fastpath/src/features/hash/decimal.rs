//! Fingerprint64 of an integer's decimal text, as TensorFlow's `as_string` and `to_hash_bucket_fast` make it.

use super::farmhash::{farmhash64, farmhash64_word};

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

/// Up to eight digits, the first in the lowest byte, and how many they are.
///
/// The value is halved to two numbers of four digits, these to four of two, and those to eight digits, each step for all
/// numbers at once. The quotients are exact: x · 10486 / 2²⁰ for x < 10⁴ by 100, x · 103 / 2¹⁰ for x < 100 by 10.
#[inline]
fn short_decimal(value: u32) -> (u64, u64) {
    let fours = u64::from(value / 10_000) | u64::from(value % 10_000) << 32;
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let pairs = hundreds | (fours - 100 * hundreds) << 16;
    let tens = ((pairs * 103) >> 10) & 0x000f_000f_000f_000f;
    let digits = tens | (pairs - 10 * tens) << 8;
    // The last digit stands also where it is 0.
    let zeros = u64::from((digits | 1 << 56).trailing_zeros() / 8);
    ((digits | 0x3030_3030_3030_3030) >> (8 * zeros), 8 - zeros)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: i64) {
        assert_eq!(farmhash64_decimal(value), farmhash64(value.to_string().as_bytes()), "{value}");
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
