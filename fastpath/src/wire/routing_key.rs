//! The key by which calls of one caller meet one version: a parameter of `ModelInferRequest`, a field of `PredictRequest`.

use super::error::WireError;
use super::reader::{Reader, WireType};
use crate::status::Status;

/// What the parameter, and the header of the HTTP port, is called.
pub const ROUTING_KEY: &str = "penstock-routing-key";

/// The parameter's value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RoutingKey<'a> {
    /// Empty: none.
    Text(&'a str),
    /// There is a value, which is not text.
    Other,
    #[default]
    None,
}

impl<'a> RoutingKey<'a> {
    /// Of an `InferParameter`, by whose last field it is text or not.
    pub(super) fn parse(mut parameter: Reader<'a>) -> Result<Self, WireError> {
        let mut key = Self::None;
        while let Some((number, wire_type)) = parameter.field()? {
            key = if let (3, WireType::Length) = (number, wire_type) {
                Self::Text(parameter.string("parameters")?)
            } else {
                parameter.skip(number, wire_type)?;
                Self::Other
            };
        }
        Ok(key)
    }

    /// The key; empty: none.
    ///
    /// # Errors
    /// `InvalidArgument`: the value is not text.
    pub fn text(self) -> Result<&'a str, Status> {
        match self {
            Self::Text(key) => Ok(key),
            Self::None => Ok(""),
            Self::Other => Err(not_text()),
        }
    }
}

#[cold]
fn not_text() -> Status {
    let field = format!("parameters.{ROUTING_KEY}");
    let sentence = format!("Parameter {ROUTING_KEY} is not text; send the key as string_param.");
    Status::invalid(field, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(parameter: &[u8]) -> RoutingKey<'_> {
        RoutingKey::parse(Reader::new(parameter)).unwrap()
    }

    #[test]
    fn a_key_is_text_and_the_last_value_counts() {
        assert_eq!(key(b"\x1a\x02u1"), RoutingKey::Text("u1"));
        assert_eq!(key(b"\x10\x07"), RoutingKey::Other);
        assert_eq!(key(b"\x10\x07\x1a\x02u1"), RoutingKey::Text("u1"));
        assert_eq!(key(b""), RoutingKey::None);
    }

    #[test]
    fn a_value_that_is_no_text_is_refused_with_its_field() {
        let status = RoutingKey::Other.text().unwrap_err();
        assert_eq!(status.field.as_deref(), Some("parameters.penstock-routing-key"));
        assert_eq!((RoutingKey::None.text(), RoutingKey::Text("k").text()), (Ok(""), Ok("k")));
    }
}
