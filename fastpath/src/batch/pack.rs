//! From rows to tensors: the blocks of a batch, one after the other, in one contiguous buffer an argument.
//!
//! torch views these buffers without a copy, so what is promised about their sizes is checked here, once a
//! block, and not believed.

use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;

use super::buffer::{BufferPool, PooledBytes};
use super::requests::Requests;
use super::{fixed, jagged};
use crate::features::rows::RowBlock;
use crate::wire::datatype::Datatype;

/// An argument of forward, by the columns of the row blocks that it is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// The rows of one column, all of one shape.
    Fixed { column: usize, datatype: Datatype, per_request: bool },
    /// The values of jagged columns: column after column and in each row after row.
    Values { columns: Vec<usize>, datatype: Datatype, per_request: bool },
    /// How the values of jagged columns divide into lists, in the same order.
    Lists { columns: Vec<usize>, division: Division, integers: Integers, per_request: bool },
    /// For each row, the place of its request among the rows of per-request arguments.
    RequestIndex { integers: Integers },
}

/// How the division of values into lists is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Division {
    Lengths,
    /// Where each list begins, and where the last one ends.
    Offsets,
    /// Where each list begins.
    Starts,
}

/// What offsets, lengths and indices are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Integers {
    Int32,
    Int64,
}

/// A tensor's shape; the first dimension is the rows.
pub type Shape = SmallVec<[i64; 4]>;

/// An argument of a batch, little-endian and row-major, 64-byte aligned.
#[derive(Debug)]
pub struct Packed {
    pub shape: Shape,
    pub memory: PooledBytes,
}

/// Blocks that do not fit together or do not fit the arguments: an error of the server, never of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackError {
    pub kind: PackErrorKind,
    /// The place of the argument.
    pub argument: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PackErrorKind {
    /// A block has no such column.
    Columns,
    /// A column is jagged where the argument has fixed rows, or the reverse.
    Form,
    /// Two blocks differ in the shape of a row.
    Shape,
    /// A column's bytes are not those of its rows.
    Size,
    /// More values than the integers can count.
    Integers,
}

impl fmt::Display for PackError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            PackErrorKind::Columns => "is made of a column that a block has not",
            PackErrorKind::Form => "is jagged in one of block and model alone",
            PackErrorKind::Shape => "has rows of different shapes",
            PackErrorKind::Size => "has not the bytes of its rows",
            PackErrorKind::Integers => "would count further than its datatype can",
        };
        write!(out, "argument {} {what}", self.argument)
    }
}

impl std::error::Error for PackError {}

/// Packs the rows of `blocks`, in their order, as `arguments`.
///
/// # Errors
/// See `PackErrorKind`. Nothing is packed by halves.
pub fn pack(
    blocks: &[&RowBlock],
    arguments: &[Argument],
    pool: &Arc<BufferPool>,
) -> Result<Vec<Packed>, PackError> {
    pack_each(blocks, arguments, pool).collect()
}

/// `pack`, argument by argument.
pub fn pack_each<'a>(
    blocks: &'a [&'a RowBlock],
    arguments: &'a [Argument],
    pool: &'a Arc<BufferPool>,
) -> impl Iterator<Item = Result<Packed, PackError>> {
    let requests = Requests::of(blocks, arguments);
    let pack_one = move |(place, argument): (usize, &Argument)| {
        let packed = match argument {
            Argument::Fixed { column, datatype, per_request } => {
                fixed::pack(requests.parts(*per_request), *column, *datatype, pool)
            }
            Argument::Values { columns, datatype, per_request } => {
                jagged::pack_values(requests.parts(*per_request), columns, *datatype, pool)
            }
            Argument::Lists { columns, division, integers, per_request } => {
                jagged::pack_lists(requests.parts(*per_request), columns, (*division, *integers), pool)
            }
            Argument::RequestIndex { integers } => requests.pack_index(*integers, pool),
        };
        packed.map_err(|kind| PackError { kind, argument: place })
    };
    arguments.iter().enumerate().map(pack_one)
}

/// The parts end to end.
pub(super) fn concatenate<'a>(
    parts: impl Iterator<Item = &'a [u8]> + Clone,
    pool: &Arc<BufferPool>,
) -> PooledBytes {
    let mut out = pool.take(parts.clone().map(<[u8]>::len).sum());
    let mut rest = &mut *out;
    for part in parts {
        // The buffer is as long as all parts together, so there is always room.
        let Some((head, tail)) = rest.split_at_mut_checked(part.len()) else { break };
        head.copy_from_slice(part);
        rest = tail;
    }
    out
}

/// So many integers.
pub(super) fn write_integers(
    values: impl Iterator<Item = u64>,
    count: usize,
    integers: Integers,
    pool: &Arc<BufferPool>,
) -> Result<PooledBytes, PackErrorKind> {
    match integers {
        Integers::Int32 => write(values, count, pool, i32::to_le_bytes),
        Integers::Int64 => write(values, count, pool, i64::to_le_bytes),
    }
}

fn write<T: TryFrom<u64>, const N: usize>(
    values: impl Iterator<Item = u64>,
    count: usize,
    pool: &Arc<BufferPool>,
    to_bytes: fn(T) -> [u8; N],
) -> Result<PooledBytes, PackErrorKind> {
    let mut out = pool.take(count * N);
    let (places, _) = out.as_chunks_mut::<N>();
    for (place, value) in places.iter_mut().zip(values) {
        *place = to_bytes(T::try_from(value).map_err(|_| PackErrorKind::Integers)?);
    }
    Ok(out)
}

/// A tensor's dimension.
pub(super) fn dim(size: usize) -> Result<i64, PackErrorKind> {
    i64::try_from(size).map_err(|_| PackErrorKind::Size)
}
