//! The operations of a feature as they stand in model.toml.

use serde::Deserialize;

use super::fit_text::{BucketizeFit, ClipFit, Fit, NoOptions, QuantileFit, VocabFit};

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
    Power {
        exponent: f64,
        #[serde(default)]
        signed: bool,
    },
    Quantile {
        quantiles: Option<Vec<f64>>,
        #[serde(default)]
        output: QuantileOutput,
        fit: Option<Fit<QuantileFit>>,
    },
    Cast {
        to: CastTo,
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
        #[serde(default)]
        ints: IntsAs,
        fit: Option<Fit<VocabFit>>,
    },
    Hash(HashText),
    Identity {
        size: i64,
        #[serde(default)]
        outside: IdOutside,
        default: Option<i64>,
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
    Sum {},
    Mean {
        #[serde(default)]
        empty: f64,
    },
    Max {
        #[serde(default)]
        empty: f64,
    },
    Min {
        #[serde(default)]
        empty: f64,
    },
    Length {},
    L2Normalize {
        #[serde(default = "smallest_norm")]
        epsilon: f64,
    },
    OneHot {
        size: u32,
        #[serde(default)]
        ignore_unknown: bool,
    },
    FeatureHasher {
        columns: u32,
        #[serde(default = "yes")]
        alternate_sign: bool,
    },
}

/// The distribution that training data has after `quantile`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QuantileOutput {
    #[default]
    Uniform,
    Normal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CastTo {
    Int,
    Float,
}

/// What becomes of an id outside 0 … size − 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IdOutside {
    #[default]
    Error,
    /// The nearer end.
    Clip,
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

fn one() -> f64 {
    1.0
}

fn one_bucket() -> u64 {
    1
}

/// The `eps` of torch's `nn.functional.normalize`.
fn smallest_norm() -> f64 {
    1e-12
}

fn yes() -> bool {
    true
}
