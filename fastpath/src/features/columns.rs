//! Decodes rows that come as columns: one message a feature, holding the values of all rows.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::builder::Builder;
use super::cell::{Cell, bytes_list, varints};
use super::examples::{finish, missing, unknown};
use super::fault::{Fault, FaultKind, Place, RowsError};
use super::program::{Bits, Field, FieldShape, Program};
use super::rows::RowBlock;
use super::template::Template;
use crate::wire::Reader;
use crate::wire::example::{fixed_width, ints};
use crate::wire::predict_request::{Column, ColumnKind};
use crate::wire::varint::read_varints;

/// Decodes the columns of a request; all must have the same number of rows. `check_rows` may refuse it before the rows
/// are built, which take more memory than the request does.
pub fn decode(
    program: &Program,
    template: Cow<'_, Template>,
    columns: &[Column<'_>],
    check_rows: impl FnOnce(usize) -> Result<(), RowsError>,
) -> Result<RowBlock, RowsError> {
    // All in their places before any is read: moving what was just written makes the processor wait.
    let mut parsed: Vec<_> = columns.iter().map(Parsed::without_values).collect();
    let mut rows = 0;
    for (parsed, column) in parsed.iter_mut().zip(columns) {
        parsed.parse(column, rows)?;
        rows = parsed.rows();
    }
    let rows = parsed.first().map_or(0, Parsed::rows);
    if let Some(other) = parsed.iter().find(|column| column.rows() != rows) {
        let first = parsed.first().map_or("".into(), |column| text(column.name));
        let name = text(other.name);
        return Err(RowsError::request(
            format!("columns.{name}"),
            format!("Column {name:?} has {} rows, but column {first:?} has {rows}.", other.rows()),
        ));
    }
    check_rows(rows)?;
    fill(program, template, rows, &parsed)
}

/// Puts columns that have equal numbers of rows into a new block.
pub fn fill(
    program: &Program,
    template: Cow<'_, Template>,
    rows: usize,
    columns: &[Parsed<'_>],
) -> Result<RowBlock, RowsError> {
    let mut builder = Builder::new(program, template, rows);
    let mut seen = Bits::new(program.fields.len());
    if program.shares && columns.iter().any(|column| column.has_own(program, rows)) {
        builder.unshare();
    }
    builder.add_rows(rows);
    let mut previous = None;
    for column in columns {
        let name = column.name;
        let Some(index) = program.field(previous, name) else {
            unknown(program, (column.place)(0), name)?;
            continue;
        };
        previous = Some(index);
        let wrong = |row, kind: Fault| RowsError::feature((column.place)(row), name, kind);
        if !seen.insert(index) {
            return Err(wrong(0, FaultKind::Twice.into()));
        }
        if builder.given().contains(index) {
            return Err(wrong(0, FaultKind::InContextToo.into()));
        }
        let Some(field) = program.fields.get(index) else { continue };
        let required = builder.is_required(index);
        if (!required || column.validity.is_empty()) && builder.put_column(field, column) {
            continue;
        }
        put_rows(&mut builder, field, column, rows, required).map_err(|(row, kind)| match kind {
            Some(kind) => wrong(row, kind),
            None => missing(program, (column.place)(row), index),
        })?;
    }
    if rows > 0
        && let Some(index) = builder.first_missing(&seen)
    {
        let place = columns.first().map_or(Place::Column(0), |column| (column.place)(0));
        return Err(missing(program, place, index));
    }
    for _ in 0..rows {
        builder.leave_out_unseen(&seen);
    }
    finish(builder, columns.first().map_or(Place::Column, |column| column.place))
}

/// Puts a column row by row; an error says in which, without a kind where the row lacks a required value.
fn put_rows(
    builder: &mut Builder<'_>,
    field: &Field,
    column: &Parsed<'_>,
    rows: usize,
    required: bool,
) -> Result<(), (usize, Option<Fault>)> {
    let mut from = 0;
    for row in 0..rows {
        let count = column.count(row);
        let cell = column.values.cell(from, count);
        from += count;
        // A scalar without a value is missing, as in a tf.Example.
        let has = column.has(row) && (count > 0 || field.shape != FieldShape::Scalar);
        if has {
            builder.put(row, field, cell).map_err(|kind| (row, Some(kind)))?;
        } else if required {
            return Err((row, None));
        } else {
            builder.leave_out(field);
        }
    }
    Ok(())
}

/// A column whose values can be had by index.
pub struct Parsed<'a> {
    /// UTF-8.
    pub name: &'a [u8],
    pub values: Values<'a>,
    /// Values of each row; empty: `per_row` in each.
    pub lengths: &'a [u32],
    pub per_row: usize,
    /// One bit a row; empty: every row has values.
    pub validity: &'a [u8],
    pub place: fn(usize) -> Place,
}

/// The one of a request of one row needs no memory from the heap.
pub type Texts<'a> = SmallVec<[&'a [u8]; 1]>;

