//! `map<string, InferParameter>`: what the parameters of a request, an input or a requested output ask for.
//!
//! Some of the names that Triton reserves mean something or are refused; all others are passed over, whatever they hold.

use super::error::WireError;
use super::reader::{Reader, WireType};

/// The parameter, and the header of the HTTP port, by which calls of one caller meet one version.
pub const ROUTING_KEY: &str = "penstock-routing-key";
/// Most parameters of a request or tensor.
pub const MAX_PARAMETERS: usize = 64;

/// A value of any of the five kinds that `InferParameter` has. JSON tells no kinds of numbers: a whole one of 0 or more is
/// `Uint64` there, a negative one `Int64`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Value<'a> {
    /// No kind is set; null in JSON. It is as good as no parameter.
    #[default]
    Nothing,
    Bool(bool),
    Int64(i64),
    Text(&'a str),
    Double(f64),
    Uint64(u64),
}

impl Value<'_> {
    /// What it is, in words.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Int64(..0) => "a negative number",
            Self::Int64(_) | Self::Uint64(_) => "a whole number",
            Self::Text(_) => "text",
            Self::Double(_) => "a float",
        }
    }
}

/// Why a parameter is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    SharedMemory,
    Classification,
    /// It makes the request a part of a sequence.
    Sequence,
    /// It asks to be served before others.
    Priority,
    Kind {
        expected: &'static str,
        came: &'static str,
    },
}

/// A refused parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused<'a> {
    pub name: &'a str,
    pub why: Why,
}

/// What the parameters of a request come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parameters<'a> {
    /// How long the request may take, in microseconds; 0: it does not say.
    pub timeout_us: u64,
    /// Calls with the same one meet the same version; empty: it does not say.
    pub routing_key: &'a str,
    pub refused: Option<Refused<'a>>,
}

impl<'a> Parameters<'a> {
    /// Takes one parameter more. Of a name that is there twice the last one counts, unless the other is refused.
    pub fn take(&mut self, name: &'a str, value: Value<'a>) {
        if let Err(why) = self.of_request(name, value) {
            refuse(&mut self.refused, Refused { name, why });
        }
    }

    fn of_request(&mut self, name: &str, value: Value<'a>) -> Result<(), Why> {
        match name {
            "timeout" => self.timeout_us = whole(value)?,
            ROUTING_KEY => self.routing_key = text(value)?,
            "priority" if whole(value)? > 0 => return Err(Why::Priority),
            "sequence_id" => match value {
                Value::Nothing | Value::Int64(0) | Value::Uint64(0) | Value::Text("") => {}
                Value::Int64(_) | Value::Uint64(_) | Value::Text(_) => return Err(Why::Sequence),
                Value::Bool(_) | Value::Double(_) => return Err(wrong(value, "a whole number or text")),
            },
            "sequence_start" | "sequence_end" if truth(value)? => return Err(Why::Sequence),
            _ => of_tensor(name, value)?,
        }
        Ok(())
    }
}

impl Refused<'_> {
    /// A sentence; `path` is where the parameter stands in the request.
    #[must_use]
    pub fn sentence(&self, path: &str) -> String {
        match self.why {
            Why::SharedMemory => {
                format!("{path} is not supported; send and receive whole tensors in the messages.")
            }
            Why::Classification => {
                format!("{path} is not supported; ask for the whole output, and take its largest elements.")
            }
            Why::Sequence => format!(
                "{path} is not supported: every request stands alone; send no sequence_id, sequence_start and sequence_end."
            ),
            Why::Priority => format!(
                "{path} is not supported: requests are served in the order in which they come; send 0, or no priority."
            ),
            Why::Kind { expected, came } => format!("{path} must be {expected}, but {came} came."),
        }
    }
}

/// Keeps one of several refused parameters: a map has no order on the wire; the last name of the alphabet is the same in
/// every run.
pub fn refuse<'a>(refused: &mut Option<Refused<'a>>, more: Refused<'a>) {
    if refused.is_none_or(|one| one.name <= more.name) {
        *refused = Some(more);
    }
}

