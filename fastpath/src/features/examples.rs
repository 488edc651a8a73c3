//! Decodes rows that come as `tf.train.Example` messages, and the context, which is one such message.

use std::borrow::Cow;

use super::builder::Builder;
use super::cell::Cell;
use super::clock::Clock;
use super::fault::{FaultKind, Place, RowsError};
use super::program::{Bits, Field, FieldShape, Program};
use super::rows::RowBlock;
use super::statistics::Watch;
use super::template::Template;
use crate::spec::text::UnknownFeatures;
use crate::wire::Reader;
use crate::wire::entry_key::EntryKey;
use crate::wire::example::{FeatureValues, Visitor, visit_features};

/// The template of a request's rows: the model's defaults with the context's features put in.
pub fn template<'p>(
    program: &'p Program,
    context: Option<&[u8]>,
    clock: Clock,
) -> Result<Cow<'p, Template>, RowsError> {
    let base = Template::at(program, clock)?;
    let Some(context) = context else { return Ok(base) };
    with_context(program, base, |builder, seen| {
        put_example(builder, program, seen, Place::Context, Reader::new(context))
    })
}

/// A template with a context in it, whose features `put` puts into a row.
pub(super) fn with_context<'p>(
    program: &'p Program,
    base: Cow<'p, Template>,
    put: impl FnOnce(&mut Builder<'p>, &mut Bits) -> Result<(), RowsError>,
) -> Result<Cow<'p, Template>, RowsError> {
    let required = base.required.clone();
    let mut builder = Builder::of_template(program, base);
    let mut seen = Bits::new(program.fields.len());
    put(&mut builder, &mut seen)?;
    builder.leave_out_unseen(&seen);
    if let Some((_, name, kind)) = builder.unequal_weights(|field| seen.contains(field)) {
        return Err(RowsError::feature(Place::Context, name.as_bytes(), kind));
    }
    Ok(Cow::Owned(builder.into_template(seen, required)))
}

/// Decodes one row a message.
pub fn decode(
    program: &Program,
    template: Cow<'_, Template>,
    examples: &[Reader<'_>],
    watch: Watch<'_>,
) -> Result<RowBlock, RowsError> {
    let mut builder = Builder::new(program, template, examples.len());
    let mut seen = Bits::default();
    for (row, example) in examples.iter().enumerate() {
        builder.add_rows(1);
        // What the context has, no row may have: one question for both.
        seen.copy_from(builder.given());
        put_example(&mut builder, program, &mut seen, Place::Example(row), *example)?;
        if let Some(field) = builder.first_missing(&seen) {
            return Err(missing(program, Place::Example(row), field));
        }
        builder.leave_out_unseen(&seen);
    }
    let block = finish(builder, Place::Example)?;
    watch.examples(program, examples);
    Ok(block)
}

/// Rows of defaults, each with per-request values of its own. The time of the request is 1970.
pub fn defaults(program: &Program, rows: usize) -> Result<RowBlock, RowsError> {
    let mut builder = Builder::new(program, Cow::Borrowed(&program.template), rows);
    builder.unshare();
    let nothing = Bits::new(program.fields.len());
    builder.add_rows(rows);
    for _ in 0..rows {
        builder.leave_out_unseen(&nothing);
    }
    finish(builder, Place::Example)
}

/// Completes the rows; `place` says where a row of this request is.
pub(super) fn finish(builder: Builder<'_>, place: fn(usize) -> Place) -> Result<RowBlock, RowsError> {
    builder.finish().map_err(|(row, name, kind)| RowsError::feature(place(row), name.as_bytes(), kind))
}

#[inline]
fn put_example(
    builder: &mut Builder<'_>,
    program: &Program,
    seen: &mut Bits,
    place: Place,
    example: Reader<'_>,
) -> Result<(), RowsError> {
    visit_features(example, &mut Row { builder, program, seen, place, previous: None })
}

/// A row that is being filled; the context is one too.
struct Row<'b, 'p> {
    builder: &'b mut Builder<'p>,
    program: &'b Program,
    seen: &'b mut Bits,
    place: Place,
    /// The field that came last.
    previous: Option<usize>,
}

impl Visitor for Row<'_, '_> {
    type Error = RowsError;

    #[inline(always)]
    fn expected(&self) -> Option<(usize, &EntryKey)> {
        self.program.expected(self.previous)
    }

    #[inline(always)]
    fn visit_expected(&mut self, index: usize, values: FeatureValues<'_>) -> Result<(), RowsError> {
        self.put(index, values)
    }

    fn visit(&mut self, name: &[u8], values: FeatureValues<'_>) -> Result<(), RowsError> {
        match self.program.field(self.previous, name) {
            Some(index) => self.put(index, values),
            None => unknown(self.program, self.place, name),
        }
    }
}

impl Row<'_, '_> {
    #[inline(always)]
    fn put(&mut self, index: usize, values: FeatureValues<'_>) -> Result<(), RowsError> {
        self.previous = Some(index);
        let Some(field) = self.program.fields.get(index) else { return Ok(()) };
        if is_empty(values) && field.shape == FieldShape::Scalar {
            // A scalar without a value is missing, as in TensorFlow.
            return Ok(());
        }
        let row = if let Place::Example(row) = self.place { row } else { 0 };
        let put = if self.seen.insert(index) {
            self.builder.put(row, field, cell(&values))
        } else {
            Err(self.again(index).into())
        };
        put.map_err(|kind| RowsError::feature(self.place, field.name.as_bytes(), kind))
    }

    /// Why a field that is there already is refused.
    #[cold]
    fn again(&self, index: usize) -> FaultKind {
        if self.builder.given().contains(index) { FaultKind::InContextToo } else { FaultKind::Twice }
    }
}

/// Calls `put` with each feature of an Example that has been decoded: the field's place, the field, its values.
pub(super) fn visit(program: &Program, example: Reader<'_>, put: &mut impl FnMut(usize, &Field, Cell<'_>)) {
    // What cannot be read has been refused.
    let _ = visit_features(example, &mut Sight { program, put, previous: None });
}

