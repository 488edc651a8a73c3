//! The operations of a feature as they stand in model.toml; `ops` is a list of them.

#[cfg(test)]
use schemars::JsonSchema;
use serde::Deserialize;

#[cfg(test)]
use super::schema;

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
        mean: f64,
        /// The standard deviation of the training data, above 0.
        #[cfg_attr(test, schemars(extend("exclusiveMinimum" = 0)))]
        std: f64,
    },
    /// (x − min) / (max − min).
    MinMax {
        /// What becomes 0.
        min: f64,
        /// What becomes 1; above `min`.
        max: f64,
    },
    /// How many boundaries are at most x, an id; NaN goes into the last bucket.
    Bucketize {
        /// One or more numbers, each above the one before.
        #[cfg_attr(test, schemars(length(min = 1)))]
        boundaries: Vec<f64>,
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
    },
    /// The hash of the value mod `buckets`, an id.
    Hash(HashText),
    /// The value itself, which must be 0 … size − 1, an id.
    Identity {
        /// How many ids there are.
        #[cfg_attr(test, schemars(range(min = 1)))]
        size: i64,
    },
    /// x + add, to give several features a place each in one embedding table.
    Offset {
        /// What is added to the id.
        add: i64,
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
