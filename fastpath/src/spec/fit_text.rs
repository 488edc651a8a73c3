//! What `fit` says in an operation: that its parameters come from training data, and how they are found.
//!
//! `fit = true` takes the options as they stand here; `fit = { … }` sets some of them.

use std::fmt;
use std::marker::PhantomData;

#[cfg(test)]
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

/// The options of a fitted operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit<T>(pub T);

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Fit<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TrueOrOptions<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for TrueOrOptions<T> {
            type Value = Fit<T>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("true or a table of options")
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
                if value {
                    return Ok(Fit(T::default()));
                }
                Err(E::custom("fit = false says nothing; write fit = true, or leave it out"))
            }

            fn visit_map<A: MapAccess<'de>>(self, options: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(options)).map(Fit)
            }
        }

        deserializer.deserialize_any(TrueOrOptions(PhantomData))
    }
}

#[cfg(test)]
impl<T: JsonSchema> JsonSchema for Fit<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Fit{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [{"const": true}, T::json_schema(generator)]})
    }
}

/// For operations that are fitted in one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NoOptions {}

/// The shares of values that lie below `min` and below `max`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ClipFit {
    /// The share of values below `min`. Default: 0.01.
    pub low: f64,
    /// The share of values below `max`. Default: 0.99.
    pub high: f64,
}

impl Default for ClipFit {
    fn default() -> Self {
        Self { low: 0.01, high: 0.99 }
    }
}

/// So many quantiles of equidistant shares, at most as many as there are values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct QuantileFit {
    /// How many quantiles. Default: 1000.
    pub count: u32,
}

impl Default for QuantileFit {
    fn default() -> Self {
        Self { count: 1000 }
    }
}

/// How values are spread over buckets.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct BucketizeFit {
    /// How many buckets; fewer where values repeat. Default: 10.
    pub buckets: u32,
    /// Whether buckets hold equally many values or have one width. Default: "quantile".
    pub by: BucketsBy,
}

impl Default for BucketizeFit {
    fn default() -> Self {
        Self { buckets: 10, by: BucketsBy::Quantile }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum BucketsBy {
    /// As many values in each bucket.
    #[default]
    Quantile,
    /// Buckets of one width.
    Uniform,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct VocabFit {
    /// Values that are there less often are left out. Default: 1.
    pub min_count: u64,
    /// How many values are kept, the most frequent. Default: all.
    pub max_size: Option<u64>,
    /// The order of the values. Default: "count".
    pub order: VocabOrder,
}

impl Default for VocabFit {
    fn default() -> Self {
        Self { min_count: 1, max_size: None, order: VocabOrder::Count }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum VocabOrder {
    /// The most frequent first; equally frequent ones by value.
    #[default]
    Count,
    /// Text by its bytes, integers by size.
    Value,
}
