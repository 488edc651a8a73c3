//! Varints: integers in groups of seven bits, the lowest first (protobuf.dev, "Encoding").

use super::error::WireErrorKind;

/// The bit of each byte of a varint that says another byte follows.
const CONTINUE: u64 = 0x8080_8080_8080_8080;

/// The varint at the front of `bytes`, and what is behind it.
///
/// Where eight bytes can be read, a varint of up to 56 bits takes no branch a byte: the first byte without the
/// continuation bit ends it, and the 7-bit groups are pushed together pairwise.
#[inline]
pub fn split_varint(bytes: &[u8]) -> Result<(u64, &[u8]), WireErrorKind> {
    let Some((word, behind)) = bytes.split_first_chunk::<8>() else { return split_any_varint(bytes) };
    let word = u64::from_le_bytes(*word);
    if let Some(groups) = first_groups(word) {
        let length = (!word & CONTINUE).trailing_zeros() as usize / 8 + 1;
        return Ok((join(groups), bytes.get(length..).unwrap_or_default()));
    }
    let low = join(word & !CONTINUE);
    match *behind {
        [ninth, ref rest @ ..] if ninth < 0x80 => Ok((low | u64::from(ninth) << 56, rest)),
        // The tenth byte holds the 64th bit alone.
        [ninth, tenth @ 0..=1, ref rest @ ..] => {
            Ok((low | u64::from(ninth & 0x7f) << 56 | u64::from(tenth) << 63, rest))
        }
        [_, _, ..] => Err(WireErrorKind::Varint),
        _ => Err(WireErrorKind::Truncated),
    }
}

/// Reads all varints into the front of `out`, little-endian, and says how many there were; none where one is broken or
/// there are more of them than places.
#[must_use]
pub fn read_varints(bytes: &[u8], out: &mut [[u8; 8]]) -> Option<usize> {
    let Some(count) = gather_groups(bytes, out) else { return read_one_by_one(bytes, out) };
    join_groups(out.get_mut(..count)?);
    Some(count)
}

/// Puts the groups of each varint, which `join_groups` makes its value, into the front of `out` and says how many
/// there were; none where one has more than eight bytes or is broken, where there are more than places, and where
/// there are less than eight bytes in all.
///
/// The ends of all varints in 64 bytes are found first, since from one varint's length to the next would be a chain of
/// slow instructions. So the processor reads several varints at once.
#[inline]
#[must_use]
pub fn gather_groups(bytes: &[u8], out: &mut [[u8; 8]]) -> Option<usize> {
    let last = bytes.len().checked_sub(8)?;
    let last_word = u64::from_le_bytes(*bytes.last_chunk()?);
    let (mut count, mut start, mut begin) = (0, 0, 0);
    for block in bytes.chunks(64) {
        let mut ends = ends_of(block, last_word);
        let mut places = out.get_mut(count..)?.get_mut(..ends.count_ones() as usize)?.iter_mut();
        count += places.len();
        while start <= last && ends != 0 {
            let word = u64::from_le_bytes(*bytes.get(start..)?.first_chunk()?);
            *places.next()? = first_groups(word)?.to_le_bytes();
            start = begin + ends.trailing_zeros() as usize + 1;
            ends &= ends.wrapping_sub(1);
        }
        // Those that begin in the last seven bytes.
        for place in places {
            let word = last_word >> (8 * (start - last));
            *place = first_groups(word)?.to_le_bytes();
            start = begin + ends.trailing_zeros() as usize + 1;
            ends &= ends.wrapping_sub(1);
        }
        begin += 64;
    }
    (start == bytes.len()).then_some(count)
}

/// One bit for each byte of `block` that ends a varint, the lowest for the first. `last_word` is the last eight bytes of
/// all, with which a block of less than 64 bytes ends.
#[inline]
fn ends_of(block: &[u8], last_word: u64) -> u64 {
    let (words, rest) = block.as_chunks::<8>();
    let mut ends = 0;
    for (index, word) in words.iter().enumerate() {
        ends |= end_bits(u64::from_le_bytes(*word)) << (8 * index);
    }
    if !rest.is_empty() {
        let new = last_word >> (64 - 8 * rest.len());
        ends |= (end_bits(new) & !(u64::MAX << rest.len())) << (8 * words.len());
    }
    ends
}

/// The groups up to the first end; none where there is no end.
#[inline]
fn first_groups(word: u64) -> Option<u64> {
    let ends = !word & CONTINUE;
    (ends != 0).then_some(word & (ends ^ ends.wrapping_sub(1)) & !CONTINUE)
}

/// Makes of each word's groups its value.
#[inline]
pub fn join_groups(words: &mut [[u8; 8]]) {
    for word in words {
        *word = join_pairwise(u64::from_le_bytes(*word)).to_le_bytes();
    }
}

