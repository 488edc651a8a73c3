//! Operations as a person reads them.

use crate::spec::text::{FeatureText, ListText, OpText};

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

/// The operations as a person reads them, such as `clip → log1p`.
pub(super) fn ops_text(text: &FeatureText) -> String {
    let mut names: Vec<String> = text.ops.iter().map(op_text).collect();
    if let Some(list) = text.list {
        if text.ops.iter().any(takes_list) {
            names.insert(0, list_text(list));
        } else {
            names.push(tensor_text(list));
        }
    }
    if text.range.is_some() {
        names.insert(0, "range".to_owned());
    }
    names.join(" → ")
}

/// Whether it takes the values of a list together.
fn takes_list(op: &OpText) -> bool {
    matches!(
        op,
        OpText::Sum {}
            | OpText::Mean { .. }
            | OpText::Max { .. }
            | OpText::Min { .. }
            | OpText::Length {}
            | OpText::L2Normalize { .. }
            | OpText::FeatureHasher { .. }
    )
}

/// The values that operations take together.
fn list_text(list: ListText) -> String {
    match (list.length, list.max) {
        (Some(length), _) => format!("{length} values"),
        (None, Some(max)) => format!("≤ {max} values"),
        (None, None) => "all values".to_owned(),
    }
}

/// What becomes of a list in its tensor.
fn tensor_text(list: ListText) -> String {
    match (list.jagged, list.length, list.max) {
        (true, _, Some(max)) => format!("jagged ≤ {max}"),
        (true, ..) => "jagged".to_owned(),
        (_, Some(length), _) => format!("{length} values"),
        (.., max) => format!("pad to {}", max.unwrap_or(0)),
    }
}

fn op_text(op: &OpText) -> String {
    match op {
        OpText::Hash(hash) => format!("hash mod {}", hash.buckets),
        OpText::Bucketize { boundaries: Some(boundaries), .. } => {
            format!("bucketize into {}", boundaries.len() + 1)
        }
        OpText::Quantile { quantiles: Some(quantiles), .. } => format!("quantile of {}", quantiles.len()),
        OpText::Power { exponent, .. } => format!("power {exponent}"),
        OpText::Vocab { oov_buckets, .. } => format!("vocab + {oov_buckets}"),
        OpText::Identity { size, .. } => format!("identity < {size}"),
        OpText::OneHot { size, .. } => format!("one_hot of {size}"),
        OpText::FeatureHasher { columns, .. } => format!("feature_hasher into {columns}"),
        op => op_name(op).to_owned(),
    }
}
