//! The keys of model.toml as they stand in the file (docs/model-toml.md explains each).
//!
//! What is written of a key here is what editors show of it: `schema` makes the JSON schema from these types.

#[cfg(test)]
use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

pub use super::op_text::{
    AgeUnit, CastTo, CyclePart, HashName, HashText, IdOutside, IntsAs, OpText, Period, QuantileOutput,
};

use super::versions_text::{CanaryText, VersionsText};
#[cfg(test)]
use super::{
    model::{MAX_INSTANCES, MAX_LIST, MAX_NAME_BYTES},
    schema,
};
#[cfg(test)]
use crate::wire::{infer_request::MAX_TENSORS, predict_request::MAX_ROWS};

#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ModelText {
    /// What runs the model. Default: "torchscript", the only value today.
    #[serde(default)]
    pub platform: Platform,
    /// One sentence for people. Default: none.
    #[serde(default)]
    pub description: String,
    /// What becomes of a request with a feature that the model does not know. Default: "error".
    #[serde(default)]
    pub unknown_features: UnknownFeatures,
    /// How rows of several requests are run together.
    #[serde(default)]
    pub batching: BatchingText,
    /// How many threads run the model side by side.
    #[serde(default)]
    pub instances: InstancesText,
    /// Which versions are loaded, and what callers may call them.
    #[serde(default)]
    pub versions: VersionsText,
    /// A version that is tried out on a share of the calls. Default: none.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Option<CanaryText>"))]
    pub canary: Option<Spanned<CanaryText>>,
    /// The arguments of `forward`, in order: one `[[input]]` each. At least one is needed.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Vec<InputText>", length(min = 1, max = MAX_TENSORS)))]
    pub input: Vec<Spanned<InputText>>,
    /// What `forward` returns, a tensor or a tuple of tensors, in order: one `[[output]]` each. At least one is needed.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Vec<OutputText>", length(min = 1, max = MAX_TENSORS)))]
    pub output: Vec<Spanned<OutputText>>,
    /// What callers send, and how it becomes the inputs: one `[[feature]]` for each use of a feature. Default: none,
    /// and callers send the inputs themselves.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Vec<FeatureText>"))]
    pub feature: Vec<Spanned<FeatureText>>,
    /// Ids of two or more features taken together: one `[[cross]]` each. Default: none.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Vec<CrossText>"))]
    pub cross: Vec<Spanned<CrossText>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema, serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    /// A model that `torch.jit.save` wrote.
    #[default]
    Torchscript,
}

/// What to do with a feature that the model does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema, serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub enum UnknownFeatures {
    /// The request is refused.
    #[default]
    Error,
    /// The feature is passed over.
    Ignore,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct BatchingText {
    /// Most rows that a batch, and so a request, may hold. Default: 1024 rows.
    #[cfg_attr(test, schemars(range(min = 1, max = MAX_ROWS)))]
    pub max_batch_rows: u32,
    /// How long an idle model waits for more rows, in µs. Default: 0, not at all.
    pub max_queue_delay_us: u64,
    /// Rows that may wait, at least `max_batch_rows`; beyond it calls are refused UNAVAILABLE with a retry hint.
    /// Default: 16384 rows.
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub queue_capacity_rows: u32,
}

impl Default for BatchingText {
    fn default() -> Self {
        Self { max_batch_rows: 1024, max_queue_delay_us: 0, queue_capacity_rows: 16_384 }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct InstancesText {
    /// Model threads that run this model side by side. Default: half the cores that the process may use, at least 1.
    #[cfg_attr(test, schemars(range(min = 1, max = MAX_INSTANCES)))]
    pub count: Option<u32>,
}

#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct InputText {
    /// What features name in `to`, or what callers send where the model has no features.
    #[cfg_attr(test, schemars(length(min = 1, max = MAX_NAME_BYTES)))]
    pub name: String,
    /// The tensor's datatype, as the Open Inference Protocol names it. Features cannot fill INT16, INT8 and the UINTs.
    #[cfg_attr(test, schemars(schema_with = "schema::datatype"))]
    pub datatype: String,
    /// The shape of one row: [32] for a tensor [rows, 32], [] for one value a row, −1 for any size. Default: [D] for
    /// the D columns that features fill; needed where the model has no features.
    #[serde(default)]
    #[cfg_attr(test, schemars(schema_with = "schema::dims"))]
    pub dims: Option<Vec<i64>>,
    /// The jagged input whose offsets this holds: [rows + 1] values that begin with 0, INT64 or INT32; of several features
    /// [features · rows + 1]. Default: none.
    pub offsets_of: Option<String>,
    /// The input whose padded or jagged lists this holds the lengths of: [rows] values, INT64 or INT32. Default: none.
    pub lengths_of: Option<String>,
    /// The input whose padded list this masks: as wide, 1 where a value is and 0 where padding is. Default: none.
    pub mask_of: Option<String>,
    /// The jagged input whose values the jagged features of this one weigh, each those of the feature in its place.
    /// Default: none.
    pub weights_of: Option<String>,
    /// Of offsets, whether the end of the last list is there. Default: true.
    pub include_last: Option<bool>,
    /// What has one row of it. Default: "row".
    pub per: Option<Per>,
    /// What it holds that no feature gives. Default: none.
    pub holds: Option<Holds>,
}

/// What has one row of an input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema, serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub enum Per {
    /// Each row.
    #[default]
    Row,
    /// A request that shares its values among its rows; some input must then hold the request index.
    Request,
}

