//! The keys of model.toml that say which versions are loaded, what they may be called and which one is tried out
//! (docs/traffic.md).

use std::collections::BTreeMap;

#[cfg(test)]
use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

#[cfg(test)]
use super::{schema, versions::MAX_VERSION};

#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct VersionsText {
    /// Which versions are loaded, beside the canary and those that have a label. Default: { latest = 1 }.
    #[cfg_attr(test, schemars(with = "Option<PolicyText>"))]
    pub policy: Option<Spanned<PolicyText>>,
    /// Names for versions, which callers may send in place of their numbers; `stable` answers calls that name no
    /// version. Default: none.
    #[cfg_attr(test, schemars(schema_with = "schema::labels"))]
    pub labels: BTreeMap<String, Spanned<u64>>,
}

/// Which versions are loaded.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum PolicyText {
    /// The highest so many, the canary not counted.
    Latest(#[cfg_attr(test, schemars(range(min = 1)))] u32),
    /// Every version that is there, which `true` says.
    All(#[cfg_attr(test, schemars(schema_with = "schema::always"))] bool),
    /// These versions.
    Specific(#[cfg_attr(test, schemars(length(min = 1), inner(range(min = 1, max = MAX_VERSION))))] Vec<u64>),
}

#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CanaryText {
    /// The version that is tried out: its number or one of `versions.labels`.
    #[cfg_attr(test, schemars(schema_with = "schema::version_or_label"))]
    pub version: toml::Value,
    /// Its share of the calls that name no version: 0 to 1, or text such as "10%".
    #[cfg_attr(test, schemars(schema_with = "schema::share"))]
    pub weight: toml::Value,
    /// It is rolled back where the share of its calls that fail is greater than the stable version's by more than this.
    /// Default: absent, errors do not roll it back.
    #[cfg_attr(test, schemars(range(min = 0, max = 1)))]
    pub max_error_ratio: Option<f64>,
    /// It is rolled back where its mean latency is more than this many times the stable version's. Default: absent, latency
    /// does not roll it back.
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub max_latency_ratio: Option<f64>,
    /// Calls that a version must have answered in the window before it is judged, and before it is compared with.
    /// Default: 100.
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub min_requests: Option<u64>,
    /// How far back it is judged, in s. Default: 60.
    #[cfg_attr(test, schemars(range(min = 1, max = 3600)))]
    pub window_s: Option<f64>,
}
