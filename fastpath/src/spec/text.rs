//! The keys of model.toml as they stand in the file (docs/model-toml.md explains each).

use serde::Deserialize;
use toml::Spanned;

use super::fit_text::{BucketizeFit, ClipFit, Fit, NoOptions, VocabFit};

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

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum OpText {
    Clip {
        min: Option<f64>,
        max: Option<f64>,
        fit: Option<Fit<ClipFit>>,
    },
    Log1p {},
    SignedLog {},
    Scale {
        #[serde(default = "one")]
        mul: f64,
        #[serde(default)]
        add: f64,
    },
    Standardize {
        mean: Option<f64>,
        std: Option<f64>,
        fit: Option<Fit<NoOptions>>,
    },
    MinMax {
        min: Option<f64>,
        max: Option<f64>,
        fit: Option<Fit<NoOptions>>,
    },
    Bucketize {
        boundaries: Option<Vec<f64>>,
        fit: Option<Fit<BucketizeFit>>,
    },
    Vocab {
        values: Option<Vec<toml::Value>>,
        file: Option<String>,
        #[serde(default = "one_bucket")]
        oov_buckets: u64,
        fit: Option<Fit<VocabFit>>,
    },
    Hash(HashText),
    Identity {
        size: i64,
    },
    Offset {
        add: i64,
    },
    Hour {},
    Weekday {},
    Day {},
    Month {},
    Cycle {
        period: Period,
        part: CyclePart,
    },
    Age {
        until: String,
        unit: AgeUnit,
    },
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HashText {
    pub buckets: u64,
    #[serde(default)]
    pub function: HashName,
    #[serde(default)]
    pub seed: u64,
    #[serde(default)]
    pub ints: IntsAs,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum HashName {
    #[default]
    #[serde(rename = "farmhash64")]
    Farmhash64,
    #[serde(rename = "murmur3_32")]
    Murmur3,
    #[serde(rename = "xxh3_64")]
    Xxh3,
}

/// The bytes that an integer is hashed as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IntsAs {
    /// Its 8 little-endian bytes.
    #[default]
    Bytes,
    /// Decimal text, as TensorFlow's `as_string`.
    Text,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    Day,
    Week,
    Year,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CyclePart {
    Sin,
    Cos,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum AgeUnit {
    #[serde(rename = "s")]
    Seconds,
    #[serde(rename = "h")]
    Hours,
    #[serde(rename = "d")]
    Days,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrossText {
    pub features: Vec<String>,
    pub hash: HashText,
    pub to: String,
}

fn one() -> f64 {
    1.0
}

fn one_bucket() -> u64 {
    1
}