/// Reads as `read_varints` does, also varints of more than eight bytes.
#[must_use]
pub fn read_one_by_one(bytes: &[u8], out: &mut [[u8; 8]]) -> Option<usize> {
    let mut rest = bytes;
    let mut count = 0;
    while !rest.is_empty() {
        let (value, behind) = split_varint(rest).ok()?;
        *out.get_mut(count)? = value.to_le_bytes();
        rest = behind;
        count += 1;
    }
    Some(count)
}

/// Pushes eight groups of seven bits together: one instruction where the processor has it.
#[cfg(all(target_arch = "x86_64", target_feature = "bmi2"))]
#[inline]
fn join(groups: u64) -> u64 {
    // SAFETY: the instruction is part of the target that this is compiled for.
    unsafe { std::arch::x86_64::_pext_u64(groups, !CONTINUE) }
}

#[cfg(not(all(target_arch = "x86_64", target_feature = "bmi2")))]
use join_pairwise as join;

/// One bit for each byte without the continuation bit.
#[cfg(all(target_arch = "x86_64", target_feature = "bmi2"))]
#[inline]
fn end_bits(word: u64) -> u64 {
    // SAFETY: the instruction is part of the target that this is compiled for.
    unsafe { std::arch::x86_64::_pext_u64(!word, CONTINUE) }
}

/// One bit for each byte without the continuation bit, which a multiplication brings together.
#[cfg(not(all(target_arch = "x86_64", target_feature = "bmi2")))]
#[inline]
fn end_bits(word: u64) -> u64 {
    ((!word & CONTINUE) >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// Pushes eight groups of seven bits together, pairwise.
#[inline]
#[must_use]
pub fn join_pairwise(groups: u64) -> u64 {
    let pairs = (groups & 0x007f_007f_007f_007f) | (groups & 0x7f00_7f00_7f00_7f00) >> 1;
    let quads = (pairs & 0x0000_3fff_0000_3fff) | (pairs & 0x3fff_0000_3fff_0000) >> 2;
    (quads & 0x0fff_ffff) | (quads & 0x0fff_ffff_0000_0000) >> 4
}

/// A varint near the end of the bytes.
fn split_any_varint(bytes: &[u8]) -> Result<(u64, &[u8]), WireErrorKind> {
    let mut value = 0u64;
    for (index, &byte) in bytes.iter().enumerate().take(8) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return Ok((value, bytes.get(index + 1..).unwrap_or_default()));
        }
    }
    Err(WireErrorKind::Truncated)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn varint(value: u64) -> Vec<u8> {
        let mut writer = super::super::Writer::default();
        writer.varint(value);
        writer.into_vec()
    }

    /// Two of each length and more.
    fn values() -> impl Iterator<Item = u64> + Clone {
        (0..64).flat_map(|shift| [1u64 << shift, u64::MAX >> shift])
    }

    #[test]
    fn a_varint_is_the_same_whether_bytes_follow_it_or_not() {
        for value in values() {
            let alone = varint(value);
            let followed = [alone.as_slice(), &[0xff; 8]].concat();
            assert_eq!(split_varint(&alone), Ok((value, &[][..])));
            assert_eq!(split_varint(&followed), Ok((value, &[0xff; 8][..])));
        }
    }

    #[test]
    fn many_varints_at_once_are_what_one_after_the_other_are() {
        // Lists of values of one length, of mixed lengths, and such with one long value among short ones.
        let short = values().filter(|value| *value < 1 << 56);
        for count in [0, 1, 2, 7, 8, 9, 30, 63, 64, 65, 200] {
            let lists = values()
                .map(|value| vec![value; count])
                .chain([short.clone().cycle().take(count).collect(), values().cycle().take(count).collect()])
                .chain((0..count).map(|at| {
                    (0..count as u64).map(|i| if i == at as u64 { u64::MAX } else { i * 37 }).collect()
                }));
            for list in lists {
                let bytes = list.iter().flat_map(|value| varint(*value)).collect::<Vec<u8>>();
                let mut out = vec![[0xee; 8]; count + 1];
                assert_eq!(read_varints(&bytes, &mut out), Some(count));
                let read: Vec<u64> = out.iter().take(count).map(|value| u64::from_le_bytes(*value)).collect();
                assert_eq!(read, list);
                if count > 0 {
                    assert_eq!(read_varints(&bytes, out.get_mut(1..count).unwrap_or_default()), None);
                }
            }
        }
    }

    #[test]
    fn a_broken_varint_among_many_is_found() {
        for before in 0..80 {
            for after in [0, 1, 7, 8, 70] {
                for broken in [&[0xff; 11][..], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]] {
                    let bytes = [&vec![1; before], broken, &[1], &vec![1; after]].concat();
                    assert_eq!(read_varints(&bytes, &mut [[0; 8]; 200]), None);
                }
            }
            let open = [&vec![1; before][..], &[0x80]].concat();
            assert_eq!(read_varints(&open, &mut [[0; 8]; 200]), None);
        }
    }
}
