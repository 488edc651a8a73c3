//! Packing columns whose rows have lists of different lengths: their values, and what divides them.
//!
//! Several columns in one argument lie one after the other, each with all its rows, as the keys of torchrec's
//! `KeyedJaggedTensor` do.

use std::sync::Arc;

use smallvec::smallvec;

use super::buffer::BufferPool;
use super::pack::{Division, Integers, PackErrorKind, Packed, concatenate, dim, write_integers};
use super::requests::Part;
use crate::features::rows::Column;
use crate::wire::datatype::Datatype;

/// The values of jagged columns: [total].
pub fn pack_values(
    parts: &[Part<'_>],
    columns: &[usize],
    datatype: Datatype,
    pool: &Arc<BufferPool>,
) -> Result<Packed, PackErrorKind> {
    let mut total: usize = 0;
    for list in lists(parts, columns) {
        let (values, lengths) = list?;
        let count: u64 = lengths.iter().map(|length| u64::from(*length)).sum();
        if count.checked_mul(datatype.size_bytes() as u64) != Some(values.len() as u64) {
            return Err(PackErrorKind::Size);
        }
        total += values.len() / datatype.size_bytes();
    }
    let values = lists(parts, columns).filter_map(|list| list.ok().map(|(values, _)| values));
    Ok(Packed { shape: smallvec![dim(total)?], memory: concatenate(values, pool) })
}

/// The division of jagged columns into lists, of which there are columns × rows.
pub fn pack_lists(
    parts: &[Part<'_>],
    columns: &[usize],
    (division, integers): (Division, Integers),
    pool: &Arc<BufferPool>,
) -> Result<Packed, PackErrorKind> {
    let mut count = usize::from(division == Division::Offsets);
    for list in lists(parts, columns) {
        count += list?.1.len();
    }
    let all = lists(parts, columns).filter_map(|list| list.ok().map(|(_, lengths)| lengths));
    let lengths = all.flatten().map(|length| u64::from(*length));
    let memory = match division {
        Division::Lengths => write_integers(lengths, count, integers, pool)?,
        // The buffer takes the sum after the last list or it does not.
        Division::Offsets | Division::Starts => {
            let mut end: u64 = 0;
            let ends = lengths.map(|length| {
                end += length;
                end
            });
            write_integers(std::iter::once(0).chain(ends), count, integers, pool)?
        }
    };
    Ok(Packed { shape: smallvec![dim(count)?], memory })
}

/// Values and lengths, column after column and in each part after part.
fn lists<'a>(
    parts: &'a [Part<'a>],
    columns: &'a [usize],
) -> impl Iterator<Item = Result<(&'a [u8], &'a [u32]), PackErrorKind>> + Clone {
    columns.iter().flat_map(move |column| {
        parts.iter().map(move |part| match part.block.columns.get(*column) {
            Some(Column::Jagged { lengths, .. }) if lengths.len() != part.rows => Err(PackErrorKind::Size),
            Some(Column::Jagged { values, lengths }) => Ok((values.as_slice(), lengths.as_slice())),
            Some(Column::Fixed { .. }) => Err(PackErrorKind::Form),
            None => Err(PackErrorKind::Columns),
        })
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::super::fixtures::{floats, int64s, keyed_lists, lists, pack_all, pack_error};
    use super::super::pack::Argument;
    use super::*;
    use crate::features::rows::RowBlock;

    fn values(columns: &[usize]) -> Argument {
        Argument::Values { columns: columns.to_vec(), datatype: Datatype::Int64, per_request: false }
    }

    fn divided(columns: &[usize], division: Division, integers: Integers) -> Argument {
        Argument::Lists { columns: columns.to_vec(), division, integers, per_request: false }
    }

    fn int64(columns: &[usize], division: Division) -> Argument {
        divided(columns, division, Integers::Int64)
    }

    #[test]
    fn lists_get_offsets_over_all_blocks_beginning_with_zero() {
        let blocks = [lists(&[&[1, 2], &[]]), lists(&[&[3, 4, 5]])];
        let packed = pack_all(&blocks, &[values(&[0]), int64(&[0], Division::Offsets)]).unwrap();
        assert_eq!(packed[0].shape.as_slice(), [5]);
        assert_eq!(int64s(&packed[0].memory), [1, 2, 3, 4, 5]);
        assert_eq!((packed[1].shape.as_slice(), int64s(&packed[1].memory)), (&[4][..], vec![0, 2, 2, 5]));
    }

    #[test]
    fn offsets_may_lack_the_last_and_lists_be_told_by_their_lengths() {
        let blocks = [lists(&[&[1, 2], &[]]), lists(&[&[3, 4, 5]])];
        let arguments = [int64(&[0], Division::Starts), int64(&[0], Division::Lengths)];
        let packed = pack_all(&blocks, &arguments).unwrap();
        assert_eq!((packed[0].shape.as_slice(), int64s(&packed[0].memory)), (&[3][..], vec![0, 2, 2]));
        assert_eq!((packed[1].shape.as_slice(), int64s(&packed[1].memory)), (&[3][..], vec![2, 0, 3]));
    }

    #[test]
    fn several_columns_lie_key_by_key_and_in_each_request_by_request() {
        let first = keyed_lists(&[&[&[1, 2], &[3]], &[&[10], &[]]]);
        let second = keyed_lists(&[&[&[4]], &[&[11, 12]]]);
        let arguments = [
            values(&[0, 1]),
            int64(&[0, 1], Division::Lengths),
            int64(&[0, 1], Division::Offsets),
            int64(&[0, 1], Division::Starts),
        ];
        let packed = pack_all(&[first, second], &arguments).unwrap();
        let all: Vec<Vec<i64>> = packed.iter().map(|packed| int64s(&packed.memory)).collect();
        assert_eq!(all[0], [1, 2, 3, 4, 10, 11, 12]);
        assert_eq!(all[1], [2, 1, 1, 1, 0, 2]);
        assert_eq!(all[2], [0, 2, 3, 4, 5, 5, 7]);
        assert_eq!(all[3], [0, 2, 3, 4, 5, 5]);
    }

    #[test]
    fn offsets_may_be_32_bits_wide() {
        let argument = divided(&[0], Division::Offsets, Integers::Int32);
        let packed = pack_all(&[lists(&[&[7], &[8, 9]])], &[argument]).unwrap();
        let expected: Vec<u8> = [0_i32, 1, 3].iter().flat_map(|offset| offset.to_le_bytes()).collect();
        assert_eq!(&*packed[0].memory, expected);
    }

    #[test]
    fn a_block_of_fixed_rows_for_lists_is_refused() {
        let block = || [floats(1, &[1.0], &[])];
        assert_eq!(pack_error(&block(), &[values(&[0])]), Some(PackErrorKind::Form));
        assert_eq!(pack_error(&block(), &[int64(&[0], Division::Offsets)]), Some(PackErrorKind::Form));
    }

    #[test]
    fn values_that_are_not_those_of_the_lists_are_refused() {
        let mut short = lists(&[&[1, 2]]);
        if let Some(Column::Jagged { values, .. }) = short.columns.first_mut() {
            values.pop();
        }
        assert_eq!(pack_error(&[short], &[values(&[0])]), Some(PackErrorKind::Size));
        let unequal = RowBlock { rows: 3, groups: 3, ..lists(&[&[1], &[2]]) };
        assert_eq!(pack_error(&[unequal], &[values(&[0])]), Some(PackErrorKind::Size));
    }

    #[test]
    fn more_values_than_32_bits_count_are_refused() {
        let written = write_integers([1 << 31].into_iter(), 1, Integers::Int32, &Arc::default());
        assert_eq!(written.err(), Some(PackErrorKind::Integers));
    }
}
