//! The value that a row gets where a feature is missing, as model.toml states it.

use super::cell::Cell;
use crate::spec::error::Fault;
use crate::spec::text::{FeatureText, FeatureType};

/// A default in the form in which a caller would send it.
#[derive(Clone, Debug, PartialEq)]
pub enum DefaultValue {
    Doubles(Vec<[u8; 8]>),
    Ints(Vec<[u8; 8]>),
    Texts(Vec<Vec<u8>>),
    /// The time of the request.
    Now,
}

impl DefaultValue {
    /// None: a row without the feature is refused.
    pub fn of(text: &FeatureText) -> Result<Option<Self>, Fault> {
        let fixed = text.list.is_some_and(|list| list.length.is_some());
        let values = match (&text.missing, text.list) {
            (None, Some(_)) if !fixed => Vec::new(),
            (None, _) => return Ok(None),
            (Some(toml::Value::String(word)), _) if word == "error" => return Ok(None),
            (Some(toml::Value::String(word)), None)
                if word == "now" && text.kind == FeatureType::Timestamp =>
            {
                return Ok(Some(Self::Now));
            }
            (Some(toml::Value::Array(values)), Some(_)) => values.clone(),
            (Some(value), None) => vec![value.clone()],
            (Some(value), Some(_)) => {
                return Err(Fault::new(format!(
                    "feature `{}` is a list, so missing must be a list or \"error\", not {value}",
                    text.name
                )));
            }
        };
        Self::from_values(text.kind, &values).map(Some).ok_or_else(|| {
            Fault::new(format!(
                "feature `{}` has missing = {}, which is not of type {}; write such a value, or \"error\"",
                text.name,
                text.missing.as_ref().map_or_else(String::new, ToString::to_string),
                text.kind.name()
            ))
        })
    }

    fn from_values(kind: FeatureType, values: &[toml::Value]) -> Option<Self> {
        Some(match kind {
            FeatureType::Float => Self::Doubles(
                values
                    .iter()
                    .map(|value| {
                        let number =
                            value.as_float().or_else(|| value.as_integer().map(|value| value as f64));
                        number.map(f64::to_le_bytes)
                    })
                    .collect::<Option<_>>()?,
            ),
            FeatureType::Int | FeatureType::Timestamp => Self::Ints(
                values.iter().map(|value| value.as_integer().map(i64::to_le_bytes)).collect::<Option<_>>()?,
            ),
            FeatureType::Bool => Self::Ints(
                values
                    .iter()
                    .map(|value| value.as_bool().map(|value| i64::from(value).to_le_bytes()))
                    .collect::<Option<_>>()?,
            ),
            FeatureType::String | FeatureType::Bytes => Self::Texts(
                values
                    .iter()
                    .map(|value| value.as_str().map(|value| value.as_bytes().to_vec()))
                    .collect::<Option<_>>()?,
            ),
        })
    }

    /// Calls `with` with the default as a caller's cell; of `Now` with 1970, which stands in until a request comes.
    pub fn with_cell<T>(&self, with: impl FnOnce(Cell<'_>) -> T) -> T {
        match self {
            Self::Doubles(values) => with(Cell::Doubles(values)),
            Self::Ints(values) => with(Cell::Ints(values)),
            Self::Now => with(Cell::Ints(&[[0; 8]])),
            Self::Texts(values) => {
                let values: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
                with(Cell::Texts(&values))
            }
        }
    }
}
