//! The range of a feature: which of the values that callers send are taken, and what becomes of the others.
//!
//! Values are judged as they come, before any operation; the default of model.toml is not judged.

use smallvec::SmallVec;

use super::cell::{Cell, count_varints, varints};
use super::default::DefaultValue;
use super::fault::{Fault, FaultKind};
use super::number::Number;
use super::program::MAX_LIST;
use crate::spec::error::Fault as SpecFault;
use crate::spec::text::{Bound, FeatureText, FeatureType, OnNan, Outside, RangeText};

/// A feature's range.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    bounds: Bounds,
    outside: Outside,
    nan: OnNan,
}

/// Both inclusive.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bounds {
    Floats { min: f64, max: f64 },
    Ints { min: i64, max: i64 },
}

/// What a range makes of a cell.
pub(super) enum Held {
    /// The cell as it is: of another kind, or with too many values, for its error to be worded where all are.
    Cell,
    /// Values, little-endian.
    Values(SmallVec<[[u8; 8]; 4]>),
    /// The feature counts as missing.
    Missing,
}

/// What becomes of one value.
enum Verdict {
    Take([u8; 8]),
    Drop,
    Missing,
}

impl Range {
    pub(super) fn of(text: &FeatureText) -> Result<Option<Self>, SpecFault> {
        let Some(range) = text.range else { return Ok(None) };
        let wrong = |what: &str| Err(SpecFault::new(format!("feature `{}` has {what}", text.name)));
        let bounds = match text.kind {
            FeatureType::Float => float_bounds(range),
            FeatureType::Int | FeatureType::Timestamp => int_bounds(range),
            FeatureType::Bool | FeatureType::String | FeatureType::Bytes => {
                return wrong(&format!("a range, which a {} does not have", text.kind.name()));
            }
        };
        let Some(bounds) = bounds else {
            return wrong(&format!(
                "a range whose min and max are no numbers of type {}, or whose min is above max",
                text.kind.name()
            ));
        };
        let is_float = text.kind == FeatureType::Float;
        if !is_float && range.nan.is_some() {
            return wrong(&format!("range.nan, but a value of type {} is never NaN", text.kind.name()));
        }
        if is_float && range.outside == Outside::Clip && (range.min.is_none() || range.max.is_none()) {
            return wrong(
                "range.outside = \"clip\", which needs min and max, so that infinities have a bound",
            );
        }
        let nan = range.nan.unwrap_or_default();
        let missing = range.outside == Outside::Missing || nan == OnNan::Missing;
        if missing && DefaultValue::of(text)?.is_none() {
            return wrong("a range that makes values count as missing, but no default; give it `missing`");
        }
        let drops = range.outside == Outside::Drop || nan == OnNan::Drop;
        if drops && text.list.is_none_or(|list| list.length.is_some()) {
            return wrong("a range that drops values, which only a list of any length can do without");
        }
        Ok(Some(Self { bounds, outside: range.outside, nan }))
    }

    pub(super) fn hold(&self, cell: Cell<'_>) -> Result<Held, Fault> {
        let float = |value: f64| self.float(value);
        match (self.bounds, cell) {
            (Bounds::Floats { .. }, Cell::Floats(values)) if values.len() <= MAX_LIST => {
                held(values.iter().map(|value| float(f64::from(f32::from_le_bytes(*value)))))
            }
            (Bounds::Floats { .. }, Cell::Doubles(values)) if values.len() <= MAX_LIST => {
                held(values.iter().map(|value| float(f64::from_le_bytes(*value))))
            }
            (Bounds::Floats { .. }, Cell::Ints(values)) if values.len() <= MAX_LIST => {
                held(values.iter().map(|value| float(i64::from_le_bytes(*value) as f64)))
            }
            (Bounds::Floats { .. }, Cell::Varints(values)) if count_varints(values)? <= MAX_LIST => {
                held(varints(values).map(|value| float(value? as f64)))
            }
            (Bounds::Ints { .. }, Cell::Ints(values)) if values.len() <= MAX_LIST => {
                held(values.iter().map(|value| self.int(i64::from_le_bytes(*value))))
            }
            (Bounds::Ints { .. }, Cell::Varints(values)) if count_varints(values)? <= MAX_LIST => {
                held(varints(values).map(|value| self.int(value?)))
            }
            _ => Ok(Held::Cell),
        }
    }

