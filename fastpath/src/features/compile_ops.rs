//! Compiles a feature's list of operations, checking what each takes and gives.

use std::num::NonZeroU64;
use std::sync::Arc;

use super::category::{HashFunction, Hasher};
use super::compile_number::{id_policy, number_op};
use super::compile_row::row_op;
use super::compile_vocabulary::vocabulary;
use super::fitted::is_unfitted;
use super::hash::Buckets;
use super::number::NumberOp;
use super::ops_text::op_name;
use super::pipeline::Head;
use super::row_op::{RowOp, RowStep};
use super::time::TimePart;
use crate::spec::error::Fault;
use crate::spec::model::ModelSpec;
use crate::spec::text::{AgeUnit, CastTo, FeatureText, FeatureType, HashName, HashText, OpText};

/// What a feature's operations compile to.
pub(super) struct Compiled {
    pub head: Head,
    pub ops: Vec<NumberOp>,
    pub row: Vec<RowStep>,
    /// Of the result.
    pub width: Width,
    /// Whether the result is a floating-point number rather than an integer.
    pub gives_float: bool,
    pub age: Option<(String, AgeUnit)>,
    /// The first operation whose parameters are still to be fitted.
    pub unfitted: Option<&'static str>,
}

impl Compiled {
    /// Adds an operation on each of the values that there are by then.
    fn push(&mut self, op: NumberOp) {
        match self.row.last_mut() {
            Some(step) => step.then.push(op),
            None => self.ops.push(op),
        }
    }
}

/// What stands between two operations.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Float,
    /// An int as sent, on which category operations work.
    Int,
    Text,
    Time,
    Id,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Float => "a float",
            Self::Int => "an int",
            Self::Text => "text or bytes",
            Self::Time => "a timestamp",
            Self::Id => "an id",
        }
    }

    pub fn is_number(self) -> bool {
        matches!(self, Self::Float | Self::Int | Self::Id)
    }
}

/// How many values a row has between two operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    One,
    Exactly(usize),
    Any,
}

/// One operation in its place.
pub(super) struct Step<'s> {
    pub spec: &'s ModelSpec,
    pub text: &'s FeatureText,
    pub op: &'s OpText,
    /// Whether it gets values as they were sent.
    pub first: bool,
    /// What it gets.
    pub kind: Kind,
    pub width: Width,
}

impl Step<'_> {
    /// The error of an operation that takes something else.
    pub fn refuse<T>(&self, takes: &str) -> Result<T, Fault> {
        Err(Fault::new(format!("{} takes {takes}, but gets {}", op_name(self.op), self.kind.name())))
    }
}

pub(super) fn compile_ops(spec: &ModelSpec, text: &FeatureText) -> Result<Compiled, Fault> {
    let mut kind = match text.kind {
        FeatureType::Float => Kind::Float,
        FeatureType::Int => Kind::Int,
        FeatureType::Bool => Kind::Id,
        FeatureType::String | FeatureType::Bytes => Kind::Text,
        FeatureType::Timestamp => Kind::Time,
    };
    let width = match text.list {
        None => Width::One,
        Some(list) => list.length.map_or(Width::Any, |length| Width::Exactly(length as usize)),
    };
    let (head, ops, row) = (Head::Number, Vec::new(), Vec::new());
    let mut compiled = Compiled { head, ops, row, width, gives_float: false, age: None, unfitted: None };
    for (index, op) in text.ops.iter().enumerate() {
        let step = Step { spec, text, op, first: index == 0, kind, width: compiled.width };
        kind = compile_step(&step, &mut compiled)
            .map_err(|fault| Fault::new(format!("feature `{}`: {}", text.name, fault.message)))?;
    }
    if kind == Kind::Text && text.to.is_some() {
        return Err(Fault::new(format!(
            "feature `{}` is text, which no tensor holds; add a hash or vocab operation",
            text.name
        )));
    }
    compiled.gives_float = kind == Kind::Float;
    Ok(compiled)
}

