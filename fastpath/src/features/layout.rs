//! The tensors that features fill: which elements of an input's rows each feature takes.

use super::list_form::ListForm;
use super::padding::Padding;
use super::pipeline::Element;
use super::program::{ColumnPlan, Target};
use crate::spec::InputSpec;
use crate::spec::error::{Fault, nearest};
use crate::spec::model::{PaddingOf, PaddingPart};

/// The inputs that carry data, in order, while features take their elements.
pub(super) struct Layout(Vec<ColumnDraft>);

struct ColumnDraft {
    name: String,
    element: Element,
    dims: Option<Vec<i64>>,
    /// Elements of a row so far.
    width: usize,
    jagged_by: Option<String>,
    /// The input whose padding this one tells from its values.
    padding_of: Option<PaddingOf>,
    /// Whether another input tells this one's padding.
    has_padding: bool,
}

impl Layout {
    pub fn new(inputs: &[InputSpec]) -> Result<Self, Fault> {
        let columns = inputs.iter().filter(|input| input.offsets_of.is_none()).map(|input| {
            let element = Element::of(input.datatype).ok_or_else(|| {
                Fault::new(format!(
                    "input `{}` has datatype {}, which features cannot fill; use FP32, FP64, FP16, BF16, INT64, INT32 or BOOL",
                    input.name,
                    input.datatype.name()
                ))
            })?;
            let is_told = |other: &InputSpec| {
                other.padding_of.as_ref().is_some_and(|padding| padding.input == input.name)
            };
            Ok::<_, Fault>(ColumnDraft {
                name: input.name.clone(),
                element,
                dims: input.dims.clone(),
                width: 0,
                jagged_by: None,
                padding_of: input.padding_of.clone(),
                has_padding: inputs.iter().any(is_told),
            })
        });
        columns.collect::<Result<_, _>>().map(Self)
    }

    fn place(&self, to: &str) -> Result<usize, Fault> {
        let takes = |column: &&ColumnDraft| column.padding_of.is_none();
        self.0.iter().position(|column| column.name == to && takes(&column)).ok_or_else(|| {
            let names = self.0.iter().filter(takes).map(|column| column.name.as_str());
            let hint =
                nearest(to, names).map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
            Fault::new(format!("`to = \"{to}\"` names no [[input]] that features can fill{hint}"))
        })
    }

    /// The element type of the input `to`.
    pub fn element(&self, to: &str) -> Result<Element, Fault> {
        let place = self.place(to)?;
        Ok(self.0[place].element)
    }

    /// Takes the next elements of each row of the input, or the whole of a jagged one. `width` is how many where the form
    /// does not say.
    pub fn take(
        &mut self,
        to: &str,
        feature: &str,
        form: &ListForm,
        width: Option<usize>,
    ) -> Result<Target, Fault> {
        let column = self.place(to)?;
        let draft = &mut self.0[column];
        let taken = draft.jagged_by.is_some() || (draft.width > 0 && matches!(form, ListForm::Jagged { .. }));
        if taken {
            return Err(Fault::new(format!(
                "feature `{feature}` cannot go to `{to}`: a jagged input takes exactly one feature"
            )));
        }
        if draft.has_padding && (draft.width > 0 || !matches!(form, ListForm::Padded { .. })) {
            return Err(Fault::new(format!(
                "feature `{feature}` cannot go to `{to}`: an input that another has as lengths_of or mask_of takes exactly one padded list"
            )));
        }
        let width = match form {
            ListForm::Jagged { .. } => {
                draft.jagged_by = Some(feature.to_owned());
                0
            }
            ListForm::Fixed { length } => width.unwrap_or(*length),
            ListForm::Padded { max, .. } => *max,
            ListForm::Scalar | ListForm::Together { .. } => width.unwrap_or(1),
        };
        let offset = draft.width;
        draft.width += width;
        Ok(Target { column, offset_bytes: offset * draft.element.size_bytes(), offset, width })
    }

    /// Takes the tensors that tell the padding of the list in the input `to`, `max` columns wide, from its values.
    pub fn take_padding(&mut self, to: &str, max: usize) -> Box<[Padding]> {
        let padding = self.0.iter_mut().enumerate().filter_map(|(column, draft)| {
            let part = draft.padding_of.as_ref().filter(|padding| padding.input == to)?.part;
            draft.width = match part {
                PaddingPart::Lengths => 1,
                PaddingPart::Mask => max,
            };
            let target = Target { column, offset_bytes: 0, offset: 0, width: draft.width };
            Some(Padding { part, element: draft.element, target })
        });
        padding.collect()
    }

    /// How the tensors are laid out once every feature has taken its elements.
    pub fn finish(self, inputs: &[InputSpec]) -> Result<Vec<ColumnPlan>, Fault> {
        let columns = self.0.iter().map(column_plan).collect::<Result<Vec<_>, _>>()?;
        check_offsets(inputs, &columns)?;
        Ok(columns)
    }
}

fn column_plan(column: &ColumnDraft) -> Result<ColumnPlan, Fault> {
    let ColumnDraft { name, element, dims, width, jagged_by, padding_of, .. } = column;
    if jagged_by.is_some() {
        return match dims {
            None => Ok(ColumnPlan::Jagged),
            Some(_) => Err(Fault::new(format!("input `{name}` is jagged, so dims must be left out"))),
        };
    }
    if let Some(PaddingOf { part, input }) = padding_of {
        let dims = match part {
            PaddingPart::Lengths => Vec::new(),
            PaddingPart::Mask => vec![*width as i64],
        };
        return if *width > 0 {
            Ok(ColumnPlan::Fixed { row_bytes: width * element.size_bytes(), dims })
        } else {
            Err(Fault::new(format!(
                "input `{name}` has {} = \"{input}\", but no padded list goes to `{input}`",
                part.key()
            )))
        };
    }
    if *width == 0 {
        return Err(Fault::new(format!(
            "input `{name}` is filled by no feature; name it in some feature's `to`"
        )));
    }
    let full = vec![*width as i64];
    let dims = match dims {
        None => full,
        Some(dims) if *dims == full || (dims.is_empty() && *width == 1) => dims.clone(),
        Some(dims) => {
            return Err(Fault::new(format!(
                "input `{name}` has dims = {dims:?}, but its features fill {width} columns; write dims = [{width}] or leave it out"
            )));
        }
    };
    Ok(ColumnPlan::Fixed { row_bytes: width * element.size_bytes(), dims })
}

/// Every jagged input has offsets, and offsets belong to a jagged input.
fn check_offsets(inputs: &[InputSpec], columns: &[ColumnPlan]) -> Result<(), Fault> {
    let data = inputs.iter().filter(|input| input.offsets_of.is_none());
    for (input, plan) in data.zip(columns) {
        let offsets = inputs.iter().filter(|other| other.offsets_of.as_ref() == Some(&input.name)).count();
        match (plan, offsets) {
            (ColumnPlan::Jagged, 1) | (ColumnPlan::Fixed { .. }, 0) => {}
            (ColumnPlan::Jagged, _) => {
                return Err(Fault::new(format!(
                    "input `{0}` is jagged, so exactly one other [[input]] must have offsets_of = \"{0}\"",
                    input.name
                )));
            }
            (ColumnPlan::Fixed { .. }, _) => {
                return Err(Fault::new(format!(
                    "input `{0}` is not jagged, so no input can have offsets_of = \"{0}\"",
                    input.name
                )));
            }
        }
    }
    Ok(())
}
