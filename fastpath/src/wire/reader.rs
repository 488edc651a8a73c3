//! Reads protobuf fields from a slice (protobuf.dev, "Encoding").

use super::error::{WireError, WireErrorKind};
use super::varint::split_varint;

/// Groups may nest this deep inside an unknown field; the protocol itself uses none.
pub const MAX_DEPTH: usize = 16;

/// What no byte of ASCII has.
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

const MAX_FIELD_NUMBER: u64 = (1 << 29) - 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireType {
    Varint,
    Fixed64,
    Length,
    GroupStart,
    GroupEnd,
    Fixed32,
}

impl WireType {
    #[inline]
    fn of(bits: u8) -> Option<Self> {
        Some(match bits {
            0 => Self::Varint,
            1 => Self::Fixed64,
            2 => Self::Length,
            3 => Self::GroupStart,
            4 => Self::GroupEnd,
            5 => Self::Fixed32,
            _ => return None,
        })
    }
}

/// A cursor over the fields of one message. Copying it is cheap.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    /// Offset of the end of `rest` in the whole request.
    end: usize,
}

impl<'a> Reader<'a> {
    #[must_use]
    pub fn new(message: &'a [u8]) -> Self {
        Self { rest: message, end: message.len() }
    }

    /// Offset of the next byte in the whole request.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.end - self.rest.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The bytes that have not been read.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Passes over so many bytes, or all that there are.
    #[inline]
    pub fn pass(&mut self, length: usize) {
        self.rest = self.rest.get(length..).unwrap_or_default();
    }

    #[must_use]
    pub fn error(&self, kind: WireErrorKind) -> WireError {
        WireError { kind, offset: self.offset() }
    }

    /// The next field's number and wire type; none at the end of the message.
    #[inline]
    pub fn field(&mut self) -> Result<Option<(u32, WireType)>, WireError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        // Numbers below 16.
        if let [tag @ 0x08..0x80, ref rest @ ..] = *self.rest
            && let Some(wire_type) = WireType::of(tag & 7)
        {
            self.rest = rest;
            return Ok(Some((u32::from(tag >> 3), wire_type)));
        }
        let tag = self.varint()?;
        let [low, ..] = tag.to_le_bytes();
        let wire_type = WireType::of(low & 7).ok_or_else(|| self.error(WireErrorKind::WireType))?;
        match u32::try_from(tag >> 3) {
            Ok(number) if number != 0 && u64::from(number) <= MAX_FIELD_NUMBER => {
                Ok(Some((number, wire_type)))
            }
            _ => Err(self.error(WireErrorKind::FieldNumber)),
        }
    }

    /// Takes `byte` if it is next: the common case of a known tag or length.
    #[inline]
    pub fn take_byte(&mut self, byte: u8) -> bool {
        match self.rest.split_first() {
            Some((&first, rest)) if first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    #[inline]
    pub fn varint(&mut self) -> Result<u64, WireError> {
        match *self.rest {
            [byte, ref rest @ ..] if byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(byte))
            }
            [low, high, ref rest @ ..] if high < 0x80 => {
                self.rest = rest;
                Ok(u64::from(low & 0x7f) | u64::from(high) << 7)
            }
            _ => self.long_varint(),
        }
    }

    #[inline(never)]
    fn long_varint(&mut self) -> Result<u64, WireError> {
        match split_varint(self.rest) {
            Ok((value, rest)) => {
                self.rest = rest;
                Ok(value)
            }
            Err(kind) => Err(self.error(kind)),
        }
    }

    #[inline]
    pub fn fixed32(&mut self) -> Result<[u8; 4], WireError> {
        match self.rest.split_first_chunk::<4>() {
            Some((value, rest)) => {
                self.rest = rest;
                Ok(*value)
            }
            None => Err(self.error(WireErrorKind::Truncated)),
        }
    }

    #[inline]
    pub fn fixed64(&mut self) -> Result<[u8; 8], WireError> {
        match self.rest.split_first_chunk::<8>() {
            Some((value, rest)) => {
                self.rest = rest;
                Ok(*value)
            }
            None => Err(self.error(WireErrorKind::Truncated)),
        }
    }

    /// A length-delimited field's content.
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], WireError> {
        let length = self.varint()?;
        match usize::try_from(length).ok().and_then(|length| self.rest.split_at_checked(length)) {
            Some((content, rest)) => {
                self.rest = rest;
                Ok(content)
            }
            None => Err(self.error(WireErrorKind::Truncated)),
        }
    }

    /// The content of a length-delimited field of less than 128 bytes if `tag` is next and all of it is there.
    #[inline(always)]
    pub fn short_bytes(&mut self, tag: u8) -> Option<&'a [u8]> {
        let [first, length @ ..0x80, rest @ ..] = self.rest else { return None };
        let (content, rest) = rest.split_at_checked(usize::from(*length)).filter(|_| *first == tag)?;
        self.rest = rest;
        Some(content)
    }

    /// A length-delimited field as a message.
    #[inline]
    pub fn message(&mut self) -> Result<Reader<'a>, WireError> {
        let rest = self.bytes()?;
        Ok(Reader { rest, end: self.offset() })
    }

    /// A length-delimited field as text; `field` is its path in the request, for the error.
    #[inline]
    pub fn string(&mut self, field: &'static str) -> Result<&'a str, WireError> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map_err(|_| self.error(WireErrorKind::Utf8 { field }))
    }

    /// The same as bytes, which costs less.
    #[inline]
    pub fn text(&mut self, field: &'static str) -> Result<&'a [u8], WireError> {
        let bytes = self.bytes()?;
        if is_text(bytes) { Ok(bytes) } else { Err(self.error(WireErrorKind::Utf8 { field })) }
    }

    /// Passes over a field's value without storing it; groups are walked, not recursed into.
    pub fn skip(&mut self, number: u32, wire_type: WireType) -> Result<(), WireError> {
        match wire_type {
            WireType::Varint => self.varint().map(drop),
            WireType::Fixed64 => self.fixed64().map(drop),
            WireType::Fixed32 => self.fixed32().map(drop),
            WireType::Length => self.bytes().map(drop),
            WireType::GroupEnd => Err(self.error(WireErrorKind::Group)),
            WireType::GroupStart => self.skip_group(number),
        }
    }

    fn skip_group(&mut self, number: u32) -> Result<(), WireError> {
        let mut open = [0u32; MAX_DEPTH];
        let mut depth = 0;
        let mut begun = Some(number);
        loop {
            if let Some(number) = begun {
                let Some(slot) = open.get_mut(depth) else {
                    return Err(self.error(WireErrorKind::Depth));
                };
                *slot = number;
                depth += 1;
            }
            begun = None;
            match self.field()? {
                None => return Err(self.error(WireErrorKind::Truncated)),
                Some((number, WireType::GroupStart)) => begun = Some(number),
                Some((number, WireType::GroupEnd)) => {
                    depth -= 1;
                    if open.get(depth) != Some(&number) {
                        return Err(self.error(WireErrorKind::Group));
                    }
                    if depth == 0 {
                        return Ok(());
                    }
                }
                Some((number, wire_type)) => self.skip(number, wire_type)?,
            }
        }
    }
}

