//! Packing columns whose rows all have one shape.

use std::sync::Arc;

use super::buffer::BufferPool;
use super::pack::{PackErrorKind, Packed, Shape, concatenate, dim};
use super::requests::Part;
use crate::features::rows::Column;
use crate::wire::datatype::Datatype;

/// The rows of one column, one part after the other.
pub fn pack(
    parts: &[Part<'_>],
    column: usize,
    datatype: Datatype,
    pool: &Arc<BufferPool>,
) -> Result<Packed, PackErrorKind> {
    let fixed = |part: &Part<'_>| match part.block.columns.get(column) {
        Some(Column::Fixed { .. }) => Ok(()),
        Some(Column::Jagged { .. }) => Err(PackErrorKind::Form),
        None => Err(PackErrorKind::Columns),
    };
    parts.iter().try_for_each(fixed)?;
    let columns = || {
        parts.iter().filter_map(move |part| match part.block.columns.get(column) {
            Some(Column::Fixed { data, dims }) => Some((part.rows, data, dims)),
            _ => None,
        })
    };
    let dims = columns().next().map_or(&[][..], |(_, _, dims)| dims);
    let row_bytes = row_bytes(dims, datatype).ok_or(PackErrorKind::Shape)?;
    for (rows, data, each) in columns() {
        if **each != *dims {
            return Err(PackErrorKind::Shape);
        }
        if rows.checked_mul(row_bytes) != Some(data.len()) {
            return Err(PackErrorKind::Size);
        }
    }
    let rows = columns().map(|(rows, ..)| rows).sum::<usize>();
    let memory = concatenate(columns().map(|(_, data, _)| data.as_slice()), pool);
    let mut shape = Shape::new();
    shape.push(dim(rows)?);
    shape.extend_from_slice(dims);
    Ok(Packed { shape, memory })
}

/// Bytes of a row; none where a dimension is negative or the product overflows.
fn row_bytes(dims: &[i64], datatype: Datatype) -> Option<usize> {
    dims.iter().try_fold(datatype.size_bytes(), |bytes, dim| bytes.checked_mul(usize::try_from(*dim).ok()?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::super::fixtures::{floats, lists, pack_all, pack_error};
    use super::super::pack::{Argument, pack};
    use super::*;

    const FP32: Argument = Argument::Fixed { column: 0, datatype: Datatype::Fp32, per_request: false };

    #[test]
    fn rows_of_all_blocks_lie_one_after_the_other() {
        let blocks = [floats(2, &[1.0, 2.0, 3.0, 4.0], &[2]), floats(1, &[5.0, 6.0], &[2])];
        let packed = pack_all(&blocks, &[FP32]).unwrap();
        let expected: Vec<u8> = (1..=6_u8).flat_map(|n| f32::from(n).to_le_bytes()).collect();
        assert_eq!(packed[0].shape.as_slice(), [3, 2]);
        assert_eq!(&*packed[0].memory, expected);
        assert_eq!(packed[0].memory.as_ptr().addr() % 64, 0);
    }

    #[test]
    fn one_value_a_row_without_dimensions_is_a_vector() {
        let packed = pack_all(&[floats(2, &[1.0, 2.0], &[])], &[FP32]).unwrap();
        assert_eq!(packed[0].shape.as_slice(), [2]);
    }

    #[test]
    fn buffers_used_again_show_nothing_of_the_batch_before() {
        let pool = Arc::default();
        let (large, small) = (floats(4_096, &[9.0; 4_096], &[1]), floats(1_024, &[1.0; 1_024], &[1]));
        drop(pack(&[&large], &[FP32], &pool));
        let packed = pack(&[&small], &[FP32], &pool).unwrap();
        assert_eq!(&*packed[0].memory, 1.0_f32.to_le_bytes().repeat(1_024));
    }

    #[test]
    fn a_block_without_the_column_is_refused() {
        let second = Argument::Fixed { column: 1, datatype: Datatype::Fp32, per_request: false };
        let error = pack_all(&[floats(1, &[1.0], &[])], &[FP32, second]).unwrap_err();
        assert_eq!((error.kind, error.argument), (PackErrorKind::Columns, 1));
    }

    #[test]
    fn a_jagged_block_for_fixed_rows_is_refused() {
        assert_eq!(pack_error(&[lists(&[&[1]])], &[FP32]), Some(PackErrorKind::Form));
    }

    #[test]
    fn blocks_whose_rows_differ_in_shape_are_refused() {
        let blocks = [floats(1, &[1.0; 2], &[2]), floats(1, &[1.0; 3], &[3])];
        assert_eq!(pack_error(&blocks, &[FP32]), Some(PackErrorKind::Shape));
        assert_eq!(pack_error(&[floats(1, &[], &[-1])], &[FP32]), Some(PackErrorKind::Shape));
    }

    #[test]
    fn a_column_whose_bytes_are_not_those_of_its_rows_is_refused() {
        assert_eq!(pack_error(&[floats(2, &[1.0; 3], &[2])], &[FP32]), Some(PackErrorKind::Size));
    }
}
