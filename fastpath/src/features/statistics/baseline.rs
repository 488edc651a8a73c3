//! What training saw of each feature, as baseline.json keeps it beside a model.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::plan::is_numeric;
use crate::features::program::{Field, Program};
use crate::spec::error::{Fault, SpecError, nearest, with_suggestion};
use crate::spec::files::find_file;

/// The file's name, in the version's folder or in the model's.
pub const FILE: &str = "baseline.json";
/// What the file says that it is; the number grows when an older penstock could not read it.
const FORMAT: &str = "penstock.baseline/1";
/// Most edges and common values of a feature: each is a counter in every span of time.
const MAX_BINS: usize = 256;

/// The features of the rows that a model was trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    format: String,
    pub rows: u64,
    pub features: BTreeMap<String, FeatureBaseline>,
}

/// One feature in training. Counts are as in `Counts`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureBaseline {
    /// The type of model.toml, "int[]" for a list of ints.
    #[serde(rename = "type")]
    pub kind: String,
    /// Rows without it.
    pub missing: u64,
    pub sent: u64,
    pub values: u64,
    pub unknown: u64,
    pub out_of_range: u64,
    pub clipped: u64,
    pub outside_boundaries: u64,
    pub not_finite: u64,
    pub distribution: Distribution,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Distribution {
    Numbers(Numbers),
    Categories(Categories),
}

/// The finite values of a numeric feature.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Numbers {
    /// None of these where there was no value.
    pub mean: Option<f64>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub quantiles: Vec<Quantile>,
    /// The edges of the bins that the stability index compares, rising; a value on an edge lies below it.
    pub edges: Vec<f64>,
    /// Values in each bin, one more than edges.
    pub counts: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantile {
    pub p: f64,
    pub value: f64,
}

/// The values of a feature that are told apart and not ordered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Categories {
    /// The commonest values, falling.
    pub common: Vec<Common>,
    /// All others.
    pub rest: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Common {
    pub fingerprint: Fingerprint,
    pub count: u64,
}

/// The farmhash64 of a text, or of an integer's 8 little-endian bytes: what training data says of people stays out of
/// the file. 16 hexadecimal digits, since numbers of JSON hold 53 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub u64);

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:016x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        digits.then(|| u64::from_str_radix(&text, 16).ok().map(Self)).flatten().ok_or_else(|| {
            de::Error::custom(format!("fingerprint is {text:?}; it must be 16 hexadecimal digits"))
        })
    }
}

impl Baseline {
    #[must_use]
    pub fn new(rows: u64, features: BTreeMap<String, FeatureBaseline>) -> Self {
        Self { format: FORMAT.to_owned(), rows, features }
    }

    /// The baseline in one of a model's folders, checked against the model's features; none where there is no file.
    pub fn find(folders: &[impl AsRef<Path>], program: &Program) -> Result<Option<Self>, SpecError> {
        let fault = |fault: Fault| fault.in_file(FILE, "");
        let Some(path) = find_file(folders, FILE).map_err(fault)? else { return Ok(None) };
        let place = path.display().to_string();
        let text = std::fs::read_to_string(&path)
            .map_err(|error| Fault::new(format!("the file cannot be read: {error}")).in_file(&place, ""))?;
        Self::parse(&text, program).map(Some).map_err(|fault| fault.in_file(&place, &text))
    }

    /// Reads the text of a baseline.json.
    pub fn parse(text: &str, program: &Program) -> Result<Self, Fault> {
        let baseline: Self = serde_json::from_str(text).map_err(|error| json_fault(text, &error))?;
        if baseline.format != FORMAT {
            return Err(Fault::new(format!(
                "format is {:?}; this penstock reads {FORMAT:?}: write the file again",
                baseline.format
            )));
        }
        for (name, feature) in &baseline.features {
            let wrong = |what: String| Fault::new(format!("feature `{name}` {what}"));
            let Some(field) = program.fields.iter().find(|field| field.name == *name) else {
                let nearest = nearest(name, program.fields.iter().map(|field| field.name.as_str()));
                let hint = nearest.map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
                return Err(wrong(format!("is not a feature of model.toml{hint}")));
            };
            feature.check(program, field).map_err(wrong)?;
        }
        Ok(baseline)
    }

    /// The text of a baseline.json.
    #[must_use]
    pub fn text(&self) -> String {
        // All keys are text and all numbers finite, so there is nothing that JSON could not hold.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

impl FeatureBaseline {
    fn check(&self, program: &Program, field: &Field) -> Result<(), String> {
        let kind = field.type_name();
        if self.kind != kind {
            return Err(format!(
                "has type {:?}, but model.toml says {kind:?}; write the file again",
                self.kind
            ));
        }
        let numeric = is_numeric(program, field);
        match &self.distribution {
            Distribution::Numbers(numbers) if numeric => numbers.check(),
            Distribution::Categories(categories) if !numeric => categories.check(),
            Distribution::Numbers(_) => {
                Err("has numbers, but model.toml makes ids of it; write the file again".to_owned())
            }
            Distribution::Categories(_) => {
                Err("has categories, but model.toml takes it as a number; write the file again".to_owned())
            }
        }
    }
}

impl Numbers {
    fn check(&self) -> Result<(), String> {
        let rising = self.edges.windows(2).all(|pair| matches!(pair, [low, high] if low < high));
        if !rising || self.edges.len() >= MAX_BINS {
            return Err(format!("has edges that do not rise, or {MAX_BINS} of them and more"));
        }
        if self.counts.len() != self.edges.len() + 1 {
            return Err(format!(
                "has {} edges and {} counts; there must be one count more than edges",
                self.edges.len(),
                self.counts.len()
            ));
        }
        match (self.min, self.max) {
            (None, None) => Ok(()),
            (Some(min), Some(max)) if min <= max => Ok(()),
            (min, max) => Err(format!("has min {min:?} and max {max:?}; min must not be above max")),
        }
    }
}

impl Categories {
    fn check(&self) -> Result<(), String> {
        if self.common.len() >= MAX_BINS {
            return Err(format!(
                "has {} common values; at most {} are taken",
                self.common.len(),
                MAX_BINS - 1
            ));
        }
        let twice = self.common.iter().enumerate().find(|(place, common)| {
            self.common.iter().take(*place).any(|other| other.fingerprint == common.fingerprint)
        });
        match twice {
            Some((_, common)) => Err(format!("has fingerprint {:016x} twice", common.fingerprint.0)),
            None => Ok(()),
        }
    }
}

fn json_fault(text: &str, error: &serde_json::Error) -> Fault {
    let said = error.to_string();
    let message = with_suggestion(said.split(" at line ").next().unwrap_or(&said));
    let before = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    Fault::new(message).at(before.map(str::len).sum())
}
