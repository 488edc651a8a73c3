//! Builds the rows of one request: a template row for each, then the values that came.
//!
//! Columns of per-request inputs are left empty until a row has a value of its own for one of them: until then one
//! template row of each is all that the request needs.

use std::borrow::Cow;

use super::cell::Cell;
use super::columns::Parsed;
use super::fault::{Fault, FaultKind};
use super::place::{Buffer, Place, slot_value};
use super::program::{Bits, ColumnForm, ColumnPlan, Field, Program, Use, WeightsOf};
use super::range::Held;
use super::rows::{Column, Dims, RowBlock};
use super::template::{Template, TemplateColumn};
use super::unhashed::Unhashed;

/// Rows being filled.
#[derive(Debug)]
pub struct Builder<'p> {
    program: &'p Program,
    template: Cow<'p, Template>,
    rows: usize,
    columns: Vec<Buffer>,
    unhashed: Unhashed,
    /// `program.template.slots.len()` words a row.
    slots: Vec<u64>,
    /// Whether the columns of per-request inputs are still those of the template.
    shared: bool,
}

impl<'p> Builder<'p> {
    #[must_use]
    pub fn new(program: &'p Program, template: Cow<'p, Template>, capacity_rows: usize) -> Self {
        let shared = program.shares;
        let buffer = |plan: &ColumnPlan| {
            let rows = if shared && plan.per_request { 1 } else { capacity_rows };
            match &plan.form {
                ColumnForm::Fixed { row_bytes, .. } => {
                    Buffer::Fixed { row_bytes: *row_bytes, data: Vec::with_capacity(row_bytes * rows) }
                }
                ColumnForm::Jagged { weighed } => Buffer::Jagged {
                    values: Vec::new(),
                    lengths: Vec::with_capacity(rows),
                    sent: weighed.then(|| Vec::with_capacity(rows)),
                },
            }
        };
        let columns = program.columns.iter().map(buffer).collect();
        let slots = Vec::with_capacity(template.slots.len() * capacity_rows);
        Self { program, template, rows: 0, columns, unhashed: Unhashed::default(), slots, shared }
    }

    /// One row that is to be a template, with every column filled.
    #[must_use]
    pub fn of_template(program: &'p Program, template: Cow<'p, Template>) -> Self {
        let mut builder = Self::new(program, template, 1);
        builder.unshare();
        builder.add_rows(1);
        builder
    }