/// What an input holds that neither a feature nor another input gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Holds {
    /// For each row, the place of its request in the inputs that a request has once: [rows], INT64 or INT32.
    RequestIndex,
}

#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OutputText {
    /// What answers call it.
    #[cfg_attr(test, schemars(length(min = 1, max = MAX_NAME_BYTES)))]
    pub name: String,
    /// The tensor's datatype, as the Open Inference Protocol names it.
    #[cfg_attr(test, schemars(schema_with = "schema::datatype"))]
    pub datatype: String,
    /// The shape of one row's answer; −1 is any size. Default: [], one value a row.
    #[serde(default)]
    #[cfg_attr(test, schemars(schema_with = "schema::dims"))]
    pub dims: Vec<i64>,
}

#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FeatureText {
    /// The feature's name in requests; one name may have several `[[feature]]` tables.
    #[cfg_attr(test, schemars(length(min = 1, max = MAX_NAME_BYTES)))]
    pub name: String,
    /// What callers send.
    #[serde(rename = "type")]
    pub kind: FeatureType,
    /// What a timestamp counts, since 1970-01-01T00:00:00 UTC. Default: "s".
    pub unit: Option<TimeUnit>,
    /// How many values a row has, and what becomes of them. Default: absent, a scalar.
    pub list: Option<ListText>,
    /// The value of a row that lacks the feature, of the feature's type (a list's: a list), or "error". It passes
    /// through `ops` like one that was sent. Default: "error" for scalars and lists of a fixed length, [] for other
    /// lists.
    #[serde(default)]
    #[cfg_attr(test, schemars(schema_with = "schema::missing"))]
    pub missing: Option<toml::Value>,
    /// The values that callers may send, and what becomes of others. Default: every value.
    pub range: Option<RangeText>,
    /// The operations, first to last. Default: none.
    #[serde(default)]
    pub ops: Vec<OpText>,
    /// The input that takes the result. Default: none; the feature only serves crosses and ages.
    pub to: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum FeatureType {
    /// Floating-point numbers; integers too.
    Float,
    /// 64-bit integers.
    Int,
    /// Booleans; the integers 0 and 1 too.
    Bool,
    /// UTF-8 text.
    String,
    /// Any bytes.
    Bytes,
    /// Integers that count `unit` since 1970-01-01T00:00:00 UTC.
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
#[cfg_attr(test, derive(JsonSchema, serde::Serialize))]
pub enum TimeUnit {
    /// Seconds.
    #[default]
    #[serde(rename = "s")]
    Seconds,
    /// Milliseconds.
    #[serde(rename = "ms")]
    Milliseconds,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ListText {
    /// Most values of a row: the columns of a padded list, which needs it. Default for other lists: 65536 values.
    #[cfg_attr(test, schemars(range(min = 1, max = MAX_LIST)))]
    pub max: Option<u32>,
    /// Which end of a list that is longer than `max` stays. Default: "last".
    #[serde(default)]
    pub keep: Keep,
    /// What fills the columns of short lists, as the tensor holds it. Default: 0.
    pub pad: Option<f64>,
    /// Whether the input has values and offsets instead of padded columns. Default: false.
    #[serde(default)]
    pub jagged: bool,
    /// Exactly so many values a row, and so many columns. Default: any number, by `max` or `jagged`.
    #[cfg_attr(test, schemars(range(min = 1, max = MAX_LIST)))]
    pub length: Option<u32>,
}

/// Which end of a list that is too long is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema, serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// The first values.
    First,
    /// The last values.
    #[default]
    Last,
}

/// What callers may send, and what becomes of the rest.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RangeText {
    /// The least value, of the feature's type. Default: the type's least finite number.
    pub min: Option<Bound>,
    /// The greatest value, of the feature's type. Default: the type's greatest finite number.
    pub max: Option<Bound>,
    /// What becomes of a value outside. Default: "error".
    #[serde(default)]
    pub outside: Outside,
    /// What becomes of NaN in a float feature. Default: "error".
    pub nan: Option<OnNan>,
}

/// A number of the file, whose type is the feature's.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema), schemars(with = "f64"))]
#[serde(untagged)]
pub enum Bound {
    Int(i64),
    Float(f64),
}

/// What becomes of a number outside a range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema, serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub enum Outside {
    /// The row is refused.
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
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum OnNan {
    /// The row is refused.
    #[default]
    Error,
    /// The row counts as one without the feature.
    Missing,
    /// The list goes on without the value.
    Drop,
    /// It goes through the operations.
    Pass,
}

#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CrossText {
    /// Two or more scalar features of type int, bool, string or bytes, whose values are taken as they were sent.
    #[cfg_attr(test, schemars(length(min = 2)))]
    pub features: Vec<String>,
    /// How the cross becomes an id; `function` can only be "farmhash64".
    pub hash: HashText,
    /// The input that takes the id.
    pub to: String,
}
