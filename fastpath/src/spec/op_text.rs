//! The operations of a feature as they stand in model.toml; `ops` is a list of them.

#[cfg(test)]
use schemars::JsonSchema;
use serde::Deserialize;

use super::fit_text::{BucketizeFit, ClipFit, Fit, NoOptions, QuantileFit, VocabFit};
#[cfg(test)]
use super::{model::MAX_LIST, schema};

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum OpText {
    /// min(max(x, min), max).
    Clip {
        /// The least value. Default: no bound.
        min: Option<f64>,
        /// The greatest value. Default: no bound.
        max: Option<f64>,
        /// That it is fitted to training data (`FeatureSpec.fit`): true, or a table of options. Default: not fitted.
        fit: Option<Fit<ClipFit>>,
    },
    /// ln(1 + x).
    Log1p {},
    /// sign(x) · ln(1 + abs(x)).
    SignedLog {},
    /// x · mul + add.
    Scale {
        /// The factor. Default: 1.
        #[serde(default = "one")]
        mul: f64,
        /// What is added behind it. Default: 0.
        #[serde(default)]
        add: f64,
    },
    /// (x − mean) / std.
    Standardize {
        /// The mean of the training data.
        mean: Option<f64>,
        /// The standard deviation of the training data, above 0.
        #[cfg_attr(test, schemars(extend("exclusiveMinimum" = 0)))]
        std: Option<f64>,
        /// That it is fitted to training data (`FeatureSpec.fit`): true, or a table of options. Default: not fitted.
        fit: Option<Fit<NoOptions>>,
    },
    /// (x − min) / (max − min).
    MinMax {
        /// What becomes 0.
        min: Option<f64>,
        /// What becomes 1; above `min`.
        max: Option<f64>,
        /// That it is fitted to training data (`FeatureSpec.fit`): true, or a table of options. Default: not fitted.
        fit: Option<Fit<NoOptions>>,
    },
    /// x to the power of `exponent`.
    Power {
        /// The exponent.
        exponent: f64,
        /// Whether it is sign(x) · abs(x)^exponent, which negative numbers have a root of too. Default: false.
        #[serde(default)]
        signed: bool,
    },
    /// Where x lies among the quantiles of the training data, linear between two of them.
    Quantile {
        /// Two or more numbers that do not fall: the quantiles at equal distances from 0 to 1.
        #[cfg_attr(test, schemars(length(min = 2)))]
        quantiles: Option<Vec<f64>>,
        /// The distribution that the training data has afterwards. Default: "uniform".
        #[serde(default)]
        output: QuantileOutput,
        /// That it is fitted to training data (`FeatureSpec.fit`): true, or a table of options. Default: not fitted.
        fit: Option<Fit<QuantileFit>>,
    },
    /// The number as an integer or as a floating-point number.
    Cast {
        /// What it becomes; a fraction is cut off, and NaN and what 64 bits do not hold are errors.
        to: CastTo,
    },
    /// How many boundaries are at most x, an id; NaN goes into the last bucket.
    Bucketize {
        /// One or more numbers, each above the one before.
        #[cfg_attr(test, schemars(length(min = 1)))]
        boundaries: Option<Vec<f64>>,
        /// That it is fitted to training data (`FeatureSpec.fit`): true, or a table of options. Default: not fitted.
        fit: Option<Fit<BucketizeFit>>,
    },
    /// The value's place in a list of known values, 0 first, an id. Needs `values` or `file`.
    Vocab {
        /// The known values, text or integers, each once.
        #[serde(default)]
        #[cfg_attr(test, schemars(schema_with = "schema::vocabulary"))]
        values: Option<Vec<toml::Value>>,
        /// A UTF-8 file with one known value a line, in the version's folder or the model's.
        #[cfg_attr(test, schemars(regex(pattern = r"^[^./\\][^/\\]*$")))]
        file: Option<String>,
        /// Ids behind the known ones that unknown values are hashed to; 0: an unknown value is an error. Default: 1.
        #[serde(default = "one_bucket")]
        oov_buckets: u64,
        /// The bytes that an unknown integer is hashed as. Default: "bytes".
        #[serde(default)]
        ints: IntsAs,
        /// That it is fitted to training data (`FeatureSpec.fit`): true, or a table of options. Default: not fitted.
        fit: Option<Fit<VocabFit>>,
    },
    /// The hash of the value mod `buckets`, an id.
    Hash(HashText),
    /// The value itself, which must be 0 … size − 1, an id.
    Identity {
        /// How many ids there are.
        #[cfg_attr(test, schemars(range(min = 1)))]
        size: i64,
        /// What becomes of a value outside. Default: "error".
        #[serde(default)]
        outside: IdOutside,
        /// The id of every value outside, 0 … size − 1, in place of `outside`. Default: none.
        #[cfg_attr(test, schemars(range(min = 0)))]
        default: Option<i64>,
    },
    /// x + add, to give several features a place each in one embedding table.
    Offset {
        /// What is added to the id.
        add: i64,
    },
    /// The number at the id's place in a list, such as a statistic of each value of a vocabulary.
    Table {
        /// The number of each id, that of 0 first.
        #[cfg_attr(test, schemars(length(min = 1)))]
        values: Vec<f64>,
    },
    /// The hour of a timestamp, 0 to 23, UTC.
    Hour {},
    /// The weekday of a timestamp, Monday 0 to Sunday 6, UTC.
    Weekday {},
    /// The day of the month of a timestamp, 1 to 31, UTC.
    Day {},
    /// The month of a timestamp, 1 to 12, UTC.
    Month {},
    /// A timestamp's place in a day, week or year on a circle: sin(2π · phase) or cos(2π · phase), UTC.
    Cycle {
        /// How long a circle takes.
        period: Period,
        /// Which coordinate is taken.
        part: CyclePart,
    },
    /// The time from this timestamp to that of another feature of the row.
    Age {
        /// The scalar timestamp feature that ends it.
        until: String,
        /// What the age counts.
        unit: AgeUnit,
    },
    /// The sum of a list's values, 0 of none.
    Sum {},
    /// The mean of a list's values.
    Mean {
        /// The mean of no values. Default: 0.
        #[serde(default)]
        empty: f64,
    },
    /// The greatest of a list's values.
    Max {
        /// What it is of no values. Default: 0.
        #[serde(default)]
        empty: f64,
    },
    /// The least of a list's values.
    Min {
        /// What it is of no values. Default: 0.
        #[serde(default)]
        empty: f64,
    },
    /// How many values a list has, an id.
    Length {},
    /// A vector divided by its Euclidean length.
    L2Normalize {
        /// The least length that it is divided by. Default: 1e-12.
        #[serde(default = "smallest_norm")]
        #[cfg_attr(test, schemars(range(min = 0)))]
        epsilon: f64,
    },
    /// `size` columns of an id: 1 in its own, 0 in the others.
    OneHot {
        /// How many ids, and so columns, there are.
        #[cfg_attr(test, schemars(range(min = 1, max = MAX_LIST)))]
        size: u32,
        /// Whether an id outside 0 … size − 1 is 0 in every column rather than an error. Default: false.
        #[serde(default)]
        ignore_unknown: bool,
    },
    /// How many of a list's texts hash to each of `columns` columns, as scikit-learn's `FeatureHasher`.
    FeatureHasher {
        /// How many columns there are.
        #[cfg_attr(test, schemars(range(min = 1, max = MAX_LIST)))]
        columns: u32,
        /// Whether a text counts 1 or −1, by its hash, rather than 1. Default: true.
        #[serde(default = "yes")]
        alternate_sign: bool,
    },
}

