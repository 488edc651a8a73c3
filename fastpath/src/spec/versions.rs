//! Which versions of a model are loaded, what they may be called, and which one is tried out: `[versions]` and
//! `[canary]`, checked.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use toml::Spanned;

use super::error::{Fault, nearest};
use super::model::MAX_NAME_BYTES;
use super::text::ModelText;
use super::versions_text::{CanaryText, PolicyText, VersionsText};

/// Versions have at most 18 digits, so that seconds or nanoseconds since 1970 can be versions.
pub const MAX_VERSION: u64 = 999_999_999_999_999_999;
/// Most labels of a model.
pub const MAX_LABELS: usize = 64;
/// The label of the version that answers calls which name none.
pub const STABLE: &str = "stable";

const MIN_REQUESTS: u64 = 100;
const WINDOW_S: f64 = 60.0;
/// A second is how often the rule is looked at; an hour is more than what a canary is judged by.
const WINDOWS_S: std::ops::RangeInclusive<f64> = 1.0..=3600.0;

/// Which versions are loaded, beside the canary and those that have a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The highest so many, the canary not counted.
    Latest(usize),
    All,
    Specific(BTreeSet<u64>),
}

/// A version that is tried out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CanarySpec {
    pub version: u64,
    /// Its share of the calls that name no version, 0 to 1.
    pub weight: f64,
    pub max_error_ratio: Option<f64>,
    pub max_latency_ratio: Option<f64>,
    pub min_requests: u64,
    pub window: Duration,
}

/// What a model.toml says of versions.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionsSpec {
    pub policy: Policy,
    pub labels: BTreeMap<String, u64>,
    pub canary: Option<CanarySpec>,
}

impl VersionsSpec {
    /// The versions to load of those that are there, the lowest first.
    ///
    /// # Errors
    /// One that the policy, a label or the canary names is not there, or the canary would be alone.
    pub fn wanted(&self, there: &[u64]) -> Result<Vec<u64>, Fault> {
        let there: BTreeSet<u64> = there.iter().copied().collect();
        let canary = self.canary.map(|canary| canary.version);
        let mut wanted: BTreeSet<u64> = match &self.policy {
            Policy::Latest(most) => {
                there.iter().rev().filter(|version| Some(**version) != canary).take(*most).copied().collect()
            }
            Policy::All => there.clone(),
            Policy::Specific(versions) => versions.clone(),
        };
        wanted.extend(self.labels.values());
        let check = |what: &str, version: u64| {
            if there.contains(&version) {
                return Ok(());
            }
            let there = list(&there);
            let sentence =
                format!("{what} is version {version}, which is not there; the model's folder has {there}");
            Err(Fault::new(sentence))
        };
        for (label, version) in &self.labels {
            check(&format!("versions.labels.{label}"), *version)?;
        }
        for version in &wanted {
            check("one of versions.policy.specific", *version)?;
        }
        if let Some(version) = canary {
            check("the canary", version)?;
            wanted.insert(version);
            if wanted.len() == 1 {
                return Err(Fault::new(format!(
                    "the canary is version {version}, and no other version would be loaded; a canary needs a \
                     version beside it"
                )));
            }
        }
        Ok(wanted.into_iter().collect())
    }
}

fn list(versions: &BTreeSet<u64>) -> String {
    if versions.is_empty() {
        return "none".to_owned();
    }
    versions.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}

/// `[versions]` and `[canary]` of a file.
pub(super) fn checked_versions(text: &ModelText) -> Result<VersionsSpec, Fault> {
    let VersionsText { policy, labels } = &text.versions;
    let policy = match policy {
        None => Policy::Latest(1),
        Some(policy) => checked_policy(policy.get_ref()).map_err(|fault| fault.at(policy.span().start))?,
    };
    let labels = checked_labels(labels)?;
    let canary = text.canary.as_ref().map(|canary| {
        checked_canary(canary.get_ref(), &labels).map_err(|fault| fault.at(canary.span().start))
    });
    let canary = canary.transpose()?;
    Ok(VersionsSpec { policy, labels, canary })
}

fn checked_policy(text: &PolicyText) -> Result<Policy, Fault> {
    match text {
        PolicyText::Latest(0) => Err(Fault::new("versions.policy.latest is 0; it must be at least 1")),
        PolicyText::Latest(most) => Ok(Policy::Latest(*most as usize)),
        PolicyText::All(true) => Ok(Policy::All),
        PolicyText::All(false) => {
            let sentence =
                "versions.policy.all is false; it can only be true, or choose `latest` or `specific`";
            Err(Fault::new(sentence))
        }
        PolicyText::Specific(versions) if versions.is_empty() => {
            Err(Fault::new("versions.policy.specific is empty; it must name at least one version"))
        }
        PolicyText::Specific(versions) => {
            let mut seen = BTreeSet::new();
            for version in versions {
                check_version("versions.policy.specific", *version)?;
                if !seen.insert(*version) {
                    return Err(Fault::new(format!("versions.policy.specific has {version} twice")));
                }
            }
            Ok(Policy::Specific(seen))
        }
    }
}

