//! Compiles a feature's list of operations, checking what each takes and gives.

use std::num::NonZeroU64;

use super::category::{HashFunction, Hasher, Vocabulary};
use super::hash::Buckets;
use super::number::NumberOp;
use super::ops_text::op_name;
use super::pipeline::Head;
use super::time::TimePart;
use crate::spec::error::Fault;
use crate::spec::files::find_file;
use crate::spec::model::ModelSpec;
use crate::spec::text::{AgeUnit, FeatureText, FeatureType, HashName, HashText, OpText};

/// What a feature's operations compile to.
pub(super) struct Compiled {
    pub head: Head,
    pub ops: Vec<NumberOp>,
    /// Whether the result is a floating-point number rather than an integer.
    pub gives_float: bool,
    pub age: Option<(String, AgeUnit)>,
}

/// What stands between two operations.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Float,
    /// An int or bool as sent, on which category operations work.
    Int,
    Text,
    Time,
    Id,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Float => "a float",
            Self::Int => "an int",
            Self::Text => "text or bytes",
            Self::Time => "a timestamp",
            Self::Id => "an id",
        }
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
    let mut compiled = Compiled { head: Head::Number, ops: Vec::new(), gives_float: false, age: None };
    for (index, op) in text.ops.iter().enumerate() {
        kind = step(spec, text, op, index, kind, &mut compiled)
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
fn step(
    spec: &ModelSpec,
    text: &FeatureText,
    op: &OpText,
    index: usize,
    kind: Kind,
    out: &mut Compiled,
) -> Result<Kind, Fault> {
    let name = op_name(op);
    let refuse = |takes: &str| Err(Fault::new(format!("{name} takes {takes}, but gets {}", kind.name())));
    let first = index == 0;
    match (op, kind) {
        (OpText::Hash(hash), Kind::Int | Kind::Text) if first => {
            out.head = Head::Hash(hash_of(hash)?);
            Ok(Kind::Id)
        }
        (OpText::Vocab { .. }, Kind::Int | Kind::Text) if first => {
            out.head = Head::Vocab(vocabulary(spec, text, op)?);
            Ok(Kind::Id)
        }
        (OpText::Hash(_) | OpText::Vocab { .. }, _) => refuse("an int, text or bytes as sent"),
        (OpText::Age { until, unit }, Kind::Time) if first => {
            out.age = Some((until.clone(), *unit));
            Ok(Kind::Float)
        }
        (
            OpText::Hour {} | OpText::Weekday {} | OpText::Day {} | OpText::Month {} | OpText::Cycle { .. },
            Kind::Time,
        ) if first => {
            let (part, gives) = time_part(op);
            out.head = Head::Time(part, text.unit.unwrap_or_default());
            Ok(gives)
        }
        (
            OpText::Age { .. }
            | OpText::Hour {}
            | OpText::Weekday {}
            | OpText::Day {}
            | OpText::Month {}
            | OpText::Cycle { .. },
            _,
        ) => refuse("a timestamp as sent"),
        (OpText::Identity { size }, Kind::Int | Kind::Id) if *size > 0 => {
            out.ops.push(NumberOp::Identity { size: *size });
            Ok(Kind::Id)
        }
        (OpText::Identity { size }, Kind::Int | Kind::Id) => {
            Err(Fault::new(format!("identity has size = {size}; it must be 1 or more")))
        }
        (OpText::Offset { add }, Kind::Int | Kind::Id) => {
            out.ops.push(NumberOp::Offset { add: *add });
            Ok(Kind::Id)
        }
        (OpText::Identity { .. } | OpText::Offset { .. }, _) => refuse("an int or an id"),
        (_, Kind::Text) => refuse("a number"),
        (_, Kind::Time) => {
            refuse("a number; take hour, weekday, day, month, cycle or age of the timestamp first")
        }
        _ => {
            let op = number_op(op)?;
            let gives = if matches!(op, NumberOp::Bucketize { .. }) { Kind::Id } else { Kind::Float };
            out.ops.push(op);
            Ok(gives)
        }
    }
}

fn number_op(op: &OpText) -> Result<NumberOp, Fault> {
    Ok(match op {
        OpText::Clip { min, max } => {
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
        OpText::Standardize { mean, std } => {
            if !(*std > 0.0) || !mean.is_finite() {
                return Err(Fault::new(format!(
                    "standardize has mean = {mean} and std = {std}; std must be above 0"
                )));
            }
            NumberOp::Standardize { mean: *mean, std: *std }
        }
        OpText::MinMax { min, max } => {
            if !(max > min) {
                return Err(Fault::new(format!(
                    "min_max has min = {min} and max = {max}; max must be above min"
                )));
            }
            NumberOp::MinMax { min: *min, range: max - min }
        }
        OpText::Bucketize { boundaries } => {
            let rising = boundaries.windows(2).all(|pair| matches!(pair, [low, high] if low < high));
            if boundaries.is_empty() || !rising || boundaries.iter().any(|boundary| boundary.is_nan()) {
                return Err(Fault::new("bucketize needs one or more boundaries, each above the one before"));
            }
            NumberOp::Bucketize { boundaries: boundaries.clone().into() }
        }
        _ => return Err(Fault::new(format!("{} takes no number", op_name(op)))),
    })
}

fn time_part(op: &OpText) -> (TimePart, Kind) {
    match op {
        OpText::Cycle { period, part } => (TimePart::Cycle(*period, *part), Kind::Float),
        OpText::Weekday {} => (TimePart::Weekday, Kind::Id),
        OpText::Day {} => (TimePart::Day, Kind::Id),
        OpText::Month {} => (TimePart::Month, Kind::Id),
        _ => (TimePart::Hour, Kind::Id),
    }
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

fn vocabulary(spec: &ModelSpec, text: &FeatureText, op: &OpText) -> Result<Vocabulary, Fault> {
    let OpText::Vocab { values, file, oov_buckets } = op else {
        return Err(Fault::new("not a vocabulary"));
    };
    let lines = match (values, file) {
        (Some(values), None) => values
            .iter()
            .map(|value| match value {
                toml::Value::String(value) => Ok(value.clone()),
                toml::Value::Integer(value) => Ok(value.to_string()),
                other => {
                    Err(Fault::new(format!("vocab.values holds {other}; it must hold text or integers")))
                }
            })
            .collect::<Result<Vec<_>, _>>()?,
        (None, Some(file)) => vocabulary_file(spec, file)?,
        _ => return Err(Fault::new("vocab needs either values or file")),
    };
    if lines.is_empty() {
        return Err(Fault::new("vocab is empty; it needs at least one value"));
    }
    let vocabulary = if text.kind == FeatureType::Int {
        let ints = lines
            .iter()
            .map(|line| {
                line.trim()
                    .parse()
                    .map_err(|_| Fault::new(format!("vocab holds {line:?}, which is no 64-bit integer")))
            })
            .collect::<Result<Vec<i64>, _>>()?;
        Vocabulary::ints(&ints, *oov_buckets)
    } else {
        Vocabulary::bytes(lines.iter().map(String::as_bytes), *oov_buckets)
    };
    vocabulary.ok_or_else(|| Fault::new("vocab holds a value twice"))
}

/// One value a line. Only files beside the model are read: no separators, no parent folders.
fn vocabulary_file(spec: &ModelSpec, file: &str) -> Result<Vec<String>, Fault> {
    if file.is_empty() || file.starts_with('.') || file.contains(['/', '\\', '\0']) {
        return Err(Fault::new(format!(
            "vocab.file is {file:?}; it must be the name of a file in the model's folder"
        )));
    }
    let found = find_file(&spec.folders, file)
        .map_err(|fault| Fault::new(format!("vocab.file {}", fault.message)))?;
    let path = found.ok_or_else(|| {
        Fault::new(format!("vocab.file {file:?} is neither in the version's folder nor in the model's"))
    })?;
    let text = std::fs::read_to_string(&path)
        .map_err(|error| Fault::new(format!("vocab.file {file:?} cannot be read: {error}")))?;
    Ok(text.lines().map(str::to_owned).collect())
}
