//! Decodes rows that come as `tf.train.Example` messages, and the context, which is one such message.

use std::borrow::Cow;

use super::builder::Builder;
use super::cell::Cell;
use super::fault::{FaultKind, Place, RowsError};
use super::program::{Bits, Field, FieldShape, Program};
use super::rows::RowBlock;
use super::statistics::Watch;
use super::template::Template;
use crate::spec::text::UnknownFeatures;
use crate::wire::Reader;
use crate::wire::example::{FeatureValues, visit_features};

/// The template of a request's rows: the model's defaults with the context's features put in.
pub fn template<'p>(program: &'p Program, context: Option<&[u8]>) -> Result<Cow<'p, Template>, RowsError> {
    let Some(context) = context else { return Ok(Cow::Borrowed(&program.template)) };
    let mut builder = Builder::new(program, Cow::Borrowed(&program.template), 1);
    let mut seen = Bits::new(program.fields.len());
    builder.add_rows(1);
    put_example(&mut builder, program, &mut seen, Place::Context, Reader::new(context))?;
    builder.leave_out_unseen(&seen);
    Ok(Cow::Owned(builder.into_template(seen)))
}

/// Decodes one row a message.
pub fn decode(
    program: &Program,
    template: Cow<'_, Template>,
    examples: &[Reader<'_>],
    watch: Watch<'_>,
) -> Result<RowBlock, RowsError> {
    let mut builder = Builder::new(program, template, examples.len());
    let mut seen = Bits::new(program.fields.len());
    for (row, example) in examples.iter().enumerate() {
        builder.add_rows(1);
        seen.clear();
        put_example(&mut builder, program, &mut seen, Place::Example(row), *example)?;
        if let Some(field) = program.required.first_missing(&seen, builder.given()) {
            return Err(RowsError::feature(Place::Example(row), program.name(field), FaultKind::Missing));
        }
        builder.leave_out_unseen(&seen);
    }
    let block = finish(builder, Place::Example)?;
    watch.examples(program, examples);
    Ok(block)
}

/// Rows of defaults.
pub fn defaults(program: &Program, rows: usize) -> Result<RowBlock, RowsError> {
    let mut builder = Builder::new(program, Cow::Borrowed(&program.template), rows);
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
    let row = if let Place::Example(row) = place { row } else { 0 };
    let mut previous = None;
    visit_features(example, |name, values| {
        let Some(index) = program.field(previous, name) else {
            return unknown(program, place, name);
        };
        previous = Some(index);
        let Some(field) = program.fields.get(index) else { return Ok(()) };
        if is_empty(values) && field.shape == FieldShape::Scalar {
            // A scalar without a value is missing, as in TensorFlow.
            return Ok(());
        }
        let put = if !seen.insert(index) {
            Err(FaultKind::Twice.into())
        } else if builder.given().contains(index) {
            Err(FaultKind::InContextToo.into())
        } else {
            builder.put(row, field, cell(values))
        };
        put.map_err(|kind| RowsError::feature(place, name, kind))
    })
}

/// Calls `put` with each feature of an Example that has been decoded: the field's place, the field, its values.
pub(super) fn visit(program: &Program, example: Reader<'_>, put: &mut impl FnMut(usize, &Field, Cell<'_>)) {
    let mut previous = None;
    // What cannot be read has been refused.
    let _: Result<(), RowsError> = visit_features(example, |name, values| {
        if let Some(index) = program.field(previous, name)
            && let Some(field) = program.fields.get(index)
        {
            previous = Some(index);
            if !(is_empty(values) && field.shape == FieldShape::Scalar) {
                put(index, field, cell(values));
            }
        }
        Ok(())
    });
}

#[inline]
fn cell(values: FeatureValues<'_>) -> Cell<'_> {
    match values {
        FeatureValues::Floats(bytes) => Cell::Floats(bytes.as_chunks().0),
        FeatureValues::Ints(bytes) => Cell::Varints(bytes),
        FeatureValues::Bytes(list) => Cell::BytesList(list),
        FeatureValues::None => Cell::None,
    }
}

#[inline]
fn is_empty(values: FeatureValues<'_>) -> bool {
    match values {
        FeatureValues::None => true,
        FeatureValues::Floats(bytes) | FeatureValues::Ints(bytes) | FeatureValues::Bytes(bytes) => {
            bytes.is_empty()
        }
    }
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