/// Adds one operation; gives the kind of its result.
fn compile_step(step: &Step<'_>, out: &mut Compiled) -> Result<Kind, Fault> {
    if let Some(kind) = head_op(step, out)? {
        return Ok(kind);
    }
    if let Some((op, kind, width)) = row_op(step)? {
        if matches!(op, RowOp::FeatureHasher { .. }) {
            out.head = Head::SignedHash;
        }
        out.row.push(RowStep { op, then: Vec::new() });
        out.width = width;
        return Ok(kind);
    }
    match (step.op, step.kind) {
        (OpText::Identity { size, outside, default }, Kind::Int | Kind::Id) => {
            out.push(NumberOp::Identity { size: *size, outside: id_policy(*size, *outside, *default)? });
            Ok(Kind::Id)
        }
        (OpText::Offset { add }, Kind::Int | Kind::Id) => {
            out.push(NumberOp::Offset { add: *add });
            Ok(Kind::Id)
        }
        (OpText::Table { values }, Kind::Int | Kind::Id) => {
            if values.is_empty() {
                return Err(Fault::new("table has no values; it needs at least one"));
            }
            out.push(NumberOp::Table { values: values.clone().into() });
            Ok(Kind::Float)
        }
        (OpText::Identity { .. } | OpText::Offset { .. } | OpText::Table { .. }, _) => {
            step.refuse("an int or an id")
        }
        (_, Kind::Text) => step.refuse("a number"),
        (_, Kind::Time) => {
            step.refuse("a number; take hour, weekday, day, month, cycle or age of the timestamp first")
        }
        _ => {
            let gives = match step.op {
                OpText::Bucketize { .. } | OpText::Cast { to: CastTo::Int } => Kind::Id,
                _ => Kind::Float,
            };
            if is_unfitted(step.spec, step.op) {
                out.unfitted.get_or_insert(op_name(step.op));
            } else {
                out.push(number_op(step.op)?);
            }
            Ok(gives)
        }
    }
}

/// An operation that takes values as they were sent; none where it is not one.
fn head_op(step: &Step<'_>, out: &mut Compiled) -> Result<Option<Kind>, Fault> {
    let Step { spec, text, op, first, kind, .. } = *step;
    Ok(Some(match (op, kind) {
        (OpText::Hash(hash), Kind::Int | Kind::Text) if first => {
            out.head = Head::Hash(hash_of(hash)?);
            Kind::Id
        }
        (OpText::Vocab { .. }, Kind::Int | Kind::Text) if first => {
            if is_unfitted(spec, op) {
                out.unfitted = Some(op_name(op));
                out.head = Head::Tally(Arc::default());
            } else {
                out.head = Head::Vocab(vocabulary(spec, text, op)?);
            }
            Kind::Id
        }
        (OpText::Hash(_) | OpText::Vocab { .. }, _) => return step.refuse("an int, text or bytes as sent"),
        (OpText::Age { until, unit }, Kind::Time) if first => {
            out.age = Some((until.clone(), *unit));
            Kind::Float
        }
        (_, Kind::Time) if first => {
            let Some((part, gives)) = time_part(op) else { return Ok(None) };
            out.head = Head::Time(part, text.unit.unwrap_or_default());
            gives
        }
        (OpText::Age { .. }, _) => return step.refuse("a timestamp as sent"),
        (op, _) if time_part(op).is_some() => return step.refuse("a timestamp as sent"),
        _ => return Ok(None),
    }))
}

/// A part of a timestamp and its kind; none where the operation takes none.
fn time_part(op: &OpText) -> Option<(TimePart, Kind)> {
    Some(match op {
        OpText::Cycle { period, part } => (TimePart::Cycle(*period, *part), Kind::Float),
        OpText::Hour {} => (TimePart::Hour, Kind::Id),
        OpText::Weekday {} => (TimePart::Weekday, Kind::Id),
        OpText::Day {} => (TimePart::Day, Kind::Id),
        OpText::Month {} => (TimePart::Month, Kind::Id),
        _ => return None,
    })
}

pub(super) fn hash_of(text: &HashText) -> Result<Hasher, Fault> {
    let Some(function) = HashFunction::new(text.function, text.seed) else {
        let allowed = match text.function {
            HashName::Farmhash64 => "farmhash64 takes no seed",
            HashName::Murmur3 | HashName::Xxh3 => "murmur3_32 takes a seed of 32 bits",
        };
        return Err(Fault::new(format!("hash has seed = {}; {allowed}", text.seed)));
    };
    Ok(Hasher { function, ints: text.ints, buckets: buckets_of(text.buckets)? })
}

fn buckets_of(count: u64) -> Result<Buckets, Fault> {
    NonZeroU64::new(count)
        .filter(|count| i64::try_from(count.get()).is_ok())
        .map(Buckets::new)
        .ok_or_else(|| Fault::new(format!("hash.buckets is {count}; it must be 1 to {}", i64::MAX)))
}