fn checked_labels(text: &BTreeMap<String, Spanned<u64>>) -> Result<BTreeMap<String, u64>, Fault> {
    if text.len() > MAX_LABELS {
        let sentence = format!("versions.labels has {} labels; it may have {MAX_LABELS}", text.len());
        return Err(Fault::new(sentence));
    }
    let one = |(label, version): (&String, &Spanned<u64>)| {
        let number = *version.get_ref();
        check_label(label)
            .and_then(|()| check_version(&format!("versions.labels.{label}"), number))
            .map_err(|fault| fault.at(version.span().start))?;
        Ok((label.clone(), number))
    };
    text.iter().map(one).collect()
}

/// Whether a text may be a label: a model's name that is not a number.
#[must_use]
pub fn is_label(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    (1..=MAX_NAME_BYTES).contains(&text.len())
        && !text.starts_with(['.', '-'])
        && text.bytes().all(legal)
        && !text.bytes().all(|byte| byte.is_ascii_digit())
}

fn check_label(label: &str) -> Result<(), Fault> {
    if is_label(label) {
        return Ok(());
    }
    Err(Fault::new(format!(
        "versions.labels has the label {label:?}; a label is 1 to {MAX_NAME_BYTES} letters, digits, '_', '.' and '-', begins \
         with a letter, digit or '_', and is not a number"
    )))
}

fn check_version(what: &str, version: u64) -> Result<(), Fault> {
    if (1..=MAX_VERSION).contains(&version) {
        return Ok(());
    }
    Err(Fault::new(format!("{what} has version {version}; a version is 1 to {MAX_VERSION}")))
}

fn checked_canary(text: &CanaryText, labels: &BTreeMap<String, u64>) -> Result<CanarySpec, Fault> {
    let version = canary_version(&text.version, labels)?;
    if labels.get(STABLE) == Some(&version) {
        return Err(Fault::new(format!(
            "canary.version is {version}, which is the label `{STABLE}` too; a canary is tried out beside the stable version"
        )));
    }
    let weight = weight(&text.weight)?;
    let min_requests = text.min_requests.unwrap_or(MIN_REQUESTS);
    if min_requests == 0 {
        return Err(Fault::new("canary.min_requests is 0; it must be at least 1"));
    }
    let window_s = text.window_s.unwrap_or(WINDOW_S);
    check_number("canary.window_s", Some(window_s), WINDOWS_S)?;
    check_number("canary.max_error_ratio", text.max_error_ratio, 0.0..=1.0)?;
    // Below 1 a canary as fast as the stable version would be too slow.
    check_number("canary.max_latency_ratio", text.max_latency_ratio, 1.0..=f64::INFINITY)?;
    let CanaryText { max_error_ratio, max_latency_ratio, .. } = *text;
    let window = Duration::from_secs_f64(window_s);
    Ok(CanarySpec { version, weight, max_error_ratio, max_latency_ratio, min_requests, window })
}

fn canary_version(text: &toml::Value, labels: &BTreeMap<String, u64>) -> Result<u64, Fault> {
    let number = match text {
        toml::Value::Integer(number) => u64::try_from(*number).ok(),
        toml::Value::String(label) => {
            return labels.get(label).copied().ok_or_else(|| unknown_label(label, labels));
        }
        _ => None,
    };
    number.filter(|number| (1..=MAX_VERSION).contains(number)).ok_or_else(|| {
        Fault::new(format!("canary.version is {text}; it must be a version, 1 to {MAX_VERSION}, or a label"))
    })
}

fn unknown_label(label: &str, labels: &BTreeMap<String, u64>) -> Fault {
    let hint = match nearest(label, labels.keys().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "name the version by its number".to_owned(),
    };
    Fault::new(format!("canary.version is {label:?}, which versions.labels does not have; {hint}"))
}

/// A share, as a number or in percent.
fn weight(text: &toml::Value) -> Result<f64, Fault> {
    #[allow(clippy::cast_precision_loss, reason = "what is not 0 or 1 is refused")]
    let share = match text {
        toml::Value::Float(share) => Some(*share),
        toml::Value::Integer(share) => Some(*share as f64),
        toml::Value::String(text) => {
            let percent = text.strip_suffix('%').and_then(|text| text.trim().parse::<f64>().ok());
            percent.map(|percent| percent / 100.0)
        }
        _ => None,
    };
    share.filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| {
        Fault::new(format!("canary.weight is {text}; it must be a share of 0 to 1, or text such as \"10%\""))
    })
}

fn check_number(what: &str, value: Option<f64>, allowed: std::ops::RangeInclusive<f64>) -> Result<(), Fault> {
    match value {
        Some(value) if !(value.is_finite() && allowed.contains(&value)) => {
            let (least, most) = allowed.into_inner();
            let range =
                if most.is_infinite() { format!("at least {least}") } else { format!("{least} to {most}") };
            Err(Fault::new(format!("{what} is {value}; it must be {range}")))
        }
        _ => Ok(()),
    }
}
