//! Which operations wait for `fit`, and for what.

pub use super::ops_text::op_name;
use crate::spec::model::ModelSpec;
use crate::spec::text::OpText;

/// Whether the operation's parameters are still to be fitted. A vocabulary file that is not there yet is, where
/// some operation says that it is fitted.
#[must_use]
pub fn is_unfitted(spec: &ModelSpec, op: &OpText) -> bool {
    match op {
        OpText::Clip { min: None, max: None, fit: Some(_) }
        | OpText::Standardize { mean: None, std: None, fit: Some(_) }
        | OpText::MinMax { min: None, max: None, fit: Some(_) }
        | OpText::Bucketize { boundaries: None, fit: Some(_) }
        | OpText::Quantile { quantiles: None, fit: Some(_), .. }
        | OpText::Vocab { values: None, file: None, fit: Some(_), .. } => true,
        OpText::Vocab { values: None, file: Some(file), .. } => {
            is_fitted_file(spec, file) && !spec.folders.iter().any(|folder| folder.join(file).exists())
        }
        _ => false,
    }
}

fn is_fitted_file(spec: &ModelSpec, file: &str) -> bool {
    let ops = spec.text.feature.iter().flat_map(|feature| &feature.get_ref().ops);
    ops.into_iter()
        .any(|op| matches!(op, OpText::Vocab { file: Some(fitted), fit: Some(_), .. } if fitted == file))
}

/// What `fit` finds for an operation.
pub(super) fn parameters(op: &OpText) -> &'static str {
    match op {
        OpText::Standardize { .. } => "mean and std",
        OpText::Bucketize { .. } => "boundaries",
        OpText::Quantile { .. } => "quantiles",
        OpText::Vocab { .. } => "values or file",
        _ => "min and max",
    }
}

/// Whether the operation takes the values of a row together, so that a list need not go into the tensor itself.
#[must_use]
pub fn takes_rows(op: &OpText) -> bool {
    matches!(
        op,
        OpText::Sum {}
            | OpText::Mean { .. }
            | OpText::Max { .. }
            | OpText::Min { .. }
            | OpText::Length {}
            | OpText::L2Normalize { .. }
            | OpText::OneHot { .. }
            | OpText::FeatureHasher { .. }
    )
}