/// Whether the bytes are UTF-8. Short texts are ASCII nearly always; those of 8 to 32 bytes are looked at in words, the
/// last overlapping those before, since the general check costs more than their hash.
#[inline]
#[must_use]
pub fn is_text(bytes: &[u8]) -> bool {
    let word = |bytes: &[u8; 8]| u64::from_ne_bytes(*bytes);
    let ascii = match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) if bytes.len() <= 16 => (word(first) | word(last)) & HIGH_BITS == 0,
        (_, Some(last)) if bytes.len() <= 32 => {
            let words = bytes.as_chunks().0.iter();
            words.fold(word(last), |all, bytes| all | word(bytes)) & HIGH_BITS == 0
        }
        _ => bytes.is_ascii(),
    };
    ascii || std::str::from_utf8(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_varint_of_64_bits_is_read_and_one_of_65_is_refused() {
        let largest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(Reader::new(&largest).varint(), Ok(u64::MAX));
        let mut over = largest;
        over[9] = 2;
        assert_eq!(Reader::new(&over).varint().map_err(|error| error.kind), Err(WireErrorKind::Varint));
        assert_eq!(
            Reader::new(&largest[..9]).varint().map_err(|error| error.kind),
            Err(WireErrorKind::Truncated)
        );
    }

    #[test]
    fn a_length_beyond_the_end_is_truncation_at_its_offset() {
        let mut reader = Reader::new(&[0x0a, 0x05, 1, 2]);
        assert_eq!(reader.field(), Ok(Some((1, WireType::Length))));
        assert_eq!(reader.bytes(), Err(WireError { kind: WireErrorKind::Truncated, offset: 2 }));
    }

    #[test]
    fn groups_are_skipped_to_their_own_end_and_no_deeper_than_the_limit() {
        // group 1 { group 2 { varint 3 } } then field 4
        let mut reader = Reader::new(&[0x0b, 0x13, 0x18, 0x07, 0x14, 0x0c, 0x20, 0x01]);
        let (number, wire_type) = reader.field().unwrap().unwrap();
        assert_eq!(reader.skip(number, wire_type), Ok(()));
        assert_eq!(reader.field(), Ok(Some((4, WireType::Varint))));

        let bomb = [0x0b; 64];
        let mut reader = Reader::new(&bomb);
        let (number, wire_type) = reader.field().unwrap().unwrap();
        assert_eq!(reader.skip(number, wire_type).map_err(|error| error.kind), Err(WireErrorKind::Depth));
    }

    #[test]
    fn a_group_that_another_group_ends_is_refused() {
        let mut reader = Reader::new(&[0x0b, 0x14]);
        let (number, wire_type) = reader.field().unwrap().unwrap();
        assert_eq!(reader.skip(number, wire_type).map_err(|error| error.kind), Err(WireErrorKind::Group));
    }

    #[test]
    fn field_number_zero_and_wire_types_six_and_seven_are_refused() {
        for tag in [0x00, 0x0e, 0x0f] {
            assert!(Reader::new(&[tag, 0]).field().is_err());
        }
    }
}
