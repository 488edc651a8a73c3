//! Decodes rows that come as columns: one message a feature, holding the values of all rows.

use std::borrow::Cow;

use super::builder::Builder;
use super::cell::{Cell, bytes_list, varints};
use super::examples::{finish, unknown};
use super::fault::{Fault, FaultKind, Place, RowsError};
use super::program::{Bits, Field, FieldShape, Program};
use super::rows::RowBlock;
use super::statistics::Watch;
use super::template::Template;
use crate::wire::Reader;
use crate::wire::example::{fixed_width, ints};
use crate::wire::predict_request::{Column, ColumnKind};

/// Decodes the columns of a request; all must have the same number of rows. `check_rows` may refuse it before the rows
/// are built, which take more memory than the request does.
pub fn decode(
    program: &Program,
    template: Cow<'_, Template>,
    columns: &[Column<'_>],
    watch: Watch<'_>,
    check_rows: impl FnOnce(usize) -> Result<(), RowsError>,
) -> Result<RowBlock, RowsError> {
    let parsed = columns.iter().map(Parsed::of).collect::<Result<Vec<_>, _>>()?;
    let rows = parsed.first().map_or(0, Parsed::rows);
    if let Some(other) = parsed.iter().find(|column| column.rows() != rows) {
        let first = parsed.first().map_or("", |column| column.name);
        return Err(RowsError::request(
            format!("columns.{}", other.name),
            format!("Column {:?} has {} rows, but column {first:?} has {rows}.", other.name, other.rows()),
        ));
    }
    check_rows(rows)?;
    let block = fill(program, template, rows, &parsed)?;
    watch.columns(program, rows, &parsed);
    Ok(block)
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
    builder.add_rows(rows);
    let mut previous = None;
    for column in columns {
        let name = column.name.as_bytes();
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
        let required = program.required.contains(index);
        let mut from = 0;
        for row in 0..rows {
            let count = column.count(row);
            let cell = column.values.cell(from, count);
            from += count;
            // A scalar without a value is missing, as in a tf.Example.
            let has = column.has(row) && (count > 0 || field.shape != FieldShape::Scalar);
            let put = if has {
                builder.put(row, field, cell)
            } else if required {
                Err(FaultKind::Missing.into())
            } else {
                builder.leave_out(field);
                Ok(())
            };
            put.map_err(|kind| wrong(row, kind))?;
        }
    }
    if rows > 0
        && let Some(index) = program.required.first_missing(&seen, builder.given())
    {
        let place = columns.first().map_or(Place::Column(0), |column| (column.place)(0));
        return Err(RowsError::feature(place, program.name(index), FaultKind::Missing));
    }
    for _ in 0..rows {
        builder.leave_out_unseen(&seen);
    }
    finish(builder, columns.first().map_or(Place::Column, |column| column.place))
}

/// Calls `put` with each feature that a row of columns has, once they have been decoded: the field's place, the field,
/// its values.
pub(super) fn visit_row(
    program: &Program,
    columns: &[Parsed<'_>],
    row: usize,
    put: &mut impl FnMut(usize, &Field, Cell<'_>),
) {
    let mut previous = None;
    for column in columns {
        let Some(index) = program.field(previous, column.name.as_bytes()) else { continue };
        previous = Some(index);
        let Some(field) = program.fields.get(index) else { continue };
        let count = column.count(row);
        if column.has(row) && (count > 0 || field.shape != FieldShape::Scalar) {
            put(index, field, column.values.cell(column.start(row), count));
        }
    }
}

/// A column whose values can be had by index.
pub struct Parsed<'a> {
    pub name: &'a str,
    pub values: Values<'a>,
    /// Values of each row; empty: `per_row` in each.
    pub lengths: &'a [u32],
    pub per_row: usize,
    /// One bit a row; empty: every row has values.
    pub validity: &'a [u8],
    pub place: fn(usize) -> Place,
}

pub enum Values<'a> {
    None,
    Floats(Cow<'a, [u8]>),
    Doubles(Cow<'a, [u8]>),
    /// Little-endian i64.
    FixedInts(Cow<'a, [u8]>),
    Ints(Vec<[u8; 8]>),
    Texts(Vec<&'a [u8]>),
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
    fn of(column: &'a Column<'a>) -> Result<Self, RowsError> {
        let list = Reader::new(&column.values);
        let wrong = |kind: Fault| RowsError::feature(Place::Column(0), column.name.as_bytes(), kind);
        let values = match column.kind {
            ColumnKind::Floats => Values::Floats(fixed_width::<4>(list)?),
            ColumnKind::Doubles => Values::Doubles(fixed_width::<8>(list)?),
            ColumnKind::FixedInts => Values::FixedInts(fixed_width::<8>(list)?),
            ColumnKind::Ints => {
                let bytes = ints(list)?;
                let values = varints(&bytes).map(|value| value.map(i64::to_le_bytes));
                Values::Ints(values.collect::<Result<_, _>>().map_err(wrong)?)
            }
            ColumnKind::Strings | ColumnKind::Bytes => {
                Values::Texts(bytes_list(&column.values).collect::<Result<_, _>>().map_err(wrong)?)
            }
            // A list feature that is empty in every row has lengths but no values.
            ColumnKind::None => Values::None,
        };
        let parsed = Self {
            name: column.name,
            values,
            lengths: &column.row_lengths,
            per_row: 1,
            validity: column.validity,
            place: Place::Column,
        };
        let sum: u64 = parsed.lengths.iter().map(|length| u64::from(*length)).sum();
        if !parsed.lengths.is_empty() && sum != parsed.values.len() as u64 {
            return Err(RowsError::request(
                format!("columns.{}.row_lengths", column.name),
                format!(
                    "Column {:?} has row_lengths that add up to {sum}, but {} values.",
                    column.name,
                    parsed.values.len()
                ),
            ));
        }
        if !parsed.validity.is_empty() && parsed.validity.len() != parsed.rows().div_ceil(8) {
            return Err(RowsError::request(
                format!("columns.{}.validity", column.name),
                format!(
                    "Column {:?} has a validity mask of {} bytes; {} rows need {}.",
                    column.name,
                    parsed.validity.len(),
                    parsed.rows(),
                    parsed.rows().div_ceil(8)
                ),
            ));
        }
        Ok(parsed)
    }

    #[must_use]
    pub fn rows(&self) -> usize {
        if self.lengths.is_empty() {
            self.values.len().checked_div(self.per_row).unwrap_or(0)
        } else {
            self.lengths.len()
        }
    }

    #[inline]
    fn count(&self, row: usize) -> usize {
        match self.lengths.get(row) {
            Some(length) => usize::try_from(*length).unwrap_or(usize::MAX),
            None => self.per_row,
        }
    }

    /// Where the values of a row begin.
    fn start(&self, row: usize) -> usize {
        if self.lengths.is_empty() {
            return row * self.per_row;
        }
        (0..row).map(|row| self.count(row)).sum()
    }

    #[inline]
    fn has(&self, row: usize) -> bool {
        self.validity.is_empty() || self.validity.get(row / 8).is_some_and(|byte| byte >> (row % 8) & 1 == 1)
    }
}
