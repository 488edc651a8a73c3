//! Whole columns of the commonest features: the steps of `quick` for all rows of a request at once.
//!
//! Each step is a loop over many values, so that the processor works on several of them at a time. What these
//! loops do not take goes row by row, which gives the same bits, as a test holds.

use smallvec::SmallVec;

use super::columns::{Parsed, Values};
use super::hash::{Buckets, IntegerHash, farmhash64};
use super::pipeline::round;
use super::place::{Buffer, skipped};
use super::program::Target;
use super::quick::Quick;
use crate::spec::text::Keep;
use crate::wire::reader::is_text;

/// Floats that are under way at once: enough for vector instructions, few enough for the stack.
const BLOCK: usize = 64;
/// Values of all lists of a column that need no memory from the heap: a request of one row.
const FEW: usize = 32;

/// A padded list and its hash.
struct Lists {
    max: usize,
    keep: Keep,
    pad: [u8; 8],
    hash: IntegerHash,
}

impl Quick {
    /// Puts the values of all rows; false where one of them needs the general way, which then does them all again.
    pub(super) fn put_column(&self, buffers: &mut [Buffer], column: &Parsed<'_>) -> bool {
        match (*self, &column.values) {
            (Self::Float { target, sub, div }, Values::Floats(bytes)) if column.has_one_a_row() => {
                put_floats(rows::<4>(buffers, target), column, bytes.as_chunks().0, |value| {
                    (value - sub) / div
                });
                true
            }
            (Self::Text { target, buckets }, Values::Texts(texts)) if column.has_one_a_row() => {
                put_texts(rows::<8>(buffers, target), column, texts, buckets)
            }
            (Self::Ints { target, max, keep, pad, hash }, values) => {
                let values = match values {
                    Values::FixedInts(bytes) => bytes.as_chunks().0,
                    Values::Ints(values) => values,
                    _ => return false,
                };
                let lists = Lists { max, keep, pad, hash };
                put_lists(rows::<8>(buffers, target), column, values, &lists)
            }
            _ => false,
        }
    }
}

/// The target's elements in each row.
fn rows<const SIZE: usize>(
    buffers: &mut [Buffer],
    target: Target,
) -> impl Iterator<Item = &mut [[u8; SIZE]]> {
    let (row_bytes, data) = match buffers.get_mut(target.column) {
        Some(Buffer::Fixed { row_bytes, data }) => (*row_bytes, data.as_mut_slice()),
        _ => (0, &mut [][..]),
    };
    let elements = target.offset_bytes..target.offset_bytes + SIZE * target.width;
    data.chunks_exact_mut(row_bytes.max(1))
        .map(move |row| row.get_mut(elements.clone()).unwrap_or_default().as_chunks_mut().0)
}

fn put_floats<'a>(
    rows: impl Iterator<Item = &'a mut [[u8; 4]]>,
    column: &Parsed<'_>,
    values: &[[u8; 4]],
    scale: impl Fn(f64) -> f64,
) {
    let mut rows = rows.enumerate();
    for block in values.chunks(BLOCK) {
        let mut scaled = [[0; 4]; BLOCK];
        for (out, value) in scaled.iter_mut().zip(block) {
            *out = round(scale(f64::from(f32::from_le_bytes(*value)))).to_le_bytes();
        }
        for (value, (row, out)) in scaled.iter().take(block.len()).zip(rows.by_ref()) {
            if let Some(out) = out.first_mut().filter(|_| column.has(row)) {
                *out = *value;
            }
        }
    }
}

fn put_texts<'a>(
    rows: impl Iterator<Item = &'a mut [[u8; 8]]>,
    column: &Parsed<'_>,
    texts: &[&[u8]],
    buckets: Buckets,
) -> bool {
    for (row, (text, out)) in texts.iter().zip(rows).enumerate() {
        if !column.has(row) {
            continue;
        }
        if !is_text(text) {
            return false;
        }
        if let Some(out) = out.first_mut() {
            *out = buckets.of(farmhash64(text)).to_le_bytes();
        }
    }
    true
}

fn put_lists<'a>(
    rows: impl Iterator<Item = &'a mut [[u8; 8]]>,
    column: &Parsed<'_>,
    values: &[[u8; 8]],
    lists: &Lists,
) -> bool {
    let mut ids: SmallVec<[[u8; 8]; FEW]> = SmallVec::from_slice(values);
    lists.hash.hash_all(&mut ids);
    let mut rest = ids.as_slice();
    for (row, out) in rows.enumerate() {
        let Some((list, behind)) = rest.split_at_checked(column.count(row)) else { return false };
        rest = behind;
        if !column.has(row) {
            continue;
        }
        let Ok(skip) = skipped(list.len(), lists.max, lists.keep) else { return false };
        let (places, padding) = out.split_at_mut((list.len() - skip).min(out.len()));
        places.copy_from_slice(list.get(skip..skip + places.len()).unwrap_or_default());
        padding.fill(lists.pad);
    }
    true
}
