//! The feature program: what a model's features compile to. Immutable and shared by all threads.

use std::ops::Range;
use std::sync::atomic::{AtomicU16, Ordering};

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use smallvec::{SmallVec, smallvec};

use super::hash::Buckets;
use super::list_form::ListForm;
use super::padding::Padding;
use super::pipeline::Pipeline;
use super::quick::Quick;
use super::range::Range as ValueRange;
use super::template::Template;
use crate::spec::error::{Fault, nearest};
pub use crate::spec::model::MAX_LIST;
use crate::spec::text::{FeatureType, TimeUnit, UnknownFeatures};
use crate::wire::entry_key::EntryKey;

/// Most features of a model.
pub const MAX_FEATURES: usize = 4_096;

/// The compiled features of a model.
#[derive(Debug)]
pub struct Program {
    /// The distinct names that callers send.
    pub fields: Vec<Field>,
    /// What becomes of each; a field's uses stand together.
    pub uses: Vec<Use>,
    /// What needs several features of a row, and so runs when the row is complete.
    pub late: Vec<Late>,
    /// The columns of row blocks: one for each input that carries data, in their order, then one for each further
    /// feature of a jagged input.
    pub columns: Vec<ColumnPlan>,
    /// For each input that carries data, its columns, in the order of the features that fill them.
    pub inputs: Vec<Vec<usize>>,
    pub weights: Vec<WeightsOf>,
    /// Whether some column is there once for a request that shares its values.
    pub shares: bool,
    /// Whether some column has lists.
    pub jagged: bool,
    pub template: Template,
    /// Fields, and the use of each, whose default is the time of the request.
    pub now: Vec<(usize, usize)>,
    pub unknown: UnknownFeatures,
    /// Fields without which a row is refused.
    pub required: Bits,
    /// A sentence for each feature with an operation that is still to be fitted; a program that has any serves nothing.
    pub unfitted: Vec<Fault>,
    pub(super) names: HashMap<Box<[u8]>, u16, RandomState>,
    /// For each field, and for the beginning of a row, the field that came next the last time: the
    /// order on the wire is almost always that of the row before.
    pub(super) next: Box<[AtomicU16]>,
    /// What each field's entry in an Example begins with.
    pub(super) keys: Box<[EntryKey]>,
}

/// A name that callers send.
#[derive(Debug)]
pub struct Field {
    pub name: String,
    pub kind: FeatureType,
    pub unit: TimeUnit,
    pub shape: FieldShape,
    pub uses: Range<usize>,
    /// Whether it reaches a column that a request may share among its rows.
    pub per_request: bool,
    /// Where the row keeps the value for crosses and ages.
    pub slot: Option<usize>,
    /// What its values are held to.
    pub range: Option<ValueRange>,
    /// The field's one step, where one is enough.
    pub quick: Option<Quick>,
}

impl Field {
    /// The type as people read it: `timestamp_ms`, `int[]` for a list.
    #[must_use]
    pub fn type_name(&self) -> String {
        let unit = if self.unit == TimeUnit::Milliseconds { "_ms" } else { "" };
        let list = if self.shape == FieldShape::Scalar { "" } else { "[]" };
        format!("{}{unit}{list}", self.kind.name())
    }
}

/// What a caller may send for a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldShape {
    Scalar,
    List,
    Fixed(usize),
}

/// One `[[feature]]`.
#[derive(Debug)]
pub struct Use {
    pub pipeline: Pipeline,
    pub list: ListForm,
    /// The tensors that tell a padded list's values from its padding.
    pub padding: Box<[Padding]>,
    /// None: the feature only serves crosses and ages.
    pub target: Option<Target>,
    /// Whether `Late` fills the target when the row is complete.
    pub late: bool,
    /// Its place among the file's `[[feature]]` tables.
    pub entry: usize,
}

/// A place in a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    pub column: usize,
    /// Bytes from the beginning of the row; 0 in a jagged column.
    pub offset_bytes: usize,
    /// Elements from the beginning of the row, for people.
    pub offset: usize,
    /// Elements.
    pub width: usize,
}

/// A step that needs a complete row.
#[derive(Debug)]
pub enum Late {
    Cross {
        names: Vec<String>,
        slots: Box<[usize]>,
        buckets: Buckets,
        pipeline: Pipeline,
        target: Target,
    },
    /// From the timestamp in `slot` to the one in `until`, both in milliseconds.
    Age {
        slot: usize,
        until: usize,
        unit_ms: i64,
        pipeline: Pipeline,
        target: Target,
    },
}

