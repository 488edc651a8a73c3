//! The `parameters` of a request, an input or an output in JSON: those of the binary data, which are this form's own, and the
//! others, which mean what they mean in protobuf.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use crate::wire::infer_parameters::{self as wire, MAX_PARAMETERS};

/// What the parameters of one object say.
#[derive(Debug, Default)]
pub struct Parameters<'a> {
    /// Of an input: the bytes behind the JSON that are its data.
    pub binary_data_size: Option<usize>,
    /// Of a requested output: whether its data comes behind the JSON.
    pub binary_data: Option<bool>,
    /// Of a request: the same for every output that does not say.
    pub binary_data_output: Option<bool>,
    others: Vec<(Cow<'a, str>, Value<'a>)>,
}

/// A value of any kind that a parameter may have.
#[derive(Debug)]
enum Value<'a> {
    Null,
    Bool(bool),
    Natural(u64),
    Negative(i64),
    Float(f64),
    Text(Cow<'a, str>),
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
            _ => self.others.push((name, value)),
        }
        Ok(())
    }

    /// What they ask for as those of a request.
    pub fn of_request(&self) -> wire::Parameters<'_> {
        let mut parameters = wire::Parameters::default();
        for (name, value) in &self.others {
            parameters.take(name, value.wire());
        }
        parameters
    }

    /// The one of an input or an output that asks for what penstock does not have.
    pub fn of_tensor(&self) -> Option<wire::Refused<'_>> {
        let mut refused = None;
        for (name, value) in &self.others {
            if let Err(why) = wire::of_tensor(name, value.wire()) {
                wire::refuse(&mut refused, wire::Refused { name, why });
            }
        }
        refused
    }
}

impl Value<'_> {
    fn wire(&self) -> wire::Value<'_> {
        match self {
            Self::Null => wire::Value::Nothing,
            Self::Bool(truth) => wire::Value::Bool(*truth),
            Self::Natural(number) => wire::Value::Uint64(*number),
            Self::Negative(number) => wire::Value::Int64(*number),
            Self::Float(number) => wire::Value::Double(*number),
            Self::Text(text) => wire::Value::Text(text),
        }
    }

    fn natural<E: Error>(&self, name: &str) -> Result<Option<u64>, E> {
        match self {
            Self::Null => Ok(None),
            Self::Natural(value) => Ok(Some(*value)),
            _ => Err(self.wrong(name, "a whole number of 0 or more")),
        }
    }

    fn bool<E: Error>(&self, name: &str) -> Result<Option<bool>, E> {
        match self {
            Self::Null => Ok(None),
            Self::Bool(value) => Ok(Some(*value)),
            _ => Err(self.wrong(name, "true or false")),
        }
    }

    fn wrong<E: Error>(&self, name: &str, expected: &str) -> E {
        let came = self.wire().kind();
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

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value<'de>, E> {
        Ok(Value::Negative(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value<'de>, E> {
        Ok(Value::Float(value))
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(value.to_owned())))
    }
}
