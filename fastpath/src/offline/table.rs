//! Rows of training data: columns as Arrow arrays, or serialized Examples.

use std::borrow::Cow;
use std::ops::Range;

use arrow_array::{Array, ArrayRef};

use super::arrow_cells::Cells;
use crate::features::examples::unknown;
use crate::features::fault::Place;
use crate::features::template::Template;
use crate::features::{Clock, Program, RowBlock, RowsError, columns, examples};
use crate::spec::text::TimeUnit;
use crate::wire::Reader;

/// Rows whose tensors fit a core's second-level cache, and enough of them to make a chunk's fixed cost vanish.
const CHUNK_ROWS: usize = 1024;

/// Rows in one of two forms.
pub enum Table<R> {
    Columns(Columns),
    /// A serialized `tf.train.Example` a row.
    Records(Vec<R>),
}

/// Rows by feature.
#[derive(Debug, Default)]
pub struct Columns {
    pub rows: usize,
    columns: Vec<Column>,
}

/// One feature of all rows, in parts that follow each other.
#[derive(Debug)]
struct Column {
    name: String,
    parts: Vec<ArrayRef>,
    /// The row at which each part begins.
    starts: Vec<usize>,
}

impl Columns {
    #[must_use]
    pub fn new(rows: usize) -> Self {
        Self { rows, columns: Vec::new() }
    }

    /// Adds a feature; an error where its parts have not as many rows as the table.
    pub fn add(&mut self, name: String, parts: Vec<ArrayRef>) -> Result<(), RowsError> {
        let mut rows = 0;
        let mut starts = Vec::with_capacity(parts.len());
        for part in &parts {
            starts.push(rows);
            rows += part.len();
        }
        if rows != self.rows {
            let message = format!("Feature {name:?} has {rows} rows, but the table has {}.", self.rows);
            return Err(RowsError::request(format!("columns.{name}"), message));
        }
        self.columns.push(Column { name, parts, starts });
        Ok(())
    }

    /// The columns that the program reads. A name that it does not have is refused, unless the model ignores
    /// such names or no row has a value for it.
    fn known<'t>(&'t self, program: &Program) -> Result<Vec<(&'t Column, TimeUnit)>, RowsError> {
        let mut known = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            match program.field(None, column.name.as_bytes()).and_then(|index| program.fields.get(index)) {
                Some(field) => known.push((column, field.unit)),
                None if column.is_empty() => {}
                None => unknown(program, Place::Column(0), column.name.as_bytes())?,
            }
        }
        Ok(known)
    }
}

impl Column {
    /// Whether no row has a value.
    fn is_empty(&self) -> bool {
        self.parts.iter().all(|part| part.logical_null_count() == part.len())
    }

    /// The part that has the rows, and the rows within it.
    fn part(&self, rows: &Range<usize>) -> Option<(&ArrayRef, usize)> {
        // Parts without rows begin where the part behind them does.
        let place = self.starts.partition_point(|start| *start <= rows.start).checked_sub(1)?;
        Some((self.parts.get(place)?, rows.start - self.starts.get(place)?))
    }
}

/// A table bound to the program that reads it.
pub struct Rows<'t, R> {
    program: &'t Program,
    template: Cow<'t, Template>,
    form: Form<'t, R>,
    count: usize,
}

enum Form<'t, R> {
    Columns(Vec<(&'t Column, TimeUnit)>),
    Records(&'t [R]),
}

impl<R: AsRef<[u8]>> Table<R> {
    #[must_use]
    pub fn rows(&self) -> usize {
        match self {
            Self::Columns(columns) => columns.rows,
            Self::Records(records) => records.len(),
        }
    }

    /// Binds the rows to a program. `context` is an Example whose features all rows share.
    pub fn bind<'t>(
        &'t self,
        program: &'t Program,
        context: Option<&[u8]>,
    ) -> Result<Rows<'t, R>, RowsError> {
        let template = examples::template(program, context, Clock::None)?;
        let form = match self {
            Self::Columns(columns) => Form::Columns(columns.known(program)?),
            Self::Records(records) => Form::Records(records),
        };
        Ok(Rows { program, template, form, count: self.rows() })
    }
}

impl<R: AsRef<[u8]>> Rows<'_, R> {
    /// Ranges of rows to decode at a time, in order; none crosses from one part of a column into the next.
    #[must_use]
    pub fn chunks(&self) -> Vec<Range<usize>> {
        let mut cuts: Vec<usize> = (0..self.count).step_by(CHUNK_ROWS).collect();
        if let Form::Columns(columns) = &self.form {
            cuts.extend(columns.iter().flat_map(|(column, _)| &column.starts));
        }
        cuts.push(self.count);
        cuts.sort_unstable();
        cuts.dedup();
        cuts.windows(2)
            .filter_map(|pair| pair.first().zip(pair.get(1)).map(|(from, to)| *from..*to))
            .collect()
    }

    /// Decodes one chunk, as a request's rows are decoded.
    pub fn decode(&self, rows: Range<usize>) -> Result<RowBlock, RowsError> {
        let template = Cow::Borrowed(&*self.template);
        let (start, count) = (rows.start, rows.len());
        let block = match &self.form {
            Form::Records(records) => {
                let records = records.get(rows).unwrap_or_default();
                let readers: Vec<Reader<'_>> =
                    records.iter().map(|record| Reader::new(record.as_ref())).collect();
                examples::decode(self.program, template, &readers)
            }
            Form::Columns(columns) => {
                let cells = columns
                    .iter()
                    .filter_map(|(column, unit)| {
                        let (part, from) = column.part(&rows)?;
                        Some(Cells::new(&column.name, *unit, part.slice(from, count)))
                    })
                    .collect::<Result<Vec<_>, _>>();
                cells.and_then(|cells| {
                    let parsed = cells.iter().map(Cells::parsed).collect::<Result<Vec<_>, _>>()?;
                    columns::fill(self.program, template, count, &parsed)
                })
            }
        };
        block.map_err(|error| error.below(start))
    }
}
