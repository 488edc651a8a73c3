//! From rows to tensors: the blocks of a batch, one after the other, in one contiguous buffer a column.
//!
//! torch views these buffers without a copy, so what is promised about their sizes is checked here, once a
//! block, and not believed.

use std::fmt;
use std::sync::Arc;

use super::buffer::{BufferPool, PooledBytes};
use crate::features::rows::{Column, RowBlock};
use crate::wire::datatype::Datatype;

/// The integers of a jagged column's offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetType {
    Int32,
    Int64,
}

/// What a model takes in one column of its row blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnLayout {
    pub datatype: Datatype,
    /// Jagged columns: what their offsets are made of; none: every row has the same shape.
    pub offsets: Option<OffsetType>,
}

/// A column of a batch, little-endian and row-major, 64-byte aligned.
#[derive(Debug)]
pub struct PackedColumn {
    /// The values of all rows.
    pub values: PooledBytes,
    /// Jagged columns: `rows + 1` offsets into the values, beginning with 0.
    pub offsets: Option<PooledBytes>,
    /// The tensor's shape: the rows and the dimensions of one row, or the number of values of a jagged
    /// column.
    pub shape: Vec<i64>,
}

/// Blocks that do not fit together or do not fit the layout: an error of the server, never of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackError {
    pub kind: PackErrorKind,
    /// The place of the column in the blocks.
    pub column: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PackErrorKind {
    /// A block has another number of columns than the layout.
    Columns,
    /// A column is jagged where the layout has fixed rows, or the reverse.
    Form,
    /// Two blocks differ in the shape of a row.
    Shape,
    /// A column's bytes are not those of its rows.
    Size,
    /// More values than the offsets can count.
    Offsets,
}

impl fmt::Display for PackError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            PackErrorKind::Columns => "is missing in a block, or too many",
            PackErrorKind::Form => "is jagged in one of block and layout alone",
            PackErrorKind::Shape => "has rows of different shapes",
            PackErrorKind::Size => "has not the bytes of its rows",
            PackErrorKind::Offsets => "has more values than its offsets can count",
        };
        write!(out, "column {} {what}", self.column)
    }
}

impl std::error::Error for PackError {}

/// Packs the rows of `blocks`, in their order, by `layout`, one entry a column.
///
/// # Errors
/// See `PackErrorKind`. Nothing is packed by halves.
pub fn pack(
    blocks: &[&RowBlock],
    layout: &[ColumnLayout],
    pool: &Arc<BufferPool>,
) -> Result<Vec<PackedColumn>, PackError> {
    let error = |kind| move |column| PackError { kind, column };
    if blocks.iter().any(|block| block.columns.len() != layout.len()) {
        return Err(error(PackErrorKind::Columns)(layout.len()));
    }
    let pack_one = |(place, column): (usize, &ColumnLayout)| {
        let packed = match column.offsets {
            None => pack_fixed(blocks, place, column.datatype, pool),
            Some(offsets) => pack_jagged(blocks, place, (column.datatype, offsets), pool),
        };
        packed.map_err(|kind| error(kind)(place))
    };
    layout.iter().enumerate().map(pack_one).collect()
}

fn pack_fixed(
    blocks: &[&RowBlock],
    place: usize,
    datatype: Datatype,
    pool: &Arc<BufferPool>,
) -> Result<PackedColumn, PackErrorKind> {
    let fixed = |block: &&'_ RowBlock| match block.columns.get(place) {
        Some(Column::Fixed { .. }) => Ok(()),
        _ => Err(PackErrorKind::Form),
    };
    blocks.iter().try_for_each(fixed)?;
    let columns = || {
        blocks.iter().filter_map(move |block| match block.columns.get(place) {
            Some(Column::Fixed { data, dims }) => Some((block.rows, data, dims)),
            _ => None,
        })
    };
    let dims = columns().next().map(|(_, _, dims)| dims.clone()).unwrap_or_default();
    let row_bytes = row_bytes(&dims, datatype).ok_or(PackErrorKind::Shape)?;
    for (rows, data, each) in columns() {
        if *each != dims {
            return Err(PackErrorKind::Shape);
        }
        if rows.checked_mul(row_bytes) != Some(data.len()) {
            return Err(PackErrorKind::Size);
        }
    }
    let rows = columns().map(|(rows, ..)| rows).sum::<usize>();
    let values = concatenate(columns().map(|(_, data, _)| data.as_slice()), pool);
    let mut shape = vec![i64::try_from(rows).map_err(|_| PackErrorKind::Size)?];
    shape.extend(dims);
    Ok(PackedColumn { values, offsets: None, shape })
}

