//! Builds the rows of one request: a template row for each, then the values that came.

use std::borrow::Cow;

use super::cell::Cell;
use super::fault::Fault;
use super::hash::{CROSS_KEY, fingerprint_cat64};
use super::number::Number;
use super::place::{Buffer, Place, slot_value};
use super::program::{Bits, ColumnPlan, Field, Late, Program, Use};
use super::range::Held;
use super::rows::{Column, Dims, RowBlock};
use super::template::{Template, TemplateColumn};

/// Rows being filled.
#[derive(Debug)]
pub struct Builder<'p> {
    program: &'p Program,
    template: Cow<'p, Template>,
    rows: usize,
    columns: Vec<Buffer>,
    /// `program.template.slots.len()` words a row.
    slots: Vec<u64>,
}

impl<'p> Builder<'p> {
    #[must_use]
    pub fn new(program: &'p Program, template: Cow<'p, Template>, capacity_rows: usize) -> Self {
        let columns = program
            .columns
            .iter()
            .map(|plan| match plan {
                ColumnPlan::Fixed { row_bytes, .. } => Buffer::Fixed {
                    row_bytes: *row_bytes,
                    data: Vec::with_capacity(row_bytes * capacity_rows),
                },
                ColumnPlan::Jagged => {
                    Buffer::Jagged { values: Vec::new(), lengths: Vec::with_capacity(capacity_rows) }
                }
            })
            .collect();
        let slots = Vec::with_capacity(template.slots.len() * capacity_rows);
        Self { program, template, rows: 0, columns, slots }
    }

    /// Adds rows that are copies of the template; jagged columns get theirs by `put` or `leave_out`.
    #[inline]
    pub fn add_rows(&mut self, rows: usize) {
        for (buffer, template) in self.columns.iter_mut().zip(&self.template.columns) {
            if let (Buffer::Fixed { data, .. }, TemplateColumn::Fixed(row)) = (buffer, template) {
                for _ in 0..rows {
                    data.extend_from_slice(row);
                }
            }
        }
        for _ in 0..rows {
            self.slots.extend_from_slice(&self.template.slots);
        }
        self.rows += rows;
    }

    #[must_use]
    pub fn given(&self) -> &Bits {
        &self.template.given
    }

    /// Gives the current row of each jagged column that `seen` does not have its template's values.
    #[inline]
    pub fn leave_out_unseen(&mut self, seen: &Bits) {
        for (buffer, template) in self.columns.iter_mut().zip(&self.template.columns) {
            if let (
                Buffer::Jagged { values, lengths },
                TemplateColumn::Jagged { field, values: default, count },
            ) = (buffer, template)
                && !seen.contains(*field)
            {
                values.extend_from_slice(default);
                lengths.push(*count);
            }
        }
    }

    /// One row of a jagged column gets its template's values because the caller has none for it.
    pub fn leave_out(&mut self, field: &Field) {
        for use_ in self.program.uses.get(field.uses.clone()).unwrap_or_default() {
            let Some(target) = use_.target else { continue };
            if let (
                Some(Buffer::Jagged { values, lengths }),
                Some(TemplateColumn::Jagged { values: default, count, .. }),
            ) = (self.columns.get_mut(target.column), self.template.columns.get(target.column))
            {
                values.extend_from_slice(default);
                lengths.push(*count);
            }
        }
    }

    /// Puts a feature's values into a row, in one step or by each of the feature's uses.
    #[inline(always)]
    pub fn put(&mut self, row: usize, field: &Field, cell: Cell<'_>) -> Result<(), Fault> {
        match &field.quick {
            Some(quick) if quick.put(&mut self.columns, row, cell)? => Ok(()),
            _ => self.put_by_uses(row, field, cell),
        }
    }

    #[inline(never)]
    fn put_by_uses(&mut self, row: usize, field: &Field, cell: Cell<'_>) -> Result<(), Fault> {
        let Some(range) = &field.range else { return self.put_held(row, field, cell) };
        match range.hold(cell)? {
            Held::Cell => self.put_held(row, field, cell),
            Held::Values(values) => self.put_held(row, field, range.cell(&values)),
            // Fixed columns and slots have the template's values already.
            Held::Missing => {
                self.leave_out(field);
                Ok(())
            }
        }
    }

    /// Puts values that no range judges any more.
    fn put_held(&mut self, row: usize, field: &Field, cell: Cell<'_>) -> Result<(), Fault> {
        if let Some(slot) = field.slot {
            let value = slot_value(field, cell)?;
            if let Some(word) = self.slots.get_mut(row * self.template.slots.len() + slot) {
                *word = value;
            }
        }
        for use_ in self.program.uses.get(field.uses.clone()).unwrap_or_default() {
            self.put_use(row, field, use_, cell)?;
        }
        Ok(())
    }

