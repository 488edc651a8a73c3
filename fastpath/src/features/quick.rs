//! The commonest features as one step each, without the machinery that serves every kind of value.
//!
//! A field is quick when it has one use of one of the forms below. What a quick step does not take (an unusual
//! shape on the wire, a wrong kind) goes the general way, which also words the error; both ways give the
//! same bits, as a test holds.

use super::category::Hasher;
use super::cell::Cell;
use super::fault::Fault;
use super::hash::{Buckets, IntegerHash, farmhash64};
use super::list_form::ListForm;
use super::number::NumberOp;
use super::pipeline::{Element, round};
use super::place::{Buffer, skipped};
use super::program::{Field, Target, Use};
use super::unhashed::Unhashed;
use crate::spec::text::{FeatureType, IntsAs, Keep};
use crate::wire::reader::is_text;
use crate::wire::varint::{gather_groups, read_one_by_one};

/// One step from the wire to the tensor.
#[derive(Clone, Copy, Debug)]
pub enum Quick {
    /// A float scalar to FP32: `(x − sub) / div`, which is `standardize`, `min_max`, or, with 0 and 1, nothing.
    Float { target: Target, sub: f64, div: f64 },
    /// A text scalar hashed by farmhash64 to INT64.
    Text { target: Target, buckets: Buckets },
    /// A padded list of integers hashed by farmhash64 to INT64.
    Ints { target: Target, max: usize, keep: Keep, pad: [u8; 8], hash: IntegerHash },
}

impl Quick {
    /// None where the field needs the general way.
    #[must_use]
    pub fn of(field: &Field, uses: &[Use]) -> Option<Self> {
        let ([only], None, None, false) = (uses, field.slot, &field.range, field.per_request) else {
            return None;
        };
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
            (FeatureType::String, ListForm::Scalar) => {
                Some(Self::Text { target, buckets: only.pipeline.plain_hash()?.buckets })
            }
            (FeatureType::Int, ListForm::Padded { max, keep, pad }) => {
                let Hasher { ints, buckets, .. } = only.pipeline.plain_hash()?;
                let hash = match ints {
                    IntsAs::Bytes => IntegerHash::Bytes(*buckets),
                    IntsAs::Text => IntegerHash::Decimal(*buckets),
                };
                Some(Self::Ints { target, max: *max, keep: *keep, pad: *pad.first_chunk::<8>()?, hash })
            }
            _ => None,
        }
    }

    /// Puts the values into the row; false where they need the general way, which then finds nothing done
    /// that it does not do again.
    #[inline(always)]
    pub(super) fn put(
        &self,
        columns: &mut [Buffer],
        unhashed: &mut Unhashed,
        row: usize,
        cell: Cell<'_>,
    ) -> Result<bool, Fault> {
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
            (Self::Ints { target, max, keep, pad, hash }, Cell::Ints(values)) => {
                let Some(buffer) = columns.get_mut(target.column) else { return Ok(true) };
                let (out, _) = buffer.place(row, target.offset_bytes, 8 * max).as_chunks_mut::<8>();
                let skip = skipped(values.len(), *max, *keep)?;
                let (ids, padding) = out.split_at_mut((values.len() - skip).min(*max));
                padding.fill(*pad);
                ids.copy_from_slice(values.get(skip..skip + ids.len()).unwrap_or_default());
                hash.hash_all(ids);
                Ok(true)
            }
            (Self::Ints { target, max, pad, hash, .. }, Cell::Varints(values)) => {
                let Some(buffer) = columns.get_mut(target.column) else { return Ok(true) };
                let from = buffer.offset(row, target.offset_bytes);
                let (out, _) = buffer.place(row, target.offset_bytes, 8 * max).as_chunks_mut::<8>();
                let gathered = gather_groups(values, out);
                // A list that is too long, or broken, goes the general way.
                let Some(count) = gathered.or_else(|| read_one_by_one(values, out)) else { return Ok(false) };
                let Some((ids, padding)) = out.split_at_mut_checked(count) else { return Ok(false) };
                padding.fill(*pad);
                if gathered.is_some() {
                    unhashed.push(target.column, from, 8 * count, *hash);
                } else {
                    hash.hash_all(ids);
                }
                Ok(true)
            }
            _ => Ok(false),
        }
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