fn pack_jagged(
    blocks: &[&RowBlock],
    place: usize,
    (datatype, offset_type): (Datatype, OffsetType),
    pool: &Arc<BufferPool>,
) -> Result<PackedColumn, PackErrorKind> {
    let mut columns = Vec::with_capacity(blocks.len());
    let mut rows = 0;
    let mut total: u64 = 0;
    for block in blocks {
        let Some(Column::Jagged { values, lengths }) = block.columns.get(place) else {
            return Err(PackErrorKind::Form);
        };
        let count: u64 = lengths.iter().map(|length| u64::from(*length)).sum();
        let bytes = count.checked_mul(datatype.size_bytes() as u64);
        if lengths.len() != block.rows || bytes != Some(values.len() as u64) {
            return Err(PackErrorKind::Size);
        }
        rows += block.rows;
        total += count;
        columns.push((values.as_slice(), lengths.as_slice()));
    }
    let lengths = columns.iter().flat_map(|(_, lengths)| lengths.iter().copied());
    let offsets = match offset_type {
        OffsetType::Int64 => write_offsets(lengths, rows, pool, i64::to_le_bytes)?,
        OffsetType::Int32 => write_offsets(lengths, rows, pool, i32::to_le_bytes)?,
    };
    let values = concatenate(columns.iter().map(|(values, _)| *values), pool);
    let shape = vec![i64::try_from(total).map_err(|_| PackErrorKind::Offsets)?];
    Ok(PackedColumn { values, offsets: Some(offsets), shape })
}

/// Bytes of a row; none where a dimension is negative or the product overflows.
fn row_bytes(dims: &[i64], datatype: Datatype) -> Option<usize> {
    dims.iter().try_fold(datatype.size_bytes(), |bytes, dim| bytes.checked_mul(usize::try_from(*dim).ok()?))
}