/// How a column is laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnPlan {
    pub form: ColumnForm,
    /// Whether a request that shares its values among its rows has one row of it.
    pub per_request: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnForm {
    Fixed {
        row_bytes: usize,
        dims: Vec<i64>,
    },
    /// The lists of one feature. `weighed`: other lists must be as long.
    Jagged {
        weighed: bool,
    },
}

/// A column whose lists are as long as those of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightsOf {
    pub weights: usize,
    pub values: usize,
    /// The names of the features that fill them.
    pub weights_feature: String,
    pub values_feature: String,
}

impl Program {
    /// The field of this name. `previous` is the field before it in the row.
    #[inline(always)]
    #[must_use]
    pub fn field(&self, previous: Option<usize>, name: &[u8]) -> Option<usize> {
        let place = previous.map_or(self.fields.len(), |previous| previous);
        let hint = self.next.get(place)?;
        let expected = usize::from(hint.load(Ordering::Relaxed));
        match self.fields.get(expected) {
            Some(field) if same(field.name.as_bytes(), name) => Some(expected),
            _ => self.look_up(hint, name),
        }
    }

    /// The field that came behind `previous` the last time, and its key.
    #[inline(always)]
    #[must_use]
    pub fn expected(&self, previous: Option<usize>) -> Option<(usize, &EntryKey)> {
        let place = previous.map_or(self.fields.len(), |previous| previous);
        let expected = usize::from(self.next.get(place)?.load(Ordering::Relaxed));
        self.keys.get(expected).map(|key| (expected, key))
    }

    #[cold]
    fn look_up(&self, hint: &AtomicU16, name: &[u8]) -> Option<usize> {
        let field = *self.names.get(name)?;
        hint.store(field, Ordering::Relaxed);
        Some(usize::from(field))
    }

    /// The bytes of a field's name.
    #[must_use]
    pub fn name(&self, field: usize) -> &[u8] {
        self.fields.get(field).map_or(b"", |field| field.name.as_bytes())
    }

    #[must_use]
    pub fn nearest_name(&self, name: &[u8]) -> Option<String> {
        let name = String::from_utf8_lossy(name);
        nearest(&name, self.fields.iter().map(|field| field.name.as_str())).map(str::to_owned)
    }
}

/// Whether two names are equal, eight bytes at a time; names are short, so a call to memcmp costs more than it does.
#[inline]
fn same(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let (left_words, left_rest) = left.as_chunks::<8>();
    let (right_words, right_rest) = right.as_chunks::<8>();
    let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    // The last eight bytes overlap those before; only names of less than eight have none.
    let last = match (left.last_chunk::<8>(), right.last_chunk::<8>()) {
        (Some(left), Some(right)) => word(left) ^ word(right),
        _ => u64::from(left_rest.iter().zip(right_rest).any(|(left, right)| left != right)),
    };
    left_words.iter().zip(right_words).fold(last, |differ, (left, right)| differ | (word(left) ^ word(right)))
        == 0
}

/// A small set of field indices; most models have no more than need no memory from the heap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bits(SmallVec<[u64; 2]>);

impl Bits {
    #[must_use]
    pub fn new(size: usize) -> Self {
        Self(smallvec![0; size.div_ceil(64)])
    }

    #[inline]
    #[must_use]
    pub fn contains(&self, index: usize) -> bool {
        self.0.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    /// Whether the index was not there before.
    #[inline]
    pub fn insert(&mut self, index: usize) -> bool {
        let Some(word) = self.0.get_mut(index / 64) else { return false };
        let bit = 1 << (index % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// Makes it the same set as another.
    #[inline]
    pub fn copy_from(&mut self, other: &Self) {
        self.0.clone_from(&other.0);
    }

    #[inline]
    pub fn clear(&mut self) {
        self.0.fill(0);
    }

    /// The first index that is here and in neither of the others.
    #[inline]
    #[must_use]
    pub fn first_missing(&self, seen: &Self, given: &Self) -> Option<usize> {
        self.0.iter().enumerate().find_map(|(index, word)| {
            let have = seen.0.get(index).copied().unwrap_or(0) | given.0.get(index).copied().unwrap_or(0);
            let missing = word & !have;
            (missing != 0).then(|| index * 64 + missing.trailing_zeros() as usize)
        })
    }
}
