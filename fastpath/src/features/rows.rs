//! Decoded rows: one compact buffer for each model input, already in the model's datatype.
//!
//! A request is decoded into a `RowBlock` on the thread that received it; packing a batch is copying
//! its blocks one after the other.

use smallvec::SmallVec;

/// The shape of a row; most are vectors.
pub type Dims = SmallVec<[i64; 2]>;

/// The rows of one request, one column for each model input that carries data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowBlock {
    pub rows: usize,
    /// Rows of each column of a per-request input: 1 where the request shares its values among its rows, else `rows`.
    pub groups: usize,
    pub columns: SmallVec<[Column; 1]>,
    /// Blocks with equal keys have equal row shapes and may share a batch; 0 where the model fixes
    /// every dimension.
    pub shape_key: u64,
}

/// The data of one input, little-endian and row-major.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// Every row has the same number of bytes, `dims` elements each.
    Fixed { data: Vec<u8>, dims: Dims },
    /// Rows of different lengths: all values, and the number of values of each row.
    Jagged { values: Vec<u8>, lengths: Vec<u32> },
}

impl Column {
    /// Bytes held, for admission by memory.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        match self {
            Self::Fixed { data, .. } => data.len(),
            Self::Jagged { values, lengths } => values.len() + lengths.len() * size_of::<u32>(),
        }
    }
}