/// A row that is only looked at.
struct Sight<'p, P> {
    program: &'p Program,
    put: &'p mut P,
    previous: Option<usize>,
}

impl<P: FnMut(usize, &Field, Cell<'_>)> Visitor for Sight<'_, P> {
    type Error = RowsError;

    fn expected(&self) -> Option<(usize, &EntryKey)> {
        self.program.expected(self.previous)
    }

    fn visit_expected(&mut self, index: usize, values: FeatureValues<'_>) -> Result<(), RowsError> {
        self.previous = Some(index);
        if let Some(field) = self.program.fields.get(index)
            && !(is_empty(values) && field.shape == FieldShape::Scalar)
        {
            (self.put)(index, field, cell(&values));
        }
        Ok(())
    }

    fn visit(&mut self, name: &[u8], values: FeatureValues<'_>) -> Result<(), RowsError> {
        match self.program.field(self.previous, name) {
            Some(index) => self.visit_expected(index, values),
            None => Ok(()),
        }
    }
}

#[inline(always)]
fn cell<'a>(values: &'a FeatureValues<'_>) -> Cell<'a> {
    match values {
        FeatureValues::Floats(bytes) => Cell::Floats(bytes.as_chunks().0),
        FeatureValues::Ints(bytes) => Cell::Varints(bytes),
        FeatureValues::Bytes(list) => Cell::BytesList(list),
        FeatureValues::Element(element) => Cell::Texts(std::slice::from_ref(element)),
        FeatureValues::None => Cell::None,
    }
}

#[inline(always)]
fn is_empty(values: FeatureValues<'_>) -> bool {
    match values {
        FeatureValues::None => true,
        FeatureValues::Floats(bytes) | FeatureValues::Ints(bytes) | FeatureValues::Bytes(bytes) => {
            bytes.is_empty()
        }
        FeatureValues::Element(_) => false,
    }
}

/// A row lacks a field without which it cannot be.
#[cold]
pub(super) fn missing(program: &Program, place: Place, field: usize) -> RowsError {
    let is_now = program.now.iter().any(|(now, _)| *now == field) && !program.required.contains(field);
    let kind = if is_now { FaultKind::NoRequestTime } else { FaultKind::Missing };
    RowsError::feature(place, program.name(field), kind)
}

/// A name that the model does not have.
#[cold]
pub fn unknown(program: &Program, place: Place, name: &[u8]) -> Result<(), RowsError> {
    match program.unknown {
        UnknownFeatures::Ignore => Ok(()),
        UnknownFeatures::Error => {
            let nearest = program.nearest_name(name);
            Err(RowsError::feature(place, name, FaultKind::Unknown { nearest }))
        }
    }
}
