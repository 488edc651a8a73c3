//! Compiles operations that take the values of a row together, checking what each takes and its parameters.

use super::compile_ops::{Kind, Step, Width};
use super::list_form::integer;
use super::number::Number;
use super::ops_text::op_name;
use super::program::MAX_LIST;
use super::row_op::RowOp;
use crate::spec::error::Fault;
use crate::spec::text::OpText;

/// The operation, the kind and the number of its results; none where it takes each value alone.
pub(super) fn row_op(step: &Step<'_>) -> Result<Option<(RowOp, Kind, Width)>, Fault> {
    let Step { op, first, kind, width, .. } = *step;
    let number = || if kind.is_number() { Ok(()) } else { step.refuse("numbers") };
    let list = || if width == Width::One { step.refuse_width("a list") } else { Ok(()) };
    // Of integers an integer.
    let exact = if kind == Kind::Float { Kind::Float } else { Kind::Id };
    Ok(Some(match op {
        OpText::Sum {} => {
            number().and_then(|()| list())?;
            (RowOp::Sum, exact, Width::One)
        }
        OpText::Mean { empty } => {
            number().and_then(|()| list())?;
            (RowOp::Mean { empty: *empty }, Kind::Float, Width::One)
        }
        OpText::Max { empty } => {
            number().and_then(|()| list())?;
            (RowOp::Max { empty: empty_number("max", *empty, exact)? }, exact, Width::One)
        }
        OpText::Min { empty } => {
            number().and_then(|()| list())?;
            (RowOp::Min { empty: empty_number("min", *empty, exact)? }, exact, Width::One)
        }
        OpText::Length {} => {
            list()?;
            (RowOp::Length, Kind::Id, Width::One)
        }
        OpText::L2Normalize { epsilon } => {
            number()?;
            let Width::Exactly(_) = width else { return step.refuse_width("a vector, list = { length }") };
            if !(*epsilon >= 0.0) || epsilon.is_infinite() {
                return Err(Fault::new(format!(
                    "l2_normalize has epsilon = {epsilon}; it must be 0 or more, and finite"
                )));
            }
            (RowOp::L2Normalize { epsilon: *epsilon }, Kind::Float, width)
        }
        OpText::OneHot { size, ignore_unknown } => {
            if !matches!(kind, Kind::Int | Kind::Id) {
                return step.refuse("an int or an id");
            }
            if width != Width::One {
                return step.refuse_width("one id");
            }
            let size = columns("one_hot", "size", *size)?;
            (RowOp::OneHot { size, ignore_unknown: *ignore_unknown }, Kind::Id, Width::Exactly(size))
        }
        OpText::FeatureHasher { columns: count, alternate_sign } => {
            if !first || kind != Kind::Text {
                return step.refuse("text or bytes as sent");
            }
            let columns = columns("feature_hasher", "columns", *count)?;
            let op = RowOp::FeatureHasher { columns, alternate_sign: *alternate_sign };
            (op, Kind::Id, Width::Exactly(columns))
        }
        _ => return Ok(None),
    }))
}

impl Step<'_> {
    fn refuse_width<T>(&self, takes: &str) -> Result<T, Fault> {
        let gets = match self.width {
            Width::One => "one value".to_owned(),
            Width::Exactly(count) => format!("{count} values"),
            Width::Any => "a list of any length".to_owned(),
        };
        Err(Fault::new(format!("{} takes {takes}, but gets {gets}", op_name(self.op))))
    }
}

fn columns(op: &str, key: &str, count: u32) -> Result<usize, Fault> {
    let count = count as usize;
    if count == 0 || count > MAX_LIST {
        return Err(Fault::new(format!("{op} has {key} = {count}; it must be 1 to {MAX_LIST}")));
    }
    Ok(count)
}

/// What `max` and `min` give of an empty list.
fn empty_number(op: &str, empty: f64, kind: Kind) -> Result<Number, Fault> {
    if kind == Kind::Float {
        return Ok(Number::Float(empty));
    }
    integer(empty)
        .map(Number::Int)
        .ok_or_else(|| Fault::new(format!("{op} has empty = {empty}, but of integers it gives an integer")))
}
