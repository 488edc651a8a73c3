//! The commonest features as one step each, without the machinery that serves every kind of value.
//!
//! A field is quick when it has one use of one of the forms below. What a quick step does not take (an unusual
//! shape on the wire, a wrong kind) goes the general way, which also words the error; both ways give the
//! same bits, as a test holds.

use super::cell::Cell;
use super::fault::Fault;
use super::hash::{Buckets, farmhash64, farmhash64_u64};
use super::list_form::ListForm;
use super::number::NumberOp;
use super::pipeline::{Element, Head, round};
use super::place::{Buffer, is_text, skipped};
use super::program::{Field, Target, Use};
use crate::spec::text::{FeatureType, Keep};
use crate::wire::reader::{split_two_varints, split_varint};

/// One step from the wire to the tensor.
#[derive(Clone, Copy, Debug)]
pub enum Quick {
    /// A float scalar to FP32: `(x − sub) / div`, which is `standardize`, `min_max`, or, with 0 and 1, nothing.
    Float { target: Target, sub: f64, div: f64 },
    /// A text scalar hashed by farmhash64 to INT64.
    Text { target: Target, buckets: Buckets },
    /// A padded list of integers hashed by farmhash64 to INT64.
    Ints { target: Target, max: usize, keep: Keep, pad: [u8; 8], buckets: Buckets },
}

impl Quick {
    /// None where the field needs the general way.
    #[must_use]
    pub fn of(field: &Field, uses: &[Use]) -> Option<Self> {
        let ([only], None, None) = (uses, field.slot, &field.range) else { return None };
        let plain = !only.late && only.padding.is_empty() && only.pipeline.row.is_empty();
        let target = only.target.filter(|_| plain)?;
        match (field.kind, &only.list) {
            (FeatureType::Float, ListForm::Scalar) if only.pipeline.element == Element::Fp32 => {
                let (sub, div) = match *only.pipeline.ops {
                    [] => (0.0, 1.0),
                    [NumberOp::Standardize { mean, std }] => (mean, std),
                    [NumberOp::MinMax { min, range }] => (min, range),
                    _ => return None,
                };
                Some(Self::Float { target, sub, div })
            }
            (FeatureType::String, ListForm::Scalar) => match &only.pipeline.head {
                Head::Hash(hasher) if only.pipeline.is_plain_hash() => {
                    Some(Self::Text { target, buckets: hasher.buckets })
                }
                _ => None,
            },
            (FeatureType::Int, ListForm::Padded { max, keep, pad }) => match &only.pipeline.head {
                Head::Hash(hasher) if only.pipeline.is_plain_hash() => {
                    let pad = *pad.first_chunk::<8>()?;
                    Some(Self::Ints { target, max: *max, keep: *keep, pad, buckets: hasher.buckets })
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// Puts the values into the row; false where they need the general way, which then finds nothing done
    /// that it does not do again.
    #[inline(always)]
    pub(super) fn put(&self, columns: &mut [Buffer], row: usize, cell: Cell<'_>) -> Result<bool, Fault> {
        match (self, cell) {
            (Self::Float { target, sub, div }, Cell::Floats([value])) => {
                if let Some(out) = element::<4>(columns, *target, row) {
                    let value = (f64::from(f32::from_le_bytes(*value)) - sub) / div;
                    *out = round(value).to_le_bytes();
                }
                Ok(true)
            }
            (Self::Text { target, buckets }, Cell::BytesList([0x0a, length, text @ ..]))
                if usize::from(*length) == text.len() && *length < 0x80 =>
            {
                Ok(put_text(columns, *target, row, *buckets, text))
            }
            (Self::Text { target, buckets }, Cell::Texts([text])) => {
                Ok(put_text(columns, *target, row, *buckets, text))
            }
            (Self::Ints { target, max, keep, pad, buckets }, Cell::Ints(values)) => {
                let Some(buffer) = columns.get_mut(target.column) else { return Ok(true) };
                let (out, _) = buffer.place(row, target.offset_bytes, 8 * max).as_chunks_mut::<8>();
                let skip = skipped(values.len(), *max, *keep)?;
                let (ids, padding) = out.split_at_mut((values.len() - skip).min(*max));
                padding.fill(*pad);
                for (id, value) in ids.iter_mut().zip(values.get(skip..).unwrap_or_default()) {
                    *id = farmhash64_u64(u64::from_le_bytes(*value)).to_le_bytes();
                }
                reduce(ids, *buckets);
                Ok(true)
            }
            (Self::Ints { target, max, pad, buckets, .. }, Cell::Varints(values)) => {
                let Some(buffer) = columns.get_mut(target.column) else { return Ok(true) };
                let (out, _) = buffer.place(row, target.offset_bytes, 8 * max).as_chunks_mut::<8>();
                // A list that is too long, or broken, goes the general way.
                let Some(count) = read_varints(values, out) else { return Ok(false) };
                let Some((ids, padding)) = out.split_at_mut_checked(count) else { return Ok(false) };
                padding.fill(*pad);
                for id in &mut *ids {
                    *id = farmhash64_u64(u64::from_le_bytes(*id)).to_le_bytes();
                }
                reduce(ids, *buckets);
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}

/// Reads all varints into the front of `out` and says how many there were; none where one is broken or there are more.
///
/// Reading is a loop of its own: it is a chain, from each varint's length to the next, while hashing has none, so that
/// the processor hashes several values at once.
#[inline]
fn read_varints(values: &[u8], out: &mut [[u8; 8]]) -> Option<usize> {
    let mut rest = values;
    let mut count = 0;
    for pair in out.as_chunks_mut::<2>().0 {
        let Some((values, behind)) = split_two_varints(rest) else { break };
        *pair = values.map(u64::to_le_bytes);
        rest = behind;
        count += 2;
    }
    while !rest.is_empty() {
        let (value, behind) = split_varint(rest).ok()?;
        *out.get_mut(count)? = value.to_le_bytes();
        rest = behind;
        count += 1;
    }
    Some(count)
}

/// Hashes to buckets.
#[inline]
fn reduce(hashes: &mut [[u8; 8]], buckets: Buckets) {
    for hash in hashes {
        *hash = buckets.of(u64::from_le_bytes(*hash)).to_le_bytes();
    }
}

/// Hashes one text; false where it is none.
#[inline(always)]
fn put_text(columns: &mut [Buffer], target: Target, row: usize, buckets: Buckets, text: &[u8]) -> bool {
    if !is_text(text) {
        return false;
    }
    if let Some(out) = element::<8>(columns, target, row) {
        *out = buckets.of(farmhash64(text)).to_le_bytes();
    }
    true
}

/// One element of a row.
#[inline(always)]
fn element<const SIZE: usize>(columns: &mut [Buffer], target: Target, row: usize) -> Option<&mut [u8; SIZE]> {
    columns.get_mut(target.column)?.place(row, target.offset_bytes, SIZE).first_chunk_mut()
}