/// The distribution that training data has after `quantile`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema, serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub enum QuantileOutput {
    /// Uniform from 0 to 1.
    #[default]
    Uniform,
    /// The standard normal distribution.
    Normal,
}

/// What `cast` makes of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum CastTo {
    /// A 64-bit integer.
    Int,
    /// A 64-bit float.
    Float,
}

/// What becomes of an id outside 0 … size − 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema, serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub enum IdOutside {
    /// The row is refused.
    #[default]
    Error,
    /// The nearer end.
    Clip,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HashText {
    /// How many ids there are.
    #[cfg_attr(test, schemars(range(min = 1, max = i64::MAX)))]
    pub buckets: u64,
    /// The hash function. Default: "farmhash64".
    #[serde(default)]
    pub function: HashName,
    /// The function's seed; farmhash64 takes none, `murmur3_32` one of 32 bits. Default: 0.
    #[serde(default)]
    pub seed: u64,
    /// The bytes that an integer is hashed as. Default: "bytes".
    #[serde(default)]
    pub ints: IntsAs,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema, serde::Serialize))]
pub enum HashName {
    /// Fingerprint64, TensorFlow's `to_hash_bucket_fast`.
    #[default]
    #[serde(rename = "farmhash64")]
    Farmhash64,
    /// The 32 bits of `MurmurHash3_x86_32`.
    #[serde(rename = "murmur3_32")]
    Murmur3,
    /// XXH3 with 64 bits.
    #[serde(rename = "xxh3_64")]
    Xxh3,
}

/// The bytes that an integer is hashed as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema, serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub enum IntsAs {
    /// Its 8 little-endian bytes.
    #[default]
    Bytes,
    /// Decimal text, as TensorFlow's `as_string`.
    Text,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// From midnight.
    Day,
    /// From Monday.
    Week,
    /// From 1 January.
    Year,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum CyclePart {
    /// sin(2π · phase).
    Sin,
    /// cos(2π · phase).
    Cos,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub enum AgeUnit {
    /// Seconds.
    #[serde(rename = "s")]
    Seconds,
    /// Hours.
    #[serde(rename = "h")]
    Hours,
    /// Days of 24 hours.
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
