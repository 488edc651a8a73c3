//! The `parameters` of a request, an input or an output: those that mean something here; others are passed over, as they
//! are in protobuf.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use crate::wire::infer_request::{MAX_PARAMETERS, is_refused};
use crate::wire::routing_key::ROUTING_KEY;

/// What the parameters of one object say.
#[derive(Debug, Default)]
pub struct Parameters<'a> {
    /// Of an input: the bytes behind the JSON that are its data.
    pub binary_data_size: Option<usize>,
    /// Of a requested output: whether its data comes behind the JSON.
    pub binary_data: Option<bool>,
    /// Of a request: the same for every output that does not say.
    pub binary_data_output: Option<bool>,
    /// Of a request: how long it may take; 0 is no word about it, as in Triton.
    pub timeout_us: u64,
    /// Of a request: calls with the same one meet the same version.
    pub routing_key: Option<Cow<'a, str>>,
    /// One that asks for what penstock does not have.
    pub refused: Option<Cow<'a, str>>,
}

/// A value of any kind that a parameter may have.
enum Value<'a> {
    Null,
    Bool(bool),
    Natural(u64),
    Text(Cow<'a, str>),
    Other(&'static str),
}

impl<'de: 'a, 'a> Deserialize<'de> for Parameters<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Table)
    }
}

struct Table;

impl<'de> Visitor<'de> for Table {
    type Value = Parameters<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object of parameters")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Parameters::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut parameters = Parameters::default();
        let mut count = 0;
        while let Some((name, value)) = map.next_entry::<Cow<'de, str>, Value<'de>>()? {
            count += 1;
            if count > MAX_PARAMETERS {
                return Err(A::Error::custom(format_args!("more than {MAX_PARAMETERS} parameters")));
            }
            parameters.take(name, value)?;
        }
        Ok(parameters)
    }
}

impl<'a> Parameters<'a> {
    fn take<E: Error>(&mut self, name: Cow<'a, str>, value: Value<'a>) -> Result<(), E> {
        match &*name {
            "binary_data_size" => {
                self.binary_data_size =
                    value.natural(&name)?.map(|size| usize::try_from(size).unwrap_or(usize::MAX));
            }
            "binary_data" => self.binary_data = value.bool(&name)?,
            "binary_data_output" => self.binary_data_output = value.bool(&name)?,
            ROUTING_KEY => self.routing_key = value.text(&name)?,
            "timeout" => self.timeout_us = value.natural(&name)?.unwrap_or(0),
            _ if is_refused(&name) => self.refused = Some(name),
            _ => {}
        }
        Ok(())
    }
}

impl<'a> Value<'a> {
    fn text<E: Error>(self, name: &str) -> Result<Option<Cow<'a, str>>, E> {
        match self {
            Self::Null => Ok(None),
            Self::Text(text) => Ok(Some(text)),
            other => Err(other.wrong(name, "text")),
        }
    }

    fn natural<E: Error>(&self, name: &str) -> Result<Option<u64>, E> {
        match self {
            Self::Null => Ok(None),
            Self::Natural(value) => Ok(Some(*value)),
            other => Err(other.wrong(name, "a whole number of 0 or more")),
        }
    }

    fn bool<E: Error>(&self, name: &str) -> Result<Option<bool>, E> {
        match self {
            Self::Null => Ok(None),
            Self::Bool(value) => Ok(Some(*value)),
            other => Err(other.wrong(name, "true or false")),
        }
    }

    fn wrong<E: Error>(&self, name: &str, expected: &str) -> E {
        let came = match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Natural(_) => "a number",
            Self::Text(_) => "text",
            Self::Other(kind) => kind,
        };
        E::custom(format_args!("parameter `{name}` must be {expected}, but {came} came"))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Value<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Scalar)
    }
}

struct Scalar;

impl<'de> Visitor<'de> for Scalar {
    type Value = Value<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a text, a number or a boolean as the value of a parameter")
    }

    fn visit_unit<E: Error>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value<'de>, E> {
        Ok(Value::Natural(value))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Value<'de>, E> {
        Ok(Value::Other("a negative number"))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Value<'de>, E> {
        Ok(Value::Other("a float"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(value)))
    }
}
