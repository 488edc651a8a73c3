//! The keys of model.toml as they stand in the file (docs/model-toml.md explains each).

use serde::Deserialize;
use toml::Spanned;

pub use super::op_text::{
    AgeUnit, CastTo, CyclePart, HashName, HashText, IdOutside, IntsAs, OpText, Period, QuantileOutput,
};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelText {
    #[serde(default)]
    pub platform: Platform,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub unknown_features: UnknownFeatures,
    #[serde(default)]
    pub batching: BatchingText,
    #[serde(default)]
    pub instances: InstancesText,
    #[serde(default)]
    pub input: Vec<Spanned<InputText>>,
    #[serde(default)]
    pub output: Vec<Spanned<OutputText>>,
    #[serde(default)]
    pub feature: Vec<Spanned<FeatureText>>,
    #[serde(default)]
    pub cross: Vec<Spanned<CrossText>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    #[default]
    Torchscript,
}

/// What to do with a feature that the model does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnknownFeatures {
    #[default]
    Error,
    Ignore,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BatchingText {
    pub max_batch_rows: u32,
    pub max_queue_delay_us: u64,
    pub queue_capacity_rows: u32,
}

impl Default for BatchingText {
    fn default() -> Self {
        Self { max_batch_rows: 1024, max_queue_delay_us: 0, queue_capacity_rows: 16_384 }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InstancesText {
    /// None: by the cores of the process.
    pub count: Option<u32>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputText {
    pub name: String,
    pub datatype: String,
    pub dims: Option<Vec<i64>>,
    pub offsets_of: Option<String>,
    pub lengths_of: Option<String>,
    pub mask_of: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputText {
    pub name: String,
    pub datatype: String,
    #[serde(default)]
    pub dims: Vec<i64>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureText {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: FeatureType,
    pub unit: Option<TimeUnit>,
    pub list: Option<ListText>,
    pub missing: Option<toml::Value>,
    pub range: Option<RangeText>,
    #[serde(default)]
    pub ops: Vec<OpText>,
    pub to: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeatureType {
    Float,
    Int,
    Bool,
    String,
    Bytes,
    Timestamp,
}

impl FeatureType {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Int => "int",
            Self::Bool => "bool",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Timestamp => "timestamp",
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum TimeUnit {
    #[default]
    #[serde(rename = "s")]
    Seconds,
    #[serde(rename = "ms")]
    Milliseconds,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListText {
    pub max: Option<u32>,
    #[serde(default)]
    pub keep: Keep,
    pub pad: Option<f64>,
    #[serde(default)]
    pub jagged: bool,
    pub length: Option<u32>,
}

/// Which end of a list that is too long is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    First,
    #[default]
    Last,
}

/// What callers may send, and what becomes of the rest.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RangeText {
    pub min: Option<Bound>,
    pub max: Option<Bound>,
    #[serde(default)]
    pub outside: Outside,
    pub nan: Option<OnNan>,
}

/// A number of the file, whose type is the feature's.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Bound {
    Int(i64),
    Float(f64),
}

/// What becomes of a number outside a range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outside {
    #[default]
    Error,
    /// The nearer bound.
    Clip,
    /// The row counts as one without the feature.
    Missing,
    /// The list goes on without the value.
    Drop,
}

/// What becomes of NaN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnNan {
    #[default]
    Error,
    Missing,
    Drop,
    Pass,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrossText {
    pub features: Vec<String>,
    pub hash: HashText,
    pub to: String,
}
