//! Numbers inside the feature program and the operations on them.
//!
//! Arithmetic is 64-bit and uses `libm`, so that every platform computes the same bits.

use super::fault::{Fault, FaultKind};
use super::quantile::Quantile;

/// A value after the first operation: a number, or an id.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub enum Number {
    Float(f64),
    Int(i64),
}

impl Number {
    #[inline]
    #[must_use]
    pub fn float(self) -> f64 {
        match self {
            Self::Float(value) => value,
            // An integer above 2^53 rounds to the nearest double, as in every numeric library.
            Self::Int(value) => value as f64,
        }
    }
}

/// An operation on a number (docs/feature-operations.md gives the formulas).
#[derive(Clone, Debug, PartialEq)]
pub enum NumberOp {
    Clip { min: f64, max: f64 },
    Log1p,
    SignedLog,
    Scale { mul: f64, add: f64 },
    Standardize { mean: f64, std: f64 },
    MinMax { min: f64, range: f64 },
    Power { exponent: f64 },
    SignedPower { exponent: f64 },
    Quantile(Box<Quantile>),
    Bucketize { boundaries: Box<[f64]> },
    ToInt,
    ToFloat,
    Identity { size: i64, outside: IdPolicy },
    Offset { add: i64 },
    Table { values: Box<[f64]> },
}

/// What becomes of an id outside 0 … size − 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdPolicy {
    Refuse,
    Clip,
    Default(i64),
}

impl NumberOp {
    #[inline]
    pub fn apply(&self, number: Number) -> Result<Number, Fault> {
        Ok(match self {
            Self::Standardize { mean, std } => Number::Float((number.float() - mean) / std),
            Self::Clip { min, max } => {
                // Not f64::clamp: NaN must pass, and either bound may be infinite.
                let value = number.float();
                Number::Float(if value < *min {
                    *min
                } else if value > *max {
                    *max
                } else {
                    value
                })
            }
            Self::Log1p => Number::Float(libm::log1p(number.float())),
            Self::SignedLog => {
                let value = number.float();
                Number::Float(libm::log1p(value.abs()).copysign(value))
            }
            Self::Scale { mul, add } => Number::Float(number.float() * mul + add),
            Self::MinMax { min, range } => Number::Float((number.float() - min) / range),
            Self::Power { exponent } => Number::Float(libm::pow(number.float(), *exponent)),
            Self::SignedPower { exponent } => {
                let value = number.float();
                Number::Float(libm::pow(value.abs(), *exponent).copysign(value))
            }
            Self::Quantile(quantile) => Number::Float(quantile.of(number.float())),
            Self::Bucketize { boundaries } => Number::Int(bucket(number.float(), boundaries)),
            Self::ToInt => Number::Int(truncated(number)?),
            Self::ToFloat => Number::Float(number.float()),
            Self::Identity { size, outside } => match number {
                Number::Int(value) if (0..*size).contains(&value) => number,
                Number::Int(value) => Number::Int(match outside {
                    IdPolicy::Refuse => return Err(FaultKind::OutOfRange { value, size: *size }.into()),
                    IdPolicy::Clip => value.clamp(0, size - 1),
                    IdPolicy::Default(id) => *id,
                }),
                // The compiler lets no float in here.
                Number::Float(_) => number,
            },
            Self::Offset { add } => match number {
                Number::Int(value) => Number::Int(value.wrapping_add(*add)),
                Number::Float(_) => number,
            },
            Self::Table { values } => match number {
                Number::Int(value) => {
                    let place = usize::try_from(value).ok();
                    let found = place.and_then(|place| values.get(place)).copied();
                    let outside = FaultKind::OutOfRange { value, size: values.len() as i64 };
                    Number::Float(found.ok_or(outside)?)
                }
                // The compiler lets no float in here.
                Number::Float(_) => number,
            },
        })
    }
}

/// The integer on the way from the number to zero.
#[allow(clippy::cast_possible_truncation, reason = "whole, and inside 64 bits")]
fn truncated(number: Number) -> Result<i64, Fault> {
    /// 2⁶³, the first float above every 64-bit integer.
    const END: f64 = 9_223_372_036_854_775_808.0;
    match number {
        Number::Int(value) => Ok(value),
        Number::Float(value) if (-END..END).contains(&value) => Ok(value as i64),
        Number::Float(value) => Err(FaultKind::NotWhole { value: value.to_string() }.into()),
    }
}

