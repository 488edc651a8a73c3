//! Compiles operations on numbers and ids, checking their parameters.

use super::fitted::parameters;
use super::number::{IdPolicy, NumberOp};
use super::ops_text::op_name;
use super::quantile::Quantile;
use crate::spec::error::Fault;
use crate::spec::text::{CastTo, IdOutside, OpText, QuantileOutput};

/// An operation from a number to a number or an id.
pub(super) fn number_op(op: &OpText) -> Result<NumberOp, Fault> {
    Ok(match op {
        OpText::Clip { min, max, .. } => {
            let (min, max) = (min.unwrap_or(f64::NEG_INFINITY), max.unwrap_or(f64::INFINITY));
            // Written so that a NaN bound is refused too.
            if !(min <= max) {
                return Err(Fault::new(format!(
                    "clip has min = {min} and max = {max}; min must not be above max"
                )));
            }
            NumberOp::Clip { min, max }
        }
        OpText::Log1p {} => NumberOp::Log1p,
        OpText::SignedLog {} => NumberOp::SignedLog,
        OpText::Scale { mul, add } => NumberOp::Scale { mul: *mul, add: *add },
        OpText::Standardize { mean: Some(mean), std: Some(std), .. } => {
            if !(*std > 0.0) || !mean.is_finite() {
                return Err(Fault::new(format!(
                    "standardize has mean = {mean} and std = {std}; std must be above 0"
                )));
            }
            NumberOp::Standardize { mean: *mean, std: *std }
        }
        OpText::MinMax { min: Some(min), max: Some(max), .. } => {
            if !(max > min) {
                return Err(Fault::new(format!(
                    "min_max has min = {min} and max = {max}; max must be above min"
                )));
            }
            NumberOp::MinMax { min: *min, range: max - min }
        }
        OpText::Bucketize { boundaries: Some(boundaries), .. } => {
            let rising = boundaries.windows(2).all(|pair| matches!(pair, [low, high] if low < high));
            if boundaries.is_empty() || !rising || boundaries.iter().any(|boundary| boundary.is_nan()) {
                return Err(Fault::new("bucketize needs one or more boundaries, each above the one before"));
            }
            NumberOp::Bucketize { boundaries: boundaries.clone().into() }
        }
        OpText::Power { exponent, signed } => {
            if !exponent.is_finite() {
                return Err(Fault::new(format!("power has exponent = {exponent}; it must be finite")));
            }
            let exponent = *exponent;
            if *signed { NumberOp::SignedPower { exponent } } else { NumberOp::Power { exponent } }
        }
        OpText::Quantile { quantiles: Some(quantiles), output, .. } => {
            let quantile = Quantile::new(quantiles, *output == QuantileOutput::Normal).ok_or_else(|| {
                Fault::new("quantile needs two or more finite quantiles, none below the one before")
            })?;
            NumberOp::Quantile(Box::new(quantile))
        }
        OpText::Cast { to: CastTo::Int } => NumberOp::ToInt,
        OpText::Cast { to: CastTo::Float } => NumberOp::ToFloat,
        OpText::Standardize { .. }
        | OpText::MinMax { .. }
        | OpText::Bucketize { .. }
        | OpText::Quantile { .. } => {
            return Err(Fault::new(format!("{} needs {}, or fit = true", op_name(op), parameters(op))));
        }
        _ => return Err(Fault::new(format!("{} takes no number", op_name(op)))),
    })
}

/// What `identity` does with ids outside 0 … size − 1.
pub(super) fn id_policy(size: i64, outside: IdOutside, default: Option<i64>) -> Result<IdPolicy, Fault> {
    if size < 1 {
        return Err(Fault::new(format!("identity has size = {size}; it must be 1 or more")));
    }
    match (outside, default) {
        (IdOutside::Error, None) => Ok(IdPolicy::Refuse),
        (IdOutside::Clip, None) => Ok(IdPolicy::Clip),
        (IdOutside::Error, Some(id)) if (0..size).contains(&id) => Ok(IdPolicy::Default(id)),
        (IdOutside::Error, Some(id)) => {
            Err(Fault::new(format!("identity has default = {id}; it must be 0 to {}", size - 1)))
        }
        (IdOutside::Clip, Some(_)) => {
            Err(Fault::new("identity has both a default and outside = \"clip\"; it can have one of them"))
        }
    }
}