/// What a parameter of an input or a requested output asks for, if that cannot be had.
///
/// # Errors
/// Why it is refused.
pub fn of_tensor(name: &str, value: Value<'_>) -> Result<(), Why> {
    if name.starts_with("shared_memory_") {
        return Err(Why::SharedMemory);
    }
    // No class at all is no classification.
    if name == "classification" && !matches!(value, Value::Nothing | Value::Int64(0) | Value::Uint64(0)) {
        return Err(Why::Classification);
    }
    Ok(())
}

fn text(value: Value<'_>) -> Result<&str, Why> {
    match value {
        Value::Nothing => Ok(""),
        Value::Text(text) => Ok(text),
        _ => Err(wrong(value, "text")),
    }
}

fn whole(value: Value<'_>) -> Result<u64, Why> {
    match value {
        Value::Nothing => Ok(0),
        Value::Uint64(number) => Ok(number),
        Value::Int64(number) => {
            u64::try_from(number).map_err(|_| wrong(value, "a whole number of 0 or more"))
        }
        _ => Err(wrong(value, "a whole number of 0 or more")),
    }
}

fn truth(value: Value<'_>) -> Result<bool, Why> {
    match value {
        Value::Nothing => Ok(false),
        Value::Bool(truth) => Ok(truth),
        _ => Err(wrong(value, "true or false")),
    }
}

fn wrong(value: Value<'_>, expected: &'static str) -> Why {
    Why::Kind { expected, came: value.kind() }
}

/// An entry of the map.
///
/// # Errors
/// It is none, or holds text that is not UTF-8.
pub fn entry(mut entry: Reader<'_>) -> Result<(&str, Value<'_>), WireError> {
    let (mut name, mut value) = ("", Value::Nothing);
    while let Some((number, wire_type)) = entry.field()? {
        match (number, wire_type) {
            (1, WireType::Length) => name = entry.string("parameters")?,
            (2, WireType::Length) => value = read_value(entry.message()?, value)?,
            _ => entry.skip(number, wire_type)?,
        }
    }
    Ok((name, value))
}

