//! What one `[[feature]]` does to each of its values, from the value as sent to the tensor's element.

use std::sync::Arc;

use half::{bf16, f16};

use super::category::{HashFunction, Hasher, Vocabulary};
use super::fault::{Fault, FaultKind};
use super::hash::murmur3_32;
use super::number::{Number, NumberOp};
use super::row_op::{self, Numbers, RowStep};
use super::tally::Tally;
use super::time::{TimePart, milliseconds};
use crate::spec::text::TimeUnit;
use crate::wire::Datatype;

/// The first operation, the number operations behind it, those that take the values of a row together, and the element
/// they end in.
#[derive(Clone, Debug)]
pub struct Pipeline {
    pub head: Head,
    pub ops: Box<[NumberOp]>,
    pub row: Box<[RowStep]>,
    pub element: Element,
}

/// What turns a sent value into a number.
#[derive(Clone, Debug)]
pub enum Head {
    /// Numbers as they are.
    Number,
    Hash(Hasher),
    Vocab(Vocabulary),
    /// A vocabulary that is still to be fitted.
    Tally(Arc<Tally>),
    Time(TimePart, TimeUnit),
    /// The signed hash of text that `feature_hasher` makes a column and a sign of.
    SignedHash,
}

/// The element type of the tensor that takes the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    Fp32,
    Fp64,
    Fp16,
    Bf16,
    Int64,
    Int32,
    Bool,
}

impl Element {
    #[must_use]
    pub fn of(datatype: Datatype) -> Option<Self> {
        Some(match datatype {
            Datatype::Fp32 => Self::Fp32,
            Datatype::Fp64 => Self::Fp64,
            Datatype::Fp16 => Self::Fp16,
            Datatype::Bf16 => Self::Bf16,
            Datatype::Int64 => Self::Int64,
            Datatype::Int32 => Self::Int32,
            Datatype::Bool => Self::Bool,
            _ => return None,
        })
    }

    #[must_use]
    pub fn is_integer(self) -> bool {
        matches!(self, Self::Int64 | Self::Int32 | Self::Bool)
    }

    #[inline]
    #[must_use]
    pub fn size_bytes(self) -> usize {
        match self {
            Self::Fp64 | Self::Int64 => 8,
            Self::Fp32 | Self::Int32 => 4,
            Self::Fp16 | Self::Bf16 => 2,
            Self::Bool => 1,
        }
    }

    /// Writes the number into the front of `out`, rounded once. `out` holds at least one element.
    #[inline]
    pub fn write(self, number: Number, out: &mut [u8]) -> Result<(), Fault> {
        match self {
            Self::Fp32 => put(
                out,
                match number {
                    Number::Float(value) => round(value),
                    Number::Int(value) => value as f32,
                }
                .to_le_bytes(),
            ),
            Self::Fp64 => put(out, number.float().to_le_bytes()),
            Self::Fp16 => put(out, f16::from_f32(to_odd(number.float())).to_le_bytes()),
            Self::Bf16 => put(out, bf16::from_f32(to_odd(number.float())).to_le_bytes()),
            Self::Int64 => put(out, integer(number).to_le_bytes()),
            Self::Int32 => {
                let value = integer(number);
                match i32::try_from(value) {
                    Ok(value) => put(out, value.to_le_bytes()),
                    Err(_) => return Err(FaultKind::Overflow { value, datatype: "INT32" }.into()),
                }
            }
            Self::Bool => put(out, [u8::from(integer(number) != 0)]),
        }
        Ok(())
    }
}

/// The nearest 32-bit float, with ties to even.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "rounding is what is asked for")]
pub(super) fn round(value: f64) -> f32 {
    value as f32
}

/// The 32-bit float at or next to `value` whose last bit says that something was cut off. Rounding it again, to a
/// type with at least two bits less, gives what rounding `value` itself would ("round to odd").
fn to_odd(value: f64) -> f32 {
    let near = round(value);
    if f64::from(near).to_bits() == value.to_bits() || near.is_nan() || near.to_bits() & 1 == 1 {
        return near;
    }
    let away = f64::from(near).abs() > value.abs();
    f32::from_bits(if away { near.to_bits() - 1 } else { near.to_bits() | 1 })
}

