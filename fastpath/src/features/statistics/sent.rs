//! The rows of a request as they came, for whoever looks at them once they have been decoded.

use crate::features::cell::Cell;
use crate::features::columns::{self, Parsed};
use crate::features::program::{Field, Program};
use crate::features::{examples, json_rows};
use crate::wire::Reader;

/// Looks at rows that a model has taken.
pub trait Observer {
    /// Called once a request, when all of its rows have been decoded.
    fn observe(&self, sent: &SentRows<'_, '_>);
}

/// Who looks at the rows of a request; nobody by default.
#[derive(Clone, Copy, Default)]
pub struct Watch<'a> {
    pub observer: Option<&'a dyn Observer>,
    /// The request's, an Example message.
    pub context: Option<&'a [u8]>,
}

impl<'a> Watch<'a> {
    /// Nobody but perhaps `observer`, at rows without a context.
    #[must_use]
    pub fn by(observer: Option<&'a dyn Observer>) -> Self {
        Self { observer, context: None }
    }

    #[inline]
    pub(in crate::features) fn examples(self, program: &Program, examples: &[Reader<'_>]) {
        self.show(program, examples.len(), Form::Examples(examples));
    }

    #[inline]
    pub fn columns(self, program: &Program, rows: usize, columns: &[Parsed<'_>]) {
        self.show(program, rows, Form::Columns(columns));
    }

    /// Rows of JSON have a context of JSON.
    #[inline]
    pub fn json(self, program: &Program, context: Option<&str>, rows: &[&str]) {
        self.show(program, rows.len(), Form::Json { context, rows });
    }

    #[inline]
    fn show(self, program: &Program, rows: usize, form: Form<'_, '_>) {
        if let Some(observer) = self.observer {
            observer.observe(&SentRows { program, context: self.context, rows, form });
        }
    }
}

/// The rows of one request, in whatever form they came.
pub struct SentRows<'a, 'v> {
    pub(in crate::features) program: &'a Program,
    /// An Example message.
    pub(in crate::features) context: Option<&'a [u8]>,
    pub(in crate::features) rows: usize,
    pub(in crate::features) form: Form<'a, 'v>,
}

#[derive(Clone, Copy)]
pub(in crate::features) enum Form<'a, 'v> {
    /// An Example message a row.
    Examples(&'a [Reader<'a>]),
    /// A column or a tensor a feature.
    Columns(&'a [Parsed<'v>]),
    /// A JSON object a row.
    Json { context: Option<&'a str>, rows: &'a [&'a str] },
}

impl SentRows<'_, '_> {
    /// Calls `put` with each feature that a row has, those of the context too: the field's place, the field, its values.
    pub(in crate::features) fn visit(&self, row: usize, mut put: impl FnMut(usize, &Field, Cell<'_>)) {
        if let Some(context) = self.context {
            examples::visit(self.program, Reader::new(context), &mut put);
        }
        match self.form {
            Form::Examples(examples) => {
                if let Some(example) = examples.get(row) {
                    examples::visit(self.program, *example, &mut put);
                }
            }
            Form::Columns(columns) => columns::visit_row(self.program, columns, row, &mut put),
            Form::Json { context, rows } => {
                for text in context.iter().chain(rows.get(row)) {
                    json_rows::visit(self.program, text, &mut put);
                }
            }
        }
    }
}
