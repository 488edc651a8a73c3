//! Parts of messages as Python gives them: bytes, holes as tuples, and groups of parts.

use pyo3::prelude::*;

use crate::load::message::{Form, Part, Value};

/// `penstock.load.parts` says what each is.
#[derive(FromPyObject)]
pub enum Given {
    Literal(Vec<u8>),
    /// What stands there, in which form, and two numbers.
    Hole((String, String, u64, u64)),
    Group {
        kind: String,
        parts: Vec<Given>,
    },
}

/// # Errors
/// A sentence that names what is not known.
pub fn parts(given: &[Given]) -> Result<Vec<Part>, String> {
    given.iter().map(part).collect()
}

fn part(given: &Given) -> Result<Part, String> {
    Ok(match given {
        Given::Literal(bytes) => Part::Literal(bytes.clone()),
        Given::Hole((value, form, first, second)) => {
            Part::Hole(value_of(value, *first, *second)?, form_of(form)?)
        }
        Given::Group { kind, parts: inner } => {
            let inner = parts(inner)?;
            match kind.as_str() {
                "nested" => Part::Nested(inner),
                "from_base64" => Part::FromBase64(inner),
                "as_base64" => Part::AsBase64(inner),
                other => return Err(format!("there is no kind {other:?} of parts")),
            }
        }
    })
}

fn value_of(name: &str, first: u64, second: u64) -> Result<Value, String> {
    Ok(match name {
        "RequestNumber" => Value::RequestNumber,
        "WorkerID" => Value::WorkerId,
        "Timestamp" => Value::Timestamp,
        "TimestampUnix" => Value::UnixSeconds,
        "TimestampUnixMilli" => Value::UnixMillis,
        "TimestampUnixNano" => Value::UnixNanos,
        "UUID" => Value::CallUuid,
        "newUUID" => Value::NewUuid,
        "randomString" => {
            Value::RandomText(usize::try_from(first).map_err(|error| format!("randomString: {error}"))?)
        }
        "randomInt" => Value::RandomNumber(first, second),
        other => return Err(format!("there is no value {other:?}")),
    })
}

fn form_of(name: &str) -> Result<Form, String> {
    Ok(match name {
        "text" => Form::Text,
        "varint" => Form::Varint,
        "zigzag" => Form::ZigZag,
        "fixed32" => Form::Fixed32,
        "fixed64" => Form::Fixed64,
        "float" => Form::Float,
        "double" => Form::Double,
        other => return Err(format!("there is no form {other:?}")),
    })
}
