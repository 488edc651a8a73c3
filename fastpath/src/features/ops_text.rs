//! Operations as a person reads them.

use std::fmt::Write;

use super::default::DefaultValue;
use super::pipeline::Pipeline;
use crate::spec::text::{
    AgeUnit, Bound, CastTo, CyclePart, FeatureText, HashName, HashText, IdOutside, IntsAs, Keep, ListText,
    OnNan, OpText, Outside, Period, QuantileOutput, RangeText,
};

/// The operation's key in model.toml.
#[must_use]
pub fn op_name(op: &OpText) -> &'static str {
    match op {
        OpText::Clip { .. } => "clip",
        OpText::Log1p {} => "log1p",
        OpText::SignedLog {} => "signed_log",
        OpText::Scale { .. } => "scale",
        OpText::Standardize { .. } => "standardize",
        OpText::MinMax { .. } => "min_max",
        OpText::Power { .. } => "power",
        OpText::Quantile { .. } => "quantile",
        OpText::Cast { .. } => "cast",
        OpText::Bucketize { .. } => "bucketize",
        OpText::Vocab { .. } => "vocab",
        OpText::Hash(_) => "hash",
        OpText::Identity { .. } => "identity",
        OpText::Offset { .. } => "offset",
        OpText::Table { .. } => "table",
        OpText::Hour {} => "hour",
        OpText::Weekday {} => "weekday",
        OpText::Day {} => "day",
        OpText::Month {} => "month",
        OpText::Cycle { .. } => "cycle",
        OpText::Age { .. } => "age",
        OpText::Sum {} => "sum",
        OpText::Mean { .. } => "mean",
        OpText::Max { .. } => "max",
        OpText::Min { .. } => "min",
        OpText::Length {} => "length",
        OpText::L2Normalize { .. } => "l2_normalize",
        OpText::OneHot { .. } => "one_hot",
        OpText::FeatureHasher { .. } => "feature_hasher",
    }
}

/// A feature's range, where it has one, and its operations with their parameters, a phrase each.
#[must_use]
pub fn operations(text: &FeatureText, pipeline: &Pipeline) -> Vec<String> {
    let range = text.range.map(range_text);
    range.into_iter().chain(text.ops.iter().map(|op| operation(op, pipeline))).collect()
}

fn operation(op: &OpText, pipeline: &Pipeline) -> String {
    let name = op_name(op);
    match op {
        OpText::Clip { min: None, max: None, fit: Some(_) } => format!("{name}, not fitted yet"),
        OpText::Clip { min, max, .. } => format!("{name}{}", bounds(*min, *max)),
        OpText::Scale { mul, add } if *add == 0.0 => format!("{name} × {}", number(*mul)),
        OpText::Scale { mul, add } => format!("{name} × {}{}", number(*mul), signed(&number(*add))),
        OpText::Standardize { mean: Some(mean), std: Some(std), .. } => {
            format!("{name} mean {} std {}", number(*mean), number(*std))
        }
        OpText::MinMax { min: Some(min), max: Some(max), .. } => {
            format!("{name}{}", bounds(Some(*min), Some(*max)))
        }
        OpText::Power { exponent, signed } => {
            format!("{}{name} {}", if *signed { "signed " } else { "" }, number(*exponent))
        }
        OpText::Quantile { quantiles: Some(quantiles), output, .. } => {
            let output = if *output == QuantileOutput::Normal { "normal" } else { "uniform" };
            format!("{name} of {} to {output}", quantiles.len())
        }
        OpText::Cast { to } => format!("{name} to {}", if *to == CastTo::Int { "int" } else { "float" }),
        OpText::Bucketize { boundaries: Some(boundaries), .. } => {
            format!("{name} at {}", numbers(boundaries))
        }
        OpText::Standardize { .. }
        | OpText::MinMax { .. }
        | OpText::Quantile { .. }
        | OpText::Bucketize { .. } => format!("{name}, not fitted yet"),
        OpText::Vocab { .. } | OpText::Hash(_) | OpText::Identity { .. } | OpText::Offset { .. } => {
            id_text(op, pipeline)
        }
        OpText::Cycle { .. } | OpText::Age { .. } => time_text(op),
        OpText::Mean { empty } | OpText::Max { empty } | OpText::Min { empty } if *empty != 0.0 => {
            format!("{name}, {} if empty", number(*empty))
        }
        OpText::OneHot { size, .. } => format!("{name} of {size}"),
        OpText::Table { values } => format!("{name} of {}", numbers(values)),
        OpText::FeatureHasher { columns, .. } => format!("{name} into {columns}"),
        OpText::Log1p {}
        | OpText::SignedLog {}
        | OpText::Hour {}
        | OpText::Weekday {}
        | OpText::Day {}
        | OpText::Month {}
        | OpText::Sum {}
        | OpText::Mean { .. }
        | OpText::Max { .. }
        | OpText::Min { .. }
        | OpText::Length {}
        | OpText::L2Normalize { .. } => name.to_owned(),
    }
}

