//! The values of one feature in one row, in whatever form they came.

use super::fault::{Fault, FaultKind};
use crate::wire::varint::split_varint;
use crate::wire::{Reader, WireError, WireErrorKind};

/// Values of one feature in one row. Copying it is cheap.
#[derive(Clone, Copy, Debug)]
pub enum Cell<'a> {
    /// No value, and so of no kind.
    None,
    /// Little-endian f32.
    Floats(&'a [[u8; 4]]),
    /// Little-endian f64.
    Doubles(&'a [[u8; 8]]),
    /// Little-endian i64.
    Ints(&'a [[u8; 8]]),
    /// Varints, one after the other.
    Varints(&'a [u8]),
    /// The fields of a `BytesList` message.
    BytesList(&'a [u8]),
    Texts(&'a [&'a [u8]]),
}

impl Cell<'_> {
    /// The kind as callers know it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::None => "nothing",
            Self::Floats(_) | Self::Doubles(_) => "floats",
            Self::Ints(_) | Self::Varints(_) => "integers",
            Self::BytesList(_) | Self::Texts(_) => "bytes or text",
        }
    }
}

/// How many varints the bytes hold: as many as bytes without the continuation bit. An error where the bytes end
/// inside a varint.
#[inline]
pub fn count_varints(bytes: &[u8]) -> Result<usize, Fault> {
    if bytes.last().is_some_and(|byte| *byte >= 0x80) {
        let error = WireError { kind: WireErrorKind::Truncated, offset: bytes.len() };
        return Err(FaultKind::Wire(error).into());
    }
    Ok(bytes.iter().map(|byte| usize::from(*byte < 0x80)).sum())
}

/// The varints in the bytes; a broken one ends the iteration with its error.
#[inline]
pub fn varints(bytes: &[u8]) -> impl Iterator<Item = Result<i64, Fault>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let offset = bytes.len() - rest.len();
        match split_varint(rest) {
            Ok((value, behind)) => {
                rest = behind;
                Some(Ok(value.cast_signed()))
            }
            Err(kind) => {
                rest = &[];
                Some(Err(FaultKind::Wire(WireError { kind, offset }).into()))
            }
        }
    })
}

/// The elements of a `BytesList` message.
#[inline(always)]
pub fn bytes_list(message: &[u8]) -> impl Iterator<Item = Result<&[u8], Fault>> {
    let mut reader = Reader::new(message);
    std::iter::from_fn(move || {
        if let Some(short) = reader.short_bytes(0x0a) {
            return Some(Ok(short));
        }
        let item = next_bytes(&mut reader);
        if item.is_err() {
            reader = Reader::new(&[]);
        }
        item.map_err(Fault::from).transpose()
    })
}

#[inline(never)]
fn next_bytes<'a>(reader: &mut Reader<'a>) -> Result<Option<&'a [u8]>, WireError> {
    loop {
        if reader.take_byte(0x0a) {
            return reader.bytes().map(Some);
        }
        match reader.field()? {
            None => return Ok(None),
            Some((number, wire_type)) => reader.skip(number, wire_type)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_are_counted_without_decoding_them() {
        let bytes = [1, 0x80, 1, 0xff, 0xff, 3];
        assert_eq!(count_varints(&bytes), Ok(varints(&bytes).count()));
    }

    #[test]
    fn a_list_that_ends_in_half_a_varint_is_an_error() {
        assert!(varints(&[1, 0x80]).last().unwrap().is_err());
        assert!(count_varints(&[1, 0x80]).is_err());
    }
}