    /// Whether a number is beyond the bounds, whatever becomes of it then.
    pub(super) fn is_beyond(&self, number: Number) -> bool {
        match (self.bounds, number) {
            (Bounds::Floats { min, max }, number) => number.float() < min || number.float() > max,
            (Bounds::Ints { min, max }, Number::Int(value)) => value < min || value > max,
            (Bounds::Ints { .. }, Number::Float(_)) => false,
        }
    }

    /// The cell that held values are.
    pub(super) fn cell<'v>(&self, values: &'v [[u8; 8]]) -> Cell<'v> {
        match self.bounds {
            Bounds::Floats { .. } => Cell::Doubles(values),
            Bounds::Ints { .. } => Cell::Ints(values),
        }
    }

    fn float(&self, value: f64) -> Result<Verdict, Fault> {
        let Bounds::Floats { min, max } = self.bounds else { return Ok(Verdict::Missing) };
        if value.is_nan() {
            return match self.nan {
                OnNan::Error => Err(FaultKind::NotANumber.into()),
                OnNan::Missing => Ok(Verdict::Missing),
                OnNan::Drop => Ok(Verdict::Drop),
                OnNan::Pass => Ok(Verdict::Take(value.to_le_bytes())),
            };
        }
        if min <= value && value <= max {
            return Ok(Verdict::Take(value.to_le_bytes()));
        }
        self.beyond(value.clamp(min, max).to_le_bytes(), &value, [&min, &max])
    }

    fn int(&self, value: i64) -> Result<Verdict, Fault> {
        let Bounds::Ints { min, max } = self.bounds else { return Ok(Verdict::Missing) };
        if min <= value && value <= max {
            return Ok(Verdict::Take(value.to_le_bytes()));
        }
        self.beyond(value.clamp(min, max).to_le_bytes(), &value, [&min, &max])
    }

    #[cold]
    fn beyond(
        &self,
        nearest: [u8; 8],
        came: &dyn ToString,
        [min, max]: [&dyn ToString; 2],
    ) -> Result<Verdict, Fault> {
        match self.outside {
            Outside::Error => {
                let (min, max, came) = (min.to_string(), max.to_string(), came.to_string());
                Err(FaultKind::Beyond { min, max, came }.into())
            }
            Outside::Clip => Ok(Verdict::Take(nearest)),
            Outside::Missing => Ok(Verdict::Missing),
            Outside::Drop => Ok(Verdict::Drop),
        }
    }
}

fn held(verdicts: impl Iterator<Item = Result<Verdict, Fault>>) -> Result<Held, Fault> {
    let mut values = SmallVec::new();
    let mut missing = false;
    for verdict in verdicts {
        match verdict? {
            Verdict::Take(value) => values.push(value),
            Verdict::Drop => {}
            // The rest is looked at all the same: an error counts more.
            Verdict::Missing => missing = true,
        }
    }
    Ok(if missing { Held::Missing } else { Held::Values(values) })
}

/// Without bounds, every finite number.
fn float_bounds(range: RangeText) -> Option<Bounds> {
    let float = |bound: Option<Bound>, otherwise| match bound {
        None => otherwise,
        Some(Bound::Int(value)) => value as f64,
        Some(Bound::Float(value)) => value,
    };
    let (min, max) = (float(range.min, f64::MIN), float(range.max, f64::MAX));
    (min <= max).then_some(Bounds::Floats { min, max })
}

fn int_bounds(range: RangeText) -> Option<Bounds> {
    let int = |bound: Option<Bound>, otherwise| match bound {
        None => Some(otherwise),
        Some(Bound::Int(value)) => Some(value),
        Some(Bound::Float(_)) => None,
    };
    let (min, max) = (int(range.min, i64::MIN)?, int(range.max, i64::MAX)?);
    (min <= max).then_some(Bounds::Ints { min, max })
}