/// How many boundaries are at most `value`; all of them for NaN, as numpy sorts NaN last.
#[inline]
fn bucket(value: f64, boundaries: &[f64]) -> i64 {
    let below = if value.is_nan() {
        boundaries.len()
    } else {
        boundaries.partition_point(|boundary| *boundary <= value)
    };
    below as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn float(op: &NumberOp, value: f64) -> f64 {
        op.apply(Number::Float(value)).unwrap().float()
    }

    #[test]
    fn nan_passes_through_every_operation_but_bucketize() {
        let ops = [
            NumberOp::Clip { min: 0.0, max: 1.0 },
            NumberOp::Log1p,
            NumberOp::SignedLog,
            NumberOp::Scale { mul: 2.0, add: 1.0 },
            NumberOp::Standardize { mean: 1.0, std: 2.0 },
            NumberOp::MinMax { min: 0.0, range: 2.0 },
        ];
        assert!(ops.iter().all(|op| float(op, f64::NAN).is_nan()));
        let bucketize = NumberOp::Bucketize { boundaries: [1.0, 2.0].into() };
        assert_eq!(bucketize.apply(Number::Float(f64::NAN)), Ok(Number::Int(2)));
    }

    #[test]
    fn a_value_on_a_boundary_is_in_the_bucket_above_it() {
        let op = NumberOp::Bucketize { boundaries: [1.0, 2.0].into() };
        let buckets = [0.5, 1.0, 1.5, 2.0, 9.0].map(|value| op.apply(Number::Float(value)).unwrap());
        assert_eq!(buckets, [0, 1, 1, 2, 2].map(Number::Int));
    }

    #[test]
    fn signed_log_is_odd() {
        let (left, right) = (float(&NumberOp::SignedLog, -3.0), -float(&NumberOp::SignedLog, 3.0));
        assert_eq!(left.to_bits(), right.to_bits());
    }

    #[test]
    fn a_table_has_a_number_for_each_id_and_refuses_others() {
        let op = NumberOp::Table { values: [0.5, f64::NAN, -1.0].into() };
        assert_eq!(op.apply(Number::Int(0)), Ok(Number::Float(0.5)));
        assert!(op.apply(Number::Int(1)).unwrap().float().is_nan());
        for value in [-1, 3, i64::MIN, i64::MAX] {
            assert_eq!(op.apply(Number::Int(value)), Err(FaultKind::OutOfRange { value, size: 3 }.into()));
        }
    }

    #[test]
    fn identity_refuses_what_an_embedding_table_does_not_have() {
        let op = NumberOp::Identity { size: 3, outside: IdPolicy::Refuse };
        assert_eq!(op.apply(Number::Int(3)), Err(FaultKind::OutOfRange { value: 3, size: 3 }.into()));
        assert_eq!(op.apply(Number::Int(2)), Ok(Number::Int(2)));
    }

    #[test]
    fn identity_gives_the_nearest_id_or_another_where_it_may() {
        let clip = NumberOp::Identity { size: 3, outside: IdPolicy::Clip };
        let ids = [i64::MIN, -1, 0, 2, 3, i64::MAX].map(|id| clip.apply(Number::Int(id)).unwrap());
        assert_eq!(ids, [0, 0, 0, 2, 2, 2].map(Number::Int));
        let default = NumberOp::Identity { size: 3, outside: IdPolicy::Default(1) };
        assert_eq!(default.apply(Number::Int(3)), Ok(Number::Int(1)));
    }

    #[test]
    fn a_cast_to_int_cuts_off_and_refuses_what_no_integer_is() {
        let cast = |value| NumberOp::ToInt.apply(Number::Float(value));
        let whole = [-1.9, -0.9, 0.9, 1.9, -9_223_372_036_854_775_808.0].map(|value| cast(value).unwrap());
        assert_eq!(whole, [-1, 0, 0, 1, i64::MIN].map(Number::Int));
        for value in [9_223_372_036_854_775_808.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
            let refused = FaultKind::NotWhole { value: value.to_string() };
            assert_eq!(cast(value), Err(refused.into()));
        }
    }
}
