//! What a feature's list becomes in a tensor: padded, jagged or of one length.

use super::number::Number;
use super::pipeline::Element;
use super::program::{FieldShape, MAX_LIST};
use crate::spec::error::Fault;
use crate::spec::text::{FeatureText, Keep, ListText};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListForm {
    Scalar,
    Fixed {
        length: usize,
    },
    /// A list of any length whose values operations take together.
    Together {
        max: usize,
        keep: Keep,
    },
    /// `pad` is the element that fills up short lists.
    Padded {
        max: usize,
        keep: Keep,
        pad: Box<[u8]>,
    },
    Jagged {
        max: usize,
        keep: Keep,
    },
}

impl ListForm {
    /// What callers may send for it.
    #[must_use]
    pub fn shape(&self) -> FieldShape {
        match self {
            Self::Scalar => FieldShape::Scalar,
            Self::Fixed { length } => FieldShape::Fixed(*length),
            Self::Together { .. } | Self::Padded { .. } | Self::Jagged { .. } => FieldShape::List,
        }
    }

    /// `together`: an operation takes the list's values together.
    pub(super) fn of(text: &FeatureText, element: Element, together: bool) -> Result<Self, Fault> {
        let Some(list) = text.list else { return Ok(Self::Scalar) };
        let name = &text.name;
        let size = |what: &str, value: Option<u32>| match value.map(|value| value as usize) {
            Some(value) if value == 0 || value > MAX_LIST => Err(Fault::new(format!(
                "feature `{name}` has list.{what} = {value}; it must be 1 to {MAX_LIST}"
            ))),
            value => Ok(value),
        };
        let (max, length) = (size("max", list.max)?, size("length", list.length)?);
        if together && (list.jagged || list.pad.is_some()) {
            return Err(Fault::new(format!(
                "feature `{name}` has a list whose values an operation takes together, so it can be neither jagged nor padded; write {{}}, {{ max, keep }} or {{ length }}"
            )));
        }
        match (list, max, length) {
            (ListText { keep, .. }, max, None) if together => {
                Ok(Self::Together { max: max.unwrap_or(MAX_LIST), keep })
            }
            (ListText { jagged: true, pad: None, length: None, keep, .. }, max, None) => {
                Ok(Self::Jagged { max: max.unwrap_or(MAX_LIST), keep })
            }
            (ListText { jagged: false, pad: None, max: None, .. }, None, Some(length)) => {
                Ok(Self::Fixed { length })
            }
            (ListText { jagged: false, pad, keep, .. }, Some(max), None) => {
                let pad = pad_element(text, pad.unwrap_or(0.0), element)?;
                Ok(Self::Padded { max, keep, pad })
            }
            _ => Err(Fault::new(format!(
                "feature `{name}` has a list that is none of {{ max, keep, pad }}, {{ jagged = true, max, keep }} and {{ length }}"
            ))),
        }
    }
}

/// `pad` as the tensor holds it.
fn pad_element(text: &FeatureText, pad: f64, element: Element) -> Result<Box<[u8]>, Fault> {
    let name = &text.name;
    let number = if element.is_integer() {
        let whole = integer(pad).ok_or_else(|| {
            Fault::new(format!("feature `{name}` has list.pad = {pad}, which an integer input cannot take"))
        })?;
        Number::Int(whole)
    } else {
        Number::Float(pad)
    };
    let mut bytes = vec![0; element.size_bytes()];
    element
        .write(number, &mut bytes)
        .map_err(|kind| Fault::new(format!("feature `{name}`: list.pad {kind}")))?;
    Ok(bytes.into())
}

/// The integer that a number of the file is, where a float holds it exactly.
#[allow(clippy::cast_possible_truncation, reason = "whole, and far inside 64 bits")]
pub(super) fn integer(number: f64) -> Option<i64> {
    const LARGEST: f64 = 9_007_199_254_740_992.0;
    (number.fract() == 0.0 && number.abs() <= LARGEST).then_some(number as i64)
}