fn concatenate<'a>(parts: impl Iterator<Item = &'a [u8]> + Clone, pool: &Arc<BufferPool>) -> PooledBytes {
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

/// Running sums of `lengths`, 0 first, as integers of `N` bytes.
fn write_offsets<T: TryFrom<u64>, const N: usize>(
    lengths: impl Iterator<Item = u32>,
    rows: usize,
    pool: &Arc<BufferPool>,
    to_bytes: fn(T) -> [u8; N],
) -> Result<PooledBytes, PackErrorKind> {
    let mut out = pool.take((rows + 1) * N);
    let mut sum: u64 = 0;
    let (places, _) = out.as_chunks_mut::<N>();
    for (place, length) in places.iter_mut().zip(std::iter::once(0).chain(lengths)) {
        sum += u64::from(length);
        *place = to_bytes(T::try_from(sum).map_err(|_| PackErrorKind::Offsets)?);
    }
    Ok(out)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use smallvec::smallvec;

    use super::*;

    const FP32: ColumnLayout = ColumnLayout { datatype: Datatype::Fp32, offsets: None };
    const IDS: ColumnLayout = ColumnLayout { datatype: Datatype::Int64, offsets: Some(OffsetType::Int64) };

    fn floats(rows: usize, values: &[f32], dims: &[i64]) -> RowBlock {
        let data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        RowBlock { rows, columns: smallvec![Column::Fixed { data, dims: dims.into() }], shape_key: 0 }
    }

    fn lists(lists: &[&[i64]]) -> RowBlock {
        let values = lists.iter().copied().flatten().flat_map(|value| value.to_le_bytes()).collect();
        let lengths = lists.iter().map(|list| u32::try_from(list.len()).unwrap()).collect();
        RowBlock { rows: lists.len(), columns: smallvec![Column::Jagged { values, lengths }], shape_key: 0 }
    }

    fn pack_all(blocks: &[RowBlock], layout: &[ColumnLayout]) -> Result<Vec<PackedColumn>, PackError> {
        pack(&blocks.iter().collect::<Vec<_>>(), layout, &Arc::default())
    }

    fn kind(result: Result<Vec<PackedColumn>, PackError>) -> Option<PackErrorKind> {
        result.err().map(|error| error.kind)
    }

    fn int64s(bytes: &[u8]) -> Vec<i64> {
        bytes.as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect()
    }

    #[test]
    fn rows_of_all_blocks_lie_one_after_the_other() {
        let blocks = [floats(2, &[1.0, 2.0, 3.0, 4.0], &[2]), floats(1, &[5.0, 6.0], &[2])];
        let packed = pack_all(&blocks, &[FP32]).unwrap();
        let expected: Vec<u8> = (1..=6_u8).flat_map(|n| f32::from(n).to_le_bytes()).collect();
        assert_eq!(packed[0].shape, [3, 2]);
        assert_eq!(&*packed[0].values, expected);
        assert_eq!(packed[0].values.as_ptr().addr() % 64, 0);
    }

    #[test]
    fn one_value_a_row_without_dimensions_is_a_vector() {
        let packed = pack_all(&[floats(2, &[1.0, 2.0], &[])], &[FP32]).unwrap();
        assert_eq!(packed[0].shape, [2]);
    }

    #[test]
    fn jagged_columns_get_offsets_over_all_blocks_beginning_with_zero() {
        let blocks = [lists(&[&[1, 2], &[]]), lists(&[&[3, 4, 5]])];
        let packed = pack_all(&blocks, &[IDS]).unwrap();
        assert_eq!(packed[0].shape, [5]);
        assert_eq!(int64s(&packed[0].values), [1, 2, 3, 4, 5]);
        assert_eq!(int64s(packed[0].offsets.as_ref().unwrap()), [0, 2, 2, 5]);
    }

    #[test]
    fn offsets_may_be_32_bits_wide() {
        let layout = ColumnLayout { offsets: Some(OffsetType::Int32), ..IDS };
        let packed = pack_all(&[lists(&[&[7], &[8, 9]])], &[layout]).unwrap();
        let expected: Vec<u8> = [0_i32, 1, 3].iter().flat_map(|offset| offset.to_le_bytes()).collect();
        assert_eq!(&**packed[0].offsets.as_ref().unwrap(), expected);
    }

    #[test]
    fn buffers_used_again_show_nothing_of_the_batch_before() {
        let pool = Arc::default();
        let (large, small) = (floats(4, &[9.0; 4], &[1]), floats(1, &[1.0], &[1]));
        drop(pack(&[&large], &[FP32], &pool));
        let packed = pack(&[&small], &[FP32], &pool).unwrap();
        assert_eq!(&*packed[0].values, 1.0_f32.to_le_bytes());
    }

    #[test]
    fn a_block_with_another_number_of_columns_is_refused() {
        assert_eq!(kind(pack_all(&[floats(1, &[1.0], &[])], &[])), Some(PackErrorKind::Columns));
    }

    #[test]
    fn a_jagged_block_for_a_fixed_column_is_refused_and_the_reverse() {
        assert_eq!(kind(pack_all(&[lists(&[&[1]])], &[FP32])), Some(PackErrorKind::Form));
        assert_eq!(kind(pack_all(&[floats(1, &[1.0], &[])], &[IDS])), Some(PackErrorKind::Form));
    }

    #[test]
    fn blocks_whose_rows_differ_in_shape_are_refused() {
        let blocks = [floats(1, &[1.0; 2], &[2]), floats(1, &[1.0; 3], &[3])];
        assert_eq!(kind(pack_all(&blocks, &[FP32])), Some(PackErrorKind::Shape));
        assert_eq!(kind(pack_all(&[floats(1, &[], &[-1])], &[FP32])), Some(PackErrorKind::Shape));
    }

    #[test]
    fn a_column_whose_bytes_are_not_those_of_its_rows_is_refused() {
        assert_eq!(kind(pack_all(&[floats(2, &[1.0; 3], &[2])], &[FP32])), Some(PackErrorKind::Size));
        let mut short = lists(&[&[1, 2]]);
        if let Some(Column::Jagged { values, .. }) = short.columns.first_mut() {
            values.pop();
        }
        assert_eq!(kind(pack_all(&[short], &[IDS])), Some(PackErrorKind::Size));
        let unequal = RowBlock { rows: 3, ..lists(&[&[1], &[2]]) };
        assert_eq!(kind(pack_all(&[unequal], &[IDS])), Some(PackErrorKind::Size));
    }

    #[test]
    fn more_values_than_32_bit_offsets_count_are_refused() {
        let lengths = [i32::MAX.unsigned_abs(), 1].into_iter();
        let written = write_offsets(lengths, 2, &Arc::default(), i32::to_le_bytes);
        assert_eq!(written.err(), Some(PackErrorKind::Offsets));
    }
}
