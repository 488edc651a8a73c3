//! Which rows of a batch share the values of a request, and the arguments that have those values once.
//!
//! A block of one group has a single row of each per-request column for all its rows; of any other, every row has its own.
//! Blocks side by side whose single rows are equal, such as two parts of one ranking request, have one between them.

use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use super::buffer::BufferPool;
use super::pack::{Argument, Integers, PackErrorKind, Packed, dim, write_integers};
use crate::features::rows::RowBlock;

/// A block, and how many rows its columns have in some argument.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    pub block: &'a RowBlock,
    pub rows: usize,
}

/// The blocks of a batch, by row and by request.
pub struct Requests<'a> {
    blocks: &'a [&'a RowBlock],
    /// Every block with its rows.
    rows: Parts<'a>,
    /// Those that bring per-request rows of their own, with these.
    groups: Parts<'a>,
    /// Whether each block brings per-request rows of its own; empty where no argument is per request.
    brings: Vec<bool>,
}

type Parts<'a> = SmallVec<[Part<'a>; 4]>;

impl<'a> Requests<'a> {
    pub fn of(blocks: &'a [&'a RowBlock], arguments: &[Argument]) -> Self {
        let columns: Vec<usize> = arguments.iter().flat_map(per_request_columns).copied().collect();
        let rows = blocks.iter().map(|block| Part { block, rows: block.rows }).collect();
        if columns.is_empty() {
            return Self { blocks, rows, groups: smallvec![], brings: Vec::new() };
        }
        let brings = |(place, block): (usize, &&RowBlock)| {
            let before = place.checked_sub(1).and_then(|before| blocks.get(before));
            !before.is_some_and(|before| same_request(before, block, &columns))
        };
        let brings: Vec<bool> = blocks.iter().enumerate().map(brings).collect();
        let groups = blocks.iter().zip(&brings).filter(|(_, brings)| **brings);
        let groups = groups.map(|(block, _)| Part { block, rows: block.groups }).collect();
        Self { blocks, rows, groups, brings }
    }

    /// The blocks that bring rows to an argument.
    pub fn parts(&self, per_request: bool) -> &[Part<'a>] {
        if per_request { &self.groups } else { &self.rows }
    }

    /// For each row, the place of its request among the rows of per-request arguments: [rows].
    pub fn pack_index(&self, integers: Integers, pool: &Arc<BufferPool>) -> Result<Packed, PackErrorKind> {
        let mut end: u64 = 0;
        let starts = self.blocks.iter().zip(&self.brings).map(|(block, brings)| {
            if *brings {
                end += block.groups as u64;
            }
            (*block, end - block.groups as u64)
        });
        let index = starts.flat_map(|(block, start)| {
            (0..block.rows as u64).map(move |row| if block.groups == 1 { start } else { start + row })
        });
        let rows = self.blocks.iter().map(|block| block.rows).sum();
        let memory = write_integers(index, rows, integers, pool)?;
        Ok(Packed { shape: smallvec![dim(rows)?], memory })
    }
}

fn per_request_columns(argument: &Argument) -> &[usize] {
    match argument {
        Argument::Fixed { column, per_request: true, .. } => std::slice::from_ref(column),
        Argument::Values { columns, per_request: true, .. } => columns,
        _ => &[],
    }
}

fn same_request(before: &RowBlock, block: &RowBlock, columns: &[usize]) -> bool {
    (before.groups, block.groups) == (1, 1)
        && columns.iter().all(|column| before.columns.get(*column) == block.columns.get(*column))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::super::fixtures::{int64s, pack_all};
    use super::*;
    use crate::features::rows::Column;
    use crate::wire::datatype::Datatype;

    const USER: Argument = Argument::Fixed { column: 0, datatype: Datatype::Uint8, per_request: true };
    const ITEM: Argument = Argument::Fixed { column: 1, datatype: Datatype::Uint8, per_request: false };
    const INDEX: Argument = Argument::RequestIndex { integers: Integers::Int64 };

    fn block(users: &[u8], items: &[u8]) -> RowBlock {
        let column = |data: &[u8]| Column::Fixed { data: data.to_vec(), dims: smallvec![] };
        let columns = smallvec![column(users), column(items)];
        RowBlock { rows: items.len(), groups: users.len(), columns, shape_key: 0 }
    }

    fn packed(blocks: &[RowBlock]) -> (Vec<u8>, Vec<u8>, Vec<i64>) {
        let packed = pack_all(blocks, &[USER, ITEM, INDEX]).unwrap();
        assert_eq!(packed[0].shape.as_slice(), [packed[0].memory.len() as i64]);
        (packed[0].memory.to_vec(), packed[1].memory.to_vec(), int64s(&packed[2].memory))
    }

    #[test]
    fn a_request_that_shares_its_values_has_one_row_of_them() {
        let blocks = [block(&[7], &[1, 2, 3]), block(&[8], &[4])];
        assert_eq!(packed(&blocks), (vec![7, 8], vec![1, 2, 3, 4], vec![0, 0, 0, 1]));
    }

    #[test]
    fn rows_with_values_of_their_own_have_a_row_each() {
        let blocks = [block(&[7], &[1, 2]), block(&[8, 9], &[3, 4]), block(&[5], &[6])];
        assert_eq!(packed(&blocks), (vec![7, 8, 9, 5], vec![1, 2, 3, 4, 6], vec![0, 0, 1, 2, 3]));
    }

    #[test]
    fn equal_requests_side_by_side_share_a_row() {
        let blocks = [block(&[7], &[1, 2]), block(&[7], &[3]), block(&[8], &[4]), block(&[7], &[5])];
        assert_eq!(packed(&blocks), (vec![7, 8, 7], vec![1, 2, 3, 4, 5], vec![0, 0, 0, 1, 2]));
    }

    #[test]
    fn a_batch_of_one_row_each_has_as_many_requests_as_rows() {
        let blocks = [block(&[1], &[1]), block(&[2], &[2])];
        assert_eq!(packed(&blocks).2, [0, 1]);
    }
}