/// An `InferParameter`; of several kinds the last counts.
fn read_value<'a>(mut reader: Reader<'a>, mut value: Value<'a>) -> Result<Value<'a>, WireError> {
    while let Some((number, wire_type)) = reader.field()? {
        value = match (number, wire_type) {
            (1, WireType::Varint) => Value::Bool(reader.varint()? != 0),
            (2, WireType::Varint) => Value::Int64(reader.varint()?.cast_signed()),
            (3, WireType::Length) => Value::Text(reader.string("parameters")?),
            (4, WireType::Fixed64) => Value::Double(f64::from_le_bytes(reader.fixed64()?)),
            (5, WireType::Varint) => Value::Uint64(reader.varint()?),
            _ => {
                reader.skip(number, wire_type)?;
                value
            }
        };
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Writer;

    const KINDS: [Value<'static>; 5] =
        [Value::Bool(true), Value::Int64(-7), Value::Text("é"), Value::Double(0.5), Value::Uint64(u64::MAX)];

    fn written(name: &str, value: Value<'_>) -> Vec<u8> {
        let mut inner = Writer::default();
        match value {
            Value::Nothing => {}
            Value::Bool(truth) => inner.bool(1, truth),
            Value::Int64(number) => inner.uint64(2, number.cast_unsigned()),
            Value::Text(text) => inner.string(3, text),
            Value::Double(number) => inner.double(4, number),
            Value::Uint64(number) => inner.uint64(5, number),
        }
        let mut entry = Writer::default();
        entry.string(1, name);
        entry.bytes(2, inner.as_slice());
        entry.into_vec()
    }

    fn taken(name: &'static str, value: Value<'static>) -> Parameters<'static> {
        let mut parameters = Parameters::default();
        parameters.take(name, value);
        parameters
    }

    fn why(name: &'static str, value: Value<'static>) -> Option<Why> {
        taken(name, value).refused.map(|refused| refused.why)
    }

    #[test]
    fn all_five_kinds_are_read_and_a_name_without_a_meaning_may_hold_any() {
        for value in KINDS {
            let bytes = written("caller", value);
            assert_eq!(entry(Reader::new(&bytes)), Ok(("caller", value)));
            for name in [
                "caller",
                "headers",
                "triton_enable_empty_final_response",
                "binary_data_output",
                "binary_data_size",
                "",
            ] {
                assert_eq!(taken(name, value), Parameters::default(), "{name} {value:?}");
            }
        }
        let unset = written("caller", Value::Nothing);
        assert_eq!(entry(Reader::new(&unset)), Ok(("caller", Value::Nothing)));
    }

    #[test]
    fn of_several_kinds_in_one_value_the_last_counts() {
        let mut inner = Writer::default();
        inner.uint64(2, 5);
        inner.string(3, "x");
        let mut bytes = Writer::default();
        bytes.bytes(2, inner.as_slice());
        assert_eq!(entry(Reader::new(bytes.as_slice())), Ok(("", Value::Text("x"))));
    }

    #[test]
    fn a_timeout_is_a_whole_number_of_either_kind() {
        assert_eq!(taken("timeout", Value::Int64(5)).timeout_us, 5);
        assert_eq!(taken("timeout", Value::Uint64(u64::MAX)).timeout_us, u64::MAX);
        assert_eq!(taken("timeout", Value::Nothing), Parameters::default());
        let expected = "a whole number of 0 or more";
        for (value, came) in [
            (Value::Int64(-1), "a negative number"),
            (Value::Text("5"), "text"),
            (Value::Double(5.0), "a float"),
        ] {
            assert_eq!(why("timeout", value), Some(Why::Kind { expected, came }));
        }
    }

    #[test]
    fn a_routing_key_is_text() {
        assert_eq!(taken(ROUTING_KEY, Value::Text("zoé")).routing_key, "zoé");
        assert_eq!(taken(ROUTING_KEY, Value::Nothing), Parameters::default());
        let came = "a whole number";
        assert_eq!(why(ROUTING_KEY, Value::Int64(7)), Some(Why::Kind { expected: "text", came }));
    }

    #[test]
    fn what_says_that_there_is_no_sequence_is_no_sequence() {
        for value in [Value::Int64(0), Value::Uint64(0), Value::Text(""), Value::Nothing] {
            assert_eq!(why("sequence_id", value), None);
        }
        for value in [Value::Int64(-1), Value::Uint64(7), Value::Text("a")] {
            assert_eq!(why("sequence_id", value), Some(Why::Sequence));
        }
        for name in ["sequence_start", "sequence_end"] {
            assert_eq!(why(name, Value::Bool(false)), None);
            assert_eq!(why(name, Value::Bool(true)), Some(Why::Sequence));
        }
    }

    #[test]
    fn every_name_with_a_meaning_has_a_kind_that_it_refuses_by_name() {
        for name in ["timeout", "priority", "sequence_id", "sequence_start", "sequence_end"] {
            let refused = taken(name, Value::Double(1.0)).refused.unwrap();
            assert_eq!(refused.name, name);
            assert!(refused.sentence("parameters.x").contains("but a float came"), "{refused:?}");
        }
    }

    #[test]
    fn a_priority_and_a_classification_of_zero_are_none() {
        assert_eq!([0, 1].map(|number| why("priority", Value::Uint64(number))), [None, Some(Why::Priority)]);
        let classes = [0, 2].map(|number| of_tensor("classification", Value::Int64(number)));
        assert_eq!(classes, [Ok(()), Err(Why::Classification)]);
        assert_eq!(of_tensor("shared_memory_offset", Value::Int64(0)), Err(Why::SharedMemory));
    }
}