pub enum Values<'a> {
    None,
    Floats(Cow<'a, [u8]>),
    Doubles(Cow<'a, [u8]>),
    /// Little-endian i64.
    FixedInts(Cow<'a, [u8]>),
    Ints(Vec<[u8; 8]>),
    Texts(Texts<'a>),
}

impl Values<'_> {
    fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Floats(bytes) => bytes.len() / 4,
            Self::Doubles(bytes) | Self::FixedInts(bytes) => bytes.len() / 8,
            Self::Ints(values) => values.len(),
            Self::Texts(values) => values.len(),
        }
    }

    #[inline]
    fn cell(&self, from: usize, count: usize) -> Cell<'_> {
        let range = from..from + count;
        match self {
            Self::None => Cell::None,
            Self::Floats(bytes) => Cell::Floats(bytes.as_chunks().0.get(range).unwrap_or_default()),
            Self::Doubles(bytes) => Cell::Doubles(bytes.as_chunks().0.get(range).unwrap_or_default()),
            Self::FixedInts(bytes) => Cell::Ints(bytes.as_chunks().0.get(range).unwrap_or_default()),
            Self::Ints(values) => Cell::Ints(values.get(range).unwrap_or_default()),
            Self::Texts(values) => Cell::Texts(values.get(range).unwrap_or_default()),
        }
    }
}

impl<'a> Parsed<'a> {
    #[inline(always)]
    fn without_values(column: &'a Column<'a>) -> Self {
        Self {
            name: column.name,
            values: Values::None,
            lengths: &column.row_lengths,
            per_row: 1,
            validity: column.validity,
            place: Place::Column,
        }
    }

    /// Reads the values, of which there are probably `expected`, and checks their number.
    fn parse(&mut self, column: &'a Column<'a>, expected: usize) -> Result<(), RowsError> {
        let list = Reader::new(&column.values);
        let wrong = |kind: Fault| RowsError::feature(Place::Column(0), column.name, kind);
        match column.kind {
            ColumnKind::Floats => self.values = Values::Floats(fixed_width::<4>(list)?),
            ColumnKind::Doubles => self.values = Values::Doubles(fixed_width::<8>(list)?),
            ColumnKind::FixedInts => self.values = Values::FixedInts(fixed_width::<8>(list)?),
            ColumnKind::Ints => self.values = Values::Ints(read_ints(&ints(list)?).map_err(wrong)?),
            ColumnKind::Strings | ColumnKind::Bytes => {
                // An element has two bytes at least.
                let room = expected.min(column.values.len() / 2);
                self.values = Values::Texts(SmallVec::with_capacity(room));
                if let Values::Texts(texts) = &mut self.values {
                    for text in bytes_list(&column.values) {
                        texts.push(text.map_err(wrong)?);
                    }
                }
            }
            // A list feature that is empty in every row has lengths but no values.
            ColumnKind::None => {}
        }
        self.check_numbers()
    }

    fn check_numbers(&self) -> Result<(), RowsError> {
        let sum: u64 = self.lengths.iter().map(|length| u64::from(*length)).sum();
        if !self.lengths.is_empty() && sum != self.values.len() as u64 {
            return Err(RowsError::request(
                format!("columns.{}.row_lengths", text(self.name)),
                format!(
                    "Column {:?} has row_lengths that add up to {sum}, but {} values.",
                    text(self.name),
                    self.values.len()
                ),
            ));
        }
        if !self.validity.is_empty() && self.validity.len() != self.rows().div_ceil(8) {
            return Err(RowsError::request(
                format!("columns.{}.validity", text(self.name)),
                format!(
                    "Column {:?} has a validity mask of {} bytes; {} rows need {}.",
                    text(self.name),
                    self.validity.len(),
                    self.rows(),
                    self.rows().div_ceil(8)
                ),
            ));
        }
        Ok(())
    }

    #[must_use]
    pub fn rows(&self) -> usize {
        if self.lengths.is_empty() {
            self.values.len().checked_div(self.per_row).unwrap_or(0)
        } else {
            self.lengths.len()
        }
    }

    /// Whether it is a scalar's, with one value for each row, also for those that have none.
    pub(super) fn has_one_a_row(&self) -> bool {
        self.lengths.is_empty() && self.per_row == 1
    }

    #[inline]
    pub(super) fn count(&self, row: usize) -> usize {
        match self.lengths.get(row) {
            Some(length) => usize::try_from(*length).unwrap_or(usize::MAX),
            None => self.per_row,
        }
    }

    /// Whether some row has a value of a field that reaches a per-request input.
    fn has_own(&self, program: &Program, rows: usize) -> bool {
        let index = program.names.get(self.name).copied().map(usize::from);
        let field = index.and_then(|index| program.fields.get(index)).filter(|field| field.per_request);
        field.is_some_and(|field| {
            let scalar = field.shape == FieldShape::Scalar;
            (0..rows).any(|row| self.has(row) && (self.count(row) > 0 || !scalar))
        })
    }

    #[inline]
    pub(super) fn has(&self, row: usize) -> bool {
        self.validity.is_empty() || self.validity.get(row / 8).is_some_and(|byte| byte >> (row % 8) & 1 == 1)
    }
}

/// A name that was checked to be UTF-8.
fn text(name: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(name)
}

/// All varints, as little-endian words.
fn read_ints(bytes: &[u8]) -> Result<Vec<[u8; 8]>, Fault> {
    let ends = bytes.iter().map(|byte| usize::from(*byte < 0x80)).sum();
    let mut values = vec![[0; 8]; ends];
    match read_varints(bytes, &mut values) {
        Some(_) => Ok(values),
        // Finds the broken one.
        None => varints(bytes).map(|value| value.map(i64::to_le_bytes)).collect(),
    }
}
