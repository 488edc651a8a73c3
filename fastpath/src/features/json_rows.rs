//! Decodes rows that come as JSON objects, one value a feature name, and the context, which is one such object.
//!
//! What a value means is the same as in a `tf.train.Example`; only that JSON tells integers from floats, and floats have 64
//! bits. Each row is one JSON text, found by who parsed the request.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::builder::Builder;
use super::clock::Clock;
use super::examples::{finish, missing, unknown, with_context};
use super::fault::{Fault, FaultKind, Place, RowsError};
use super::json_values::Values;
use super::program::{Bits, FieldShape, Program};
use super::rows::RowBlock;
use super::template::Template;

/// The template of a request's rows: the model's defaults with the context's features put in.
pub fn template<'p>(
    program: &'p Program,
    context: Option<&str>,
    clock: Clock,
) -> Result<Cow<'p, Template>, RowsError> {
    let base = Template::at(program, clock)?;
    let Some(context) = context else { return Ok(base) };
    let mut named = Bits::new(program.fields.len());
    with_context(program, base, |builder, seen| {
        Row { builder, program, named: &mut named, seen }.put(Place::Context, context)
    })
}

/// Decodes one row a text.
pub fn decode(program: &Program, template: Cow<'_, Template>, texts: &[&str]) -> Result<RowBlock, RowsError> {
    let mut builder = Builder::new(program, template, texts.len());
    let mut named = Bits::new(program.fields.len());
    let mut seen = named.clone();
    for (row, text) in texts.iter().enumerate() {
        builder.add_rows(1);
        named.clear();
        seen.clear();
        let row_of = Row { builder: &mut builder, program, named: &mut named, seen: &mut seen };
        row_of.put(Place::Row(row), text)?;
        if let Some(field) = builder.first_missing(&seen) {
            return Err(missing(program, Place::Row(row), field));
        }
        builder.leave_out_unseen(&seen);
    }
    finish(builder, Place::Row)
}

/// A row being filled.
struct Row<'r, 'p> {
    builder: &'r mut Builder<'p>,
    program: &'r Program,
    /// What it names, with a value or without.
    named: &'r mut Bits,
    /// What it has.
    seen: &'r mut Bits,
}

impl Row<'_, '_> {
    fn put(self, place: Place, text: &str) -> Result<(), RowsError> {
        let mut fault = None;
        let object = Object { row: self, place, fault: &mut fault };
        serde_json::Deserializer::from_str(text).deserialize_any(object).map_err(|error| {
            fault.unwrap_or_else(|| {
                let (path, what) = match place {
                    Place::Row(row) => (format!("rows[{row}]"), format!("Row {row}")),
                    _ => ("context".to_owned(), "The context".to_owned()),
                };
                RowsError::request(path, format!("{what} cannot be read: {}.", reason(&error)))
            })
        })
    }
}

/// What a parser says, without the place in a text that is a part of the caller's.
#[must_use]
pub fn reason(error: &impl fmt::Display) -> String {
    if is_half_a_pair(error) {
        return "a text has half of a surrogate pair".to_owned();
    }
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason).to_owned()
}

/// Whether the parser complains of a surrogate that stands alone, which it says in several ways.
#[must_use]
pub fn is_half_a_pair(error: &impl fmt::Display) -> bool {
    let text = error.to_string();
    text.contains("surrogate") || text.contains("end of hex escape")
}

/// One row, or the context.
struct Object<'r, 'p> {
    row: Row<'r, 'p>,
    place: Place,
    /// Why it was given up, where the text itself is not to blame.
    fault: &'r mut Option<RowsError>,
}

impl<'de> Visitor<'de> for Object<'_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object with a value for each feature")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let program = self.row.program;
        let mut previous = None;
        let mut values = Values::default();
        while let Some(Name(name)) = map.next_key_seed(Name::default())? {
            let name = name.as_bytes();
            let found = program.field(previous, name);
            let Some((index, field)) = found.and_then(|index| Some((index, program.fields.get(index)?)))
            else {
                if let Err(fault) = unknown(program, self.place, name) {
                    return Err(self.give_up(fault));
                }
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            previous = Some(index);
            if !self.row.named.insert(index) {
                return Err(self.wrong(name, FaultKind::Twice));
            }
            values.reset(field.kind);
            if let Err(error) = map.next_value_seed(&mut values) {
                let unread = || FaultKind::Json { reason: reason(&error) }.into();
                let kind: Fault = values.take_fault().unwrap_or_else(unread);
                return Err(self.wrong(name, kind));
            }
            if values.is_null() || values.is_empty() && field.shape == FieldShape::Scalar {
                // A scalar without a value is missing, as in TensorFlow.
                continue;
            }
            self.row.seen.insert(index);
            if self.row.builder.given().contains(index) {
                return Err(self.wrong(name, FaultKind::InContextToo));
            }
            let row = if let Place::Row(row) = self.place { row } else { 0 };
            let put = values.with_cell(|cell| self.row.builder.put(row, field, cell));
            put.map_err(|kind| self.wrong(name, kind))?;
        }
        Ok(())
    }
}

impl Object<'_, '_> {
    fn wrong<E: Error>(&mut self, name: &[u8], kind: impl Into<Fault>) -> E {
        self.give_up(RowsError::feature(self.place, name, kind))
    }

    fn give_up<E: Error>(&mut self, fault: RowsError) -> E {
        *self.fault = Some(fault);
        E::custom("")
    }
}

/// A key: a slice of the text, unless it has escapes.
#[derive(Default)]
struct Name<'de>(Cow<'de, str>);

impl<'de> DeserializeSeed<'de> for Name<'de> {
    type Value = Self;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name<'de> {
    type Value = Self;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Self, E> {
        Ok(Self(Cow::Borrowed(name)))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self, E> {
        Ok(Self(Cow::Owned(name.to_owned())))
    }
}
