//! Operations as a person reads them.

use crate::spec::text::{FeatureText, OpText};

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
    }
}

/// The operations as a person reads them, such as `clip → log1p`.
pub(super) fn ops_text(text: &FeatureText) -> String {
    let mut names: Vec<String> = text.ops.iter().map(op_text).collect();
    if let Some(list) = text.list {
        names.push(match (list.jagged, list.length, list.max) {
            (true, _, Some(max)) => format!("jagged ≤ {max}"),
            (true, ..) => "jagged".to_owned(),
            (_, Some(length), _) => format!("{length} values"),
            (.., max) => format!("pad to {}", max.unwrap_or(0)),
        });
    }
    names.join(" → ")
}

fn op_text(op: &OpText) -> String {
    match op {
        OpText::Hash(hash) => format!("hash mod {}", hash.buckets),
        OpText::Bucketize { boundaries: Some(boundaries), .. } => {
            format!("bucketize into {}", boundaries.len() + 1)
        }
        OpText::Vocab { oov_buckets, .. } => format!("vocab + {oov_buckets}"),
        OpText::Identity { size } => format!("identity < {size}"),
        op => op_name(op).to_owned(),
    }
}