    /// Puts a default, by one use, into the first row.
    pub fn put_default(&mut self, field: &Field, use_: &Use, cell: Cell<'_>) -> Result<(), Fault> {
        if let Some(word) = field.slot.and_then(|slot| self.slots.get_mut(slot)) {
            *word = slot_value(field, cell)?;
        }
        self.put_use(0, field, use_, cell)
    }

    /// Keeps a jagged column in step where a use has no default.
    pub fn put_nothing(&mut self, use_: &Use) {
        if let Some(Buffer::Jagged { lengths, .. }) =
            use_.target.and_then(|target| self.columns.get_mut(target.column))
        {
            lengths.push(0);
        }
    }

    #[inline]
    fn put_use(&mut self, row: usize, field: &Field, use_: &Use, cell: Cell<'_>) -> Result<(), Fault> {
        let buffer = use_
            .target
            .filter(|_| !use_.late)
            .and_then(|target| self.columns.get_mut(target.column).map(|buffer| (buffer, target)));
        let kept = Place { buffer, row, use_ }.put(field.kind, cell)?;
        for padding in &use_.padding {
            padding.put(&mut self.columns, row, kept);
        }
        Ok(())
    }

    /// Runs what needs complete rows, and hands the rows over.
    pub fn finish(mut self) -> Result<RowBlock, (usize, String, Fault)> {
        let width = self.template.slots.len();
        for late in &self.program.late {
            for (row, slots) in self.slots.chunks_exact(width.max(1)).enumerate() {
                late_step(late, slots, row, &mut self.columns)
                    .map_err(|kind| (row, late_name(late, self.program), kind))?;
            }
        }
        let columns =
            self.columns.into_iter().zip(&self.program.columns).map(|(buffer, plan)| match (buffer, plan) {
                (Buffer::Jagged { values, lengths }, _) => Column::Jagged { values, lengths },
                (Buffer::Fixed { data, .. }, ColumnPlan::Fixed { dims, .. }) => {
                    Column::Fixed { data, dims: Dims::from_slice(dims) }
                }
                (Buffer::Fixed { data, .. }, ColumnPlan::Jagged) => Column::Fixed { data, dims: Dims::new() },
            });
        Ok(RowBlock { rows: self.rows, columns: columns.collect(), shape_key: 0 })
    }

    /// The single row that was built, as the template of the rows of a request.
    #[must_use]
    pub fn into_template(self, seen: Bits) -> Template {
        let columns = self.columns.into_iter().zip(&self.template.columns).map(|(buffer, before)| {
            match (buffer, before) {
                (Buffer::Fixed { data, .. }, _) => TemplateColumn::Fixed(data),
                (Buffer::Jagged { values, lengths }, TemplateColumn::Jagged { field, .. }) => {
                    let count = lengths.first().copied().unwrap_or(0);
                    TemplateColumn::Jagged { field: *field, values, count }
                }
                (Buffer::Jagged { .. }, TemplateColumn::Fixed(_)) => before.clone(),
            }
        });
        Template { columns: columns.collect(), slots: self.slots, given: seen }
    }
}

fn late_step(late: &Late, slots: &[u64], row: usize, columns: &mut [Buffer]) -> Result<(), Fault> {
    let slot = |index: usize| slots.get(index).copied().unwrap_or(0);
    let (number, pipeline, target) = match late {
        Late::Cross { slots: crossed, buckets, pipeline, target, .. } => {
            let hash = crossed.iter().fold(CROSS_KEY, |hash, index| fingerprint_cat64(hash, slot(*index)));
            (Number::Int(buckets.of(hash).cast_signed()), pipeline, target)
        }
        Late::Age { slot: from, until, unit_ms, pipeline, target } => {
            let age_ms = slot(*until).cast_signed().saturating_sub(slot(*from).cast_signed());
            (Number::Float(age_ms as f64 / *unit_ms as f64), pipeline, target)
        }
    };
    let Some(buffer) = columns.get_mut(target.column) else { return Ok(()) };
    let out = buffer.place(row, target.offset_bytes, pipeline.element.size_bytes() * target.width);
    pipeline.put(pipeline.number(number)?, out)
}

fn late_name(late: &Late, program: &Program) -> String {
    match late {
        Late::Cross { names, .. } => names.join(" × "),
        Late::Age { slot, .. } => program
            .fields
            .iter()
            .find(|field| field.slot == Some(*slot))
            .map_or_else(String::new, |field| field.name.clone()),
    }
}
