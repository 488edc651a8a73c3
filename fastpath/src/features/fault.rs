//! What can be wrong with the features of a request, with the row and the feature to blame.

use std::fmt;

use crate::status::{Code, Status};
use crate::wire::WireError;

/// What is wrong with one feature's values in one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The values are of another kind than the feature's type.
    WrongKind {
        expected: &'static str,
        came: &'static str,
    },
    /// Not exactly so many values.
    Count {
        expected: usize,
        came: usize,
    },
    TooLong {
        limit: usize,
        came: usize,
    },
    Missing,
    /// A timestamp that is the request's time unless sent, where there is no request.
    NoRequestTime,
    /// Not as many values as the list that they weigh.
    Weights {
        of: String,
        expected: u32,
        came: u32,
    },
    Twice,
    InContextToo,
    Unknown {
        nearest: Option<String>,
    },
    NotUtf8,
    NotBool {
        value: i64,
    },
    /// An identity outside 0 … size − 1.
    OutOfRange {
        value: i64,
        size: i64,
    },
    /// An integer that the input's datatype cannot hold.
    Overflow {
        value: i64,
        datatype: &'static str,
    },
    /// A value that a vocabulary without OOV buckets does not have.
    NotInVocabulary,
    /// Outside the feature's range.
    Beyond {
        min: String,
        max: String,
        came: String,
    },
    NotANumber,
    /// A float that no 64-bit integer is.
    NotWhole {
        value: String,
    },
    SumOverflow,
    /// JSON that is written rightly and cannot be read: a number out of range, half a surrogate pair.
    Json {
        reason: String,
    },
    /// An unsigned integer of a training table that 64 bits with a sign cannot hold.
    TooLarge {
        value: u64,
    },
    /// A null among the values of a list.
    NullInList,
    /// A column of a training table that is of another kind than any feature.
    Untaken {
        kind: String,
    },
    Wire(WireError),
}

/// A fault on its way up. Boxed, because results pass through every step of every value and faults are rare.
pub type Fault = Box<FaultKind>;

impl From<WireError> for Fault {
    fn from(error: WireError) -> Self {
        Self::new(FaultKind::Wire(error))
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongKind { expected, came } => write!(out, "must be {expected}, but {came} came"),
            Self::Count { expected, came } => {
                write!(out, "must have {expected} value{}, but {came} came", plural(*expected))
            }
            Self::TooLong { limit, came } => {
                write!(out, "must have at most {limit} values, but {came} came")
            }
            Self::Missing => out.write_str("is missing and has no default"),
            Self::NoRequestTime => out.write_str(
                "is missing; its default is the time of the request, and here is none: give it in the rows or the context",
            ),
            Self::Weights { of, expected, came } => {
                write!(out, "must have as many values as `{of}`, {expected}, but {came} came")
            }
            Self::Twice => out.write_str("is there twice; send it once"),
            Self::InContextToo => out.write_str("is in the context and in the row; send it in one of them"),
            Self::Unknown { nearest: Some(name) } => {
                write!(out, "is not a feature of this model; did you mean `{name}`?")
            }
            Self::Unknown { nearest: None } => out.write_str("is not a feature of this model"),
            Self::NotUtf8 => out.write_str("must be UTF-8 text, but other bytes came"),
            Self::NotBool { value } => write!(out, "must be 0 or 1, but {value} came"),
            Self::OutOfRange { value, size } => {
                write!(out, "must be 0 to {}, but {value} came", size - 1)
            }
            Self::Overflow { value, datatype } => {
                write!(out, "is {value}, which {datatype} cannot hold")
            }
            Self::NotInVocabulary => out.write_str("is not in the model's vocabulary"),
            Self::Beyond { min, max, came } => write!(out, "must be {min} to {max}, but {came} came"),
            Self::NotANumber => out.write_str("must be a number, but NaN came"),
            Self::NotWhole { value } => write!(out, "is {value}, which no 64-bit integer can hold"),
            Self::SumOverflow => out.write_str("adds up to more than a 64-bit integer can hold"),
            Self::Json { reason } => write!(out, "cannot be read: {reason}"),
            Self::TooLarge { value } => write!(out, "is {value}, which a 64-bit signed integer cannot hold"),
            Self::NullInList => out.write_str("has a null inside a list; leave it out"),
            Self::Untaken { kind } => write!(
                out,
                "is of type {kind}; taken are floats, integers, bools, text, bytes, timestamps, dates, \
                 dictionaries of those, and lists of them"
            ),
            Self::Wire(error) => write!(out, "cannot be parsed ({error})"),
        }
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// Which part of a request a row is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Context,
    Example(usize),
    Column(usize),
    Tensor(usize),
    /// A row of a JSON request.
    Row(usize),
}

impl Place {
    fn below(self, rows: usize) -> Self {
        match self {
            Self::Context => Self::Context,
            Self::Example(row) => Self::Example(rows + row),
            Self::Column(row) => Self::Column(rows + row),
            Self::Tensor(row) => Self::Tensor(rows + row),
            Self::Row(row) => Self::Row(rows + row),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Context => out.write_str("the context"),
            Self::Example(row) | Self::Column(row) | Self::Tensor(row) | Self::Row(row) => {
                write!(out, "row {row}")
            }
        }
    }
}

/// Why a request's features cannot become rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowsError {
    Feature {
        place: Place,
        feature: String,
        kind: Fault,
    },
    /// The message as a whole, with the field's path.
    Request {
        field: String,
        message: String,
    },
    Wire(WireError),
}

impl RowsError {
    #[must_use]
    pub fn feature(place: Place, feature: &[u8], kind: impl Into<Fault>) -> Self {
        let feature = String::from_utf8_lossy(feature).chars().take(128).collect();
        Self::Feature { place, feature, kind: kind.into() }
    }

    #[must_use]
    pub fn request(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Request { field: field.into(), message: message.into() }
    }

    /// The same of rows that begin below so many others.
    #[must_use]
    pub fn below(self, rows: usize) -> Self {
        match self {
            Self::Feature { place, feature, kind } => {
                Self::Feature { place: place.below(rows), feature, kind }
            }
            other => other,
        }
    }

    /// The path of the field in the request, as `google.rpc.BadRequest` wants it.
    #[must_use]
    pub fn path(&self) -> Option<String> {
        match self {
            Self::Feature { place, feature, .. } => Some(match place {
                Place::Context => format!("context.{feature}"),
                Place::Example(row) => format!("examples[{row}].{feature}"),
                Place::Column(row) => format!("columns.{feature}[{row}]"),
                Place::Tensor(row) => format!("inputs.{feature}[{row}]"),
                Place::Row(row) => format!("rows[{row}].{feature}"),
            }),
            Self::Request { field, .. } => Some(field.clone()),
            Self::Wire(_) => None,
        }
    }
}

impl fmt::Display for RowsError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Feature { place, feature, kind } => {
                let end = if matches!(**kind, FaultKind::Unknown { nearest: Some(_) }) { "" } else { "." };
                write!(out, "Feature {feature:?} in {place} {kind}{end}")
            }
            Self::Request { message, .. } => out.write_str(message),
            Self::Wire(error) => error.fmt(out),
        }
    }
}

impl From<WireError> for RowsError {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

impl From<RowsError> for Status {
    fn from(error: RowsError) -> Self {
        match &error {
            RowsError::Wire(error) => (*error).into(),
            RowsError::Feature { kind, .. } if matches!(**kind, FaultKind::Wire(_)) => {
                Self::new(Code::Internal, error.to_string())
            }
            _ => Self::invalid(error.path().unwrap_or_default(), error.to_string()),
        }
    }
}