fn id_text(op: &OpText, pipeline: &Pipeline) -> String {
    let name = op_name(op);
    match op {
        OpText::Vocab { file, oov_buckets, .. } => {
            let known = pipeline.known_values().unwrap_or(0);
            let file = file.as_ref().map_or_else(String::new, |file| format!(" in {file}"));
            format!("{name} of {known}{file} + {oov_buckets} unknown")
        }
        OpText::Hash(hash) => hash_text(name, hash),
        OpText::Identity { size, outside, default } => {
            let otherwise = match (default, outside) {
                (Some(default), _) => format!(", else {default}"),
                (None, IdOutside::Clip) => ", else the nearer end".to_owned(),
                (None, IdOutside::Error) => String::new(),
            };
            format!("{name} below {size}{otherwise}")
        }
        OpText::Offset { add } => format!("{name}{}", signed(&add.to_string())),
        _ => name.to_owned(),
    }
}

fn time_text(op: &OpText) -> String {
    let name = op_name(op);
    match op {
        OpText::Cycle { period, part } => {
            let part = if *part == CyclePart::Sin { "sin" } else { "cos" };
            let period = match period {
                Period::Day => "day",
                Period::Week => "week",
                Period::Year => "year",
            };
            format!("{name} {part} of the {period}")
        }
        OpText::Age { until, unit } => {
            let unit = match unit {
                AgeUnit::Seconds => "s",
                AgeUnit::Hours => "h",
                AgeUnit::Days => "d",
            };
            format!("{name} until {until} in {unit}")
        }
        _ => name.to_owned(),
    }
}

fn range_text(range: RangeText) -> String {
    let bound = |bound: Option<Bound>| {
        bound.map(|bound| match bound {
            Bound::Int(value) => value.to_string(),
            Bound::Float(value) => number(value),
        })
    };
    let bounds = match (bound(range.min), bound(range.max)) {
        (Some(min), Some(max)) => format!("{min} to {max}"),
        (Some(min), None) => format!("from {min}"),
        (None, Some(max)) => format!("to {max}"),
        (None, None) => "finite".to_owned(),
    };
    let otherwise = match range.outside {
        Outside::Error => "error",
        Outside::Clip => "clip",
        Outside::Missing => "missing",
        Outside::Drop => "drop",
    };
    let nan = match range.nan.unwrap_or_default() {
        OnNan::Error => "",
        OnNan::Missing => ", NaN missing",
        OnNan::Drop => ", NaN dropped",
        OnNan::Pass => ", NaN passes",
    };
    format!("range {bounds}, else {otherwise}{nan}")
}

/// A hash as a phrase; what it leaves at its default is not said.
#[must_use]
pub fn hash_text(name: &str, hash: &HashText) -> String {
    let mut text = format!("{name} mod {}", hash.buckets);
    match hash.function {
        HashName::Farmhash64 => {}
        HashName::Murmur3 => text.push_str(" by murmur3_32"),
        HashName::Xxh3 => text.push_str(" by xxh3_64"),
    }
    if hash.seed != 0 {
        let _ = write!(text, " seed {}", hash.seed);
    }
    if hash.ints == IntsAs::Text {
        text.push_str(" of decimal text");
    }
    text
}

/// The default as the file writes it; none where a row without the feature is refused.
#[must_use]
pub fn missing_text(text: &FeatureText) -> Option<String> {
    DefaultValue::of(text).ok()??;
    Some(text.missing.as_ref().map_or_else(|| "[]".to_owned(), ToString::to_string))
}

/// What a row may have of a feature and what the tensor gets of it; nothing of a scalar.
#[must_use]
pub fn list_text(list: ListText) -> String {
    let keep = if list.keep == Keep::First { "first" } else { "last" };
    match (list.jagged, list.length, list.max) {
        (true, _, Some(max)) => format!("jagged, {keep} {max}"),
        (true, ..) => "jagged".to_owned(),
        (_, Some(length), _) => format!("exactly {length}"),
        (false, None, None) => "any length".to_owned(),
        (_, _, max) => {
            let pad = list.pad.filter(|pad| *pad != 0.0);
            let pad = pad.map_or_else(String::new, |pad| format!(", pad {}", number(pad)));
            format!("{keep} {}{pad}", max.unwrap_or(0))
        }
    }
}

fn bounds(min: Option<f64>, max: Option<f64>) -> String {
    match (min, max) {
        (Some(min), Some(max)) => format!(" {} to {}", number(min), number(max)),
        (Some(min), None) => format!(" from {}", number(min)),
        (None, Some(max)) => format!(" to {}", number(max)),
        (None, None) => String::new(),
    }
}

/// A few numbers, or how many there are and the ends.
fn numbers(values: &[f64]) -> String {
    const ALL: usize = 4;
    match values {
        [first, .., last] if values.len() > ALL => {
            format!("{} from {} to {}", values.len(), number(*first), number(*last))
        }
        _ => values.iter().map(|value| number(*value)).collect::<Vec<_>>().join(", "),
    }
}

/// The shortest text that is this number, without a fraction that says nothing.
fn number(value: f64) -> String {
    let text = format!("{value:?}");
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}

/// What is added, with its sign.
fn signed(number: &str) -> String {
    number.strip_prefix('-').map_or_else(|| format!(" + {number}"), |positive| format!(" − {positive}"))
}
