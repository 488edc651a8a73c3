//! Integers (RFC 7541, section 5.1): a prefix within an octet, and further octets where it does not suffice.

use super::Error;

/// Where the bits of the octets behind the prefix go. Five octets in all hold 28 bits: more than any table or string has,
/// and so few that nothing overflows.
const SHIFTS: [u32; 4] = [0, 7, 14, 21];

/// Reads an integer whose first octet is taken off already, and gives what is behind it, too; `mask` is what of the octet
/// is the prefix.
#[inline]
pub fn read(first: u8, mask: u8, rest: &[u8]) -> Result<(usize, &[u8]), Error> {
    let prefix = first & mask;
    if prefix < mask { Ok((prefix.into(), rest)) } else { go_on(prefix, rest) }
}

fn go_on(prefix: u8, mut rest: &[u8]) -> Result<(usize, &[u8]), Error> {
    let mut value = usize::from(prefix);
    for shift in SHIFTS {
        let (octet, behind) = rest.split_first().ok_or(Error::IntegerCutOff)?;
        rest = behind;
        value += usize::from(octet & 0x7f) << shift;
        if *octet < 0x80 {
            return Ok((value, rest));
        }
    }
    Err(Error::IntegerTooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The integer, and how many octets follow it.
    fn integer(mask: u8, octets: &[u8]) -> Result<(usize, usize), Error> {
        let (first, rest) = octets.split_first().unwrap();
        read(*first, mask, rest).map(|(value, rest)| (value, rest.len()))
    }

    #[test]
    fn the_examples_of_appendix_c_1_are_read() {
        assert_eq!(integer(0x1f, &[0xea, 0xff]), Ok((10, 1)));
        assert_eq!(integer(0x1f, &[0x1f, 0x9a, 0x0a, 0xff]), Ok((1337, 1)));
        assert_eq!(integer(0xff, &[42, 0xff]), Ok((42, 1)));
    }

    #[test]
    fn a_full_prefix_goes_on_even_with_nothing() {
        assert_eq!(integer(0x7f, &[0xff, 0]), Ok((127, 0)));
        assert_eq!(integer(0x7f, &[0x7f, 0x80, 0x80, 0x80, 0]), Ok((127, 0)));
    }

    #[test]
    fn an_integer_has_five_octets_at_most() {
        assert_eq!(integer(0x7f, &[0x7f, 0xff, 0xff, 0xff, 0x7f]), Ok(((1 << 28) - 1 + 127, 0)));
        for last in [0x80, 0xff] {
            assert_eq!(integer(0x7f, &[0x7f, 0x80, 0x80, 0x80, last, 0]), Err(Error::IntegerTooLarge));
        }
    }

    #[test]
    fn an_integer_that_is_cut_off_is_an_error() {
        for octets in [&[0x0f][..], &[0x0f, 0x80], &[0x0f, 0xff, 0xff, 0xff]] {
            assert_eq!(integer(0x0f, octets), Err(Error::IntegerCutOff));
        }
    }
}
