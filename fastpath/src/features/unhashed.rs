//! Lists of integers that were read into their places and are not hashed yet.
//!
//! A vector instruction that loads what a narrower one has just stored waits until that has left the processor's store
//! buffer. So lists are hashed when all rows have been read, and then those that lie side by side in one go.

use smallvec::SmallVec;

use super::hash::IntegerHash;
use super::place::Buffer;

/// Values between the two steps below, so that they stay in the first-level cache.
const BLOCK: usize = 512;

/// In the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Unhashed(SmallVec<[Run; FEW]>);

/// Lists of one row that need no memory from the heap; protobuf's maps bring them in any order, so that few are side by
/// side.
const FEW: usize = 8;

/// Values side by side: bytes `from..until` of a column, eight each.
#[derive(Debug)]
struct Run {
    column: usize,
    from: usize,
    until: usize,
    hash: IntegerHash,
}

impl Unhashed {
    /// Takes note of values in the form of `varint::gather_groups`, `length` bytes from `from` on.
    #[inline]
    pub fn push(&mut self, column: usize, from: usize, length: usize, hash: IntegerHash) {
        match self.0.last_mut() {
            Some(last) if (last.column, last.until, last.hash) == (column, from, hash) => {
                last.until += length;
            }
            _ => self.0.push(Run { column, from, until: from + length, hash }),
        }
    }

    /// Hashes all of them in their places.
    pub fn hash(&mut self, columns: &mut [Buffer]) {
        for run in self.0.drain(..) {
            let Some(Buffer::Fixed { data, .. }) = columns.get_mut(run.column) else { continue };
            let (words, _) = data.get_mut(run.from..run.until).unwrap_or_default().as_chunks_mut();
            for block in words.chunks_mut(BLOCK) {
                run.hash.join_and_hash_all(block);
            }
        }
    }
}