    /// Adds rows that are copies of the template; jagged columns get theirs by `put` or `leave_out`.
    #[inline]
    pub fn add_rows(&mut self, rows: usize) {
        let columns = self.columns.iter_mut().zip(&self.template.columns).zip(&self.program.columns);
        for ((buffer, template), plan) in columns {
            if self.shared && plan.per_request {
                continue;
            }
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

    /// Gives every row so far its own copy of the per-request columns, and those to come. The current row's lists are
    /// still to be put.
    #[cold]
    pub fn unshare(&mut self) {
        self.shared = false;
        let columns = self.columns.iter_mut().zip(&self.template.columns).zip(&self.program.columns);
        for ((buffer, template), _) in columns.filter(|(_, plan)| plan.per_request) {
            if let (Buffer::Fixed { data, .. }, TemplateColumn::Fixed(row)) = (&mut *buffer, template) {
                for _ in 0..self.rows {
                    data.extend_from_slice(row);
                }
            }
            for _ in 1..self.rows {
                buffer.push_default(template);
            }
        }
    }

    #[must_use]
    pub fn given(&self) -> &Bits {
        &self.template.given
    }

    /// The first field without which a row cannot be, and that is neither in `seen` nor in the context.
    #[inline]
    #[must_use]
    pub fn first_missing(&self, seen: &Bits) -> Option<usize> {
        self.template.required.first_missing(seen, &self.template.given)
    }

    #[must_use]
    pub fn is_required(&self, field: usize) -> bool {
        self.template.required.contains(field)
    }

    /// Gives the current row of each jagged column that `seen` does not have, or that is the context's, its template's
    /// values.
    #[inline]
    pub fn leave_out_unseen(&mut self, seen: &Bits) {
        if !self.program.jagged {
            return;
        }
        let columns = self.columns.iter_mut().zip(&self.template.columns).zip(&self.program.columns);
        for ((buffer, template), plan) in columns {
            if let TemplateColumn::Jagged { field, .. } = template
                && (!seen.contains(*field) || self.template.given.contains(*field))
                && !(self.shared && plan.per_request)
            {
                buffer.push_default(template);
            }
        }
    }

    /// One row of a jagged column gets its template's values because the caller has none for it.
    pub fn leave_out(&mut self, field: &Field) {
        for use_ in self.program.uses.get(field.uses.clone()).unwrap_or_default() {
            let Some(column) = use_.target.map(|target| target.column) else { continue };
            let shared = self.shared && self.program.columns.get(column).is_some_and(|plan| plan.per_request);
            if let (Some(buffer), Some(template), false) =
                (self.columns.get_mut(column), self.template.columns.get(column), shared)
            {
                buffer.push_default(template);
            }
        }
    }

    /// Puts a feature's values into a row, in one step or by each of the feature's uses.
    #[inline(always)]
    pub fn put(&mut self, row: usize, field: &Field, cell: Cell<'_>) -> Result<(), Fault> {
        match &field.quick {
            Some(quick) if quick.put(&mut self.columns, &mut self.unhashed, row, cell)? => Ok(()),
            _ => self.put_by_uses(row, field, cell),
        }
    }

    /// Puts the values of all rows at once; false where the column must be put row by row.
    pub fn put_column(&mut self, field: &Field, column: &Parsed<'_>) -> bool {
        field.quick.as_ref().is_some_and(|quick| quick.put_column(&mut self.columns, column))
    }

    #[inline(never)]
    fn put_by_uses(&mut self, row: usize, field: &Field, cell: Cell<'_>) -> Result<(), Fault> {
        if self.shared && field.per_request {
            self.unshare();
        }
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
        if let Some(Buffer::Jagged { lengths, sent, .. }) =
            use_.target.and_then(|target| self.columns.get_mut(target.column))
        {
            lengths.push(0);
            if let Some(sent) = sent {
                sent.push(0);
            }
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

    /// The first row where a list that weighs another is not as long, of the pairs whose features `counts` both have.
    pub fn unequal_weights(&self, counts: impl Fn(usize) -> bool) -> Option<(usize, &'p str, Fault)> {
        let field = |column: usize| match self.template.columns.get(column) {
            Some(TemplateColumn::Jagged { field, .. }) => *field,
            _ => usize::MAX,
        };
        let counted = |pair: &&WeightsOf| counts(field(pair.weights)) && counts(field(pair.values));
        self.program.weights.iter().filter(counted).find_map(|pair| {
            let sent = |column: usize| self.columns.get(column).map_or(&[][..], Buffer::sent);
            let mut rows = sent(pair.weights).iter().zip(sent(pair.values)).enumerate();
            let (row, (came, expected)) = rows.find(|(_, (weights, values))| weights != values)?;
            let kind =
                FaultKind::Weights { of: pair.values_feature.clone(), expected: *expected, came: *came };
            Some((row, pair.weights_feature.as_str(), kind.into()))
        })
    }

    /// Runs what needs complete rows, and hands the rows over.
    pub fn finish(mut self) -> Result<RowBlock, (usize, String, Fault)> {
        self.unhashed.hash(&mut self.columns);
        let shared = self.shared && self.rows > 0;
        if shared {
            let columns = self.columns.iter_mut().zip(&self.template.columns).zip(&self.program.columns);
            for ((buffer, template), _) in columns.filter(|(_, plan)| plan.per_request) {
                buffer.push_template(template);
            }
        }
        if let Some((row, name, fault)) = self.unequal_weights(|_| true) {
            return Err((row, name.to_owned(), fault));
        }
        let width = self.template.slots.len();
        for late in &self.program.late {
            let once = shared && self.program.columns.get(late.column()).is_some_and(|plan| plan.per_request);
            let rows = self.slots.chunks_exact(width.max(1)).take(if once { 1 } else { usize::MAX });
            for (row, slots) in rows.enumerate() {
                late.run(slots, row, &mut self.columns)
                    .map_err(|kind| (row, late.name(self.program), kind))?;
            }
        }
        let column = |(buffer, plan): (Buffer, &ColumnPlan)| match (buffer, &plan.form) {
            (Buffer::Jagged { values, lengths, .. }, _) => Column::Jagged { values, lengths },
            (Buffer::Fixed { data, .. }, ColumnForm::Fixed { dims, .. }) => {
                Column::Fixed { data, dims: Dims::from_slice(dims) }
            }
            (Buffer::Fixed { data, .. }, ColumnForm::Jagged { .. }) => {
                Column::Fixed { data, dims: Dims::new() }
            }
        };
        let columns = self.columns.into_iter().zip(&self.program.columns).map(column).collect();
        let groups = if shared { 1 } else { self.rows };
        Ok(RowBlock { rows: self.rows, groups, columns, shape_key: 0 })
    }

    /// The single row that was built, as the template of the rows of a request.
    #[must_use]
    pub fn into_template(mut self, given: Bits, required: Bits) -> Template {
        self.unhashed.hash(&mut self.columns);
        let columns = self.columns.into_iter().zip(&self.template.columns).map(|(buffer, before)| {
            match (buffer, before) {
                (Buffer::Fixed { data, .. }, _) => TemplateColumn::Fixed(data),
                (Buffer::Jagged { values, lengths, sent }, TemplateColumn::Jagged { field, .. }) => {
                    let count = lengths.first().copied().unwrap_or(0);
                    let sent = sent.and_then(|sent| sent.first().copied()).unwrap_or(count);
                    TemplateColumn::Jagged { field: *field, values, count, sent }
                }
                (Buffer::Jagged { .. }, TemplateColumn::Fixed(_)) => before.clone(),
            }
        });
        Template { columns: columns.collect(), slots: self.slots, given, required }
    }
}
