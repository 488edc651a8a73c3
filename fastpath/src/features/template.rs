//! A row before any feature is put into it.

use std::borrow::Cow;

use super::builder::Builder;
use super::cell::Cell;
use super::clock::Clock;
use super::default::DefaultValue;
use super::fault::{Place, RowsError};
use super::program::{Bits, ColumnForm, Program, Use};
use crate::spec::error::Fault;
use crate::spec::text::TimeUnit;

/// A row before any feature is put into it: the defaults, and what the context says.
#[derive(Clone, Debug, Default)]
pub struct Template {
    pub columns: Vec<TemplateColumn>,
    pub slots: Vec<u64>,
    /// Fields that the context has.
    pub given: Bits,
    /// Fields without which a row is refused.
    pub required: Bits,
}

#[derive(Clone, Debug)]
pub enum TemplateColumn {
    Fixed(Vec<u8>),
    /// The field that fills the column, its values where a row has none, and how many they were before they were cut.
    Jagged {
        field: usize,
        values: Vec<u8>,
        count: u32,
        sent: u32,
    },
}

impl Template {
    /// A row of defaults, `defaults` being those of the program's uses: every default is put by the program itself.
    pub(super) fn of_defaults(
        program: &Program,
        slots: usize,
        defaults: &[Option<DefaultValue>],
    ) -> Result<Self, Fault> {
        let columns = program.columns.iter().enumerate().map(|(index, plan)| match &plan.form {
            ColumnForm::Fixed { row_bytes, .. } => TemplateColumn::Fixed(vec![0; *row_bytes]),
            ColumnForm::Jagged { .. } => {
                let fills = |use_: &Use| use_.target.is_some_and(|target| target.column == index);
                let field = program.fields.iter().position(|field| {
                    program.uses.get(field.uses.clone()).is_some_and(|uses| uses.iter().any(fills))
                });
                TemplateColumn::Jagged {
                    field: field.unwrap_or(usize::MAX),
                    values: Vec::new(),
                    count: 0,
                    sent: 0,
                }
            }
        });
        let blank = Self {
            columns: columns.collect(),
            slots: vec![0; slots],
            given: Bits::new(program.fields.len()),
            required: program.required.clone(),
        };
        let mut builder = Builder::of_template(program, Cow::Owned(blank));
        for field in &program.fields {
            for index in field.uses.clone() {
                let (Some(use_), Some(default)) = (program.uses.get(index), defaults.get(index)) else {
                    continue;
                };
                let Some(default) = default else {
                    // Overwritten, or the row is refused.
                    builder.put_nothing(use_);
                    continue;
                };
                default
                    .with_cell(|cell| builder.put_default(field, use_, cell))
                    .map_err(|kind| Fault::new(format!("the default of feature `{}` {kind}", field.name)))?;
            }
        }
        let optional = |field: usize| !program.required.contains(field);
        if let Some((_, name, kind)) = builder.unequal_weights(optional) {
            return Err(Fault::new(format!("the default of feature `{name}` {kind}")));
        }
        let mut required = program.required.clone();
        for (field, _) in &program.now {
            required.insert(*field);
        }
        Ok(builder.into_template(Bits::new(program.fields.len()), required))
    }

    /// The program's template with the time of the request where that is a default.
    pub(super) fn at(program: &Program, clock: Clock) -> Result<Cow<'_, Self>, RowsError> {
        if program.now.is_empty() {
            return Ok(Cow::Borrowed(&program.template));
        }
        let Some(now_ms) = clock.now_ms() else { return Ok(Cow::Borrowed(&program.template)) };
        let mut builder = Builder::of_template(program, Cow::Borrowed(&program.template));
        for (index, use_) in &program.now {
            let (Some(field), Some(use_)) = (program.fields.get(*index), program.uses.get(*use_)) else {
                continue;
            };
            let now = match field.unit {
                TimeUnit::Seconds => now_ms.div_euclid(1_000),
                TimeUnit::Milliseconds => now_ms,
            };
            builder
                .put_default(field, use_, Cell::Ints(&[now.to_le_bytes()]))
                .map_err(|kind| RowsError::feature(Place::Context, field.name.as_bytes(), kind))?;
        }
        builder.leave_out_unseen(&Bits::default());
        Ok(Cow::Owned(builder.into_template(program.template.given.clone(), program.required.clone())))
    }
}