/// The compiler lets no float through to an integer element.
#[inline]
fn integer(number: Number) -> i64 {
    match number {
        Number::Int(value) => value,
        Number::Float(_) => 0,
    }
}

#[inline]
fn put<const SIZE: usize>(out: &mut [u8], bytes: [u8; SIZE]) {
    if let Some(front) = out.first_chunk_mut::<SIZE>() {
        *front = bytes;
    }
}

impl Pipeline {
    /// A number through the operations behind the first.
    #[inline]
    pub fn number(&self, mut number: Number) -> Result<Number, Fault> {
        for op in &self.ops {
            number = op.apply(number)?;
        }
        Ok(number)
    }

    /// A float through the operations on each value.
    #[inline]
    pub fn float(&self, value: f64) -> Result<Number, Fault> {
        self.number(Number::Float(value))
    }

    /// An integer, bool or timestamp through the operations on each value.
    #[inline]
    pub fn int(&self, value: i64) -> Result<Number, Fault> {
        let number = Number::Int(match &self.head {
            Head::Number | Head::SignedHash => value,
            Head::Hash(hasher) => hasher.int(value),
            Head::Vocab(vocabulary) => vocabulary.int(value)?,
            Head::Tally(tally) => tally.int(value),
            Head::Time(part, unit) => return self.number(part.of(milliseconds(value, *unit))),
        });
        self.number(number)
    }

    /// Text or bytes through the operations on each value.
    #[inline]
    pub fn bytes(&self, value: &[u8]) -> Result<Number, Fault> {
        let id = match &self.head {
            Head::Hash(hasher) => hasher.bytes(value),
            Head::Vocab(vocabulary) => vocabulary.text(value)?,
            Head::Tally(tally) => tally.text(value),
            Head::SignedHash => i64::from(murmur3_32(value, 0).cast_signed()),
            // `length` looks at no value; the compiler lets no other text in here.
            Head::Number | Head::Time(..) => 0,
        };
        self.number(Number::Int(id))
    }

    /// What the operations on its value made of a scalar, into `out`, which has the elements of the whole use.
    #[inline]
    pub fn put(&self, number: Number, out: &mut [u8]) -> Result<(), Fault> {
        if self.row.is_empty() {
            return self.element.write(number, out);
        }
        self.put_all(Numbers::from_elem(number, 1), out)
    }

    /// What the operations on each value made of a row's values, through those that take them together, into `out`.
    pub fn put_all(&self, numbers: Numbers, out: &mut [u8]) -> Result<(), Fault> {
        row_op::put(&self.row, numbers, self.element, out)
    }

    /// How many values its vocabulary knows; none without one. Ids from there on are those of unknown values.
    #[must_use]
    pub fn known_values(&self) -> Option<usize> {
        if let Head::Vocab(vocabulary) = &self.head { Some(vocabulary.len()) } else { None }
    }

    /// The hasher, where it does nothing but hash by farmhash64 to INT64: the commonest use of ids.
    #[must_use]
    pub fn plain_hash(&self) -> Option<&Hasher> {
        match &self.head {
            Head::Hash(hasher)
                if hasher.function == HashFunction::Farmhash64
                    && self.ops.is_empty()
                    && self.row.is_empty()
                    && self.element == Element::Int64 =>
            {
                Some(hasher)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_floats_are_rounded_once() {
        // Just above the middle of two bfloat16 numbers; rounded to 32 bits first, it would be the middle.
        let value = 1.0 + 2f64.powi(-8) + 2f64.powi(-40);
        let mut out = [0; 2];
        Element::Bf16.write(Number::Float(value), &mut out).unwrap();
        assert_eq!(u16::from_le_bytes(out), 0x3f81);
        let value = 1.0 + 2f64.powi(-11) + 2f64.powi(-40);
        Element::Fp16.write(Number::Float(value), &mut out).unwrap();
        assert_eq!(u16::from_le_bytes(out), 0x3c01);
        let largest = f64::from(f32::MAX) * 2.0;
        Element::Bf16.write(Number::Float(-largest), &mut out).unwrap();
        assert_eq!(u16::from_le_bytes(out), 0xff80);
    }
}
