//! The tensors that features fill: which elements of an input's rows each feature takes.

use super::list_form::ListForm;
use super::padding::Padding;
use super::pipeline::Element;
use super::program::{ColumnForm, ColumnPlan, Target, WeightsOf};
use crate::spec::InputSpec;
use crate::spec::error::{Fault, nearest};
use crate::spec::inputs::{PaddingPart, Role};
use crate::spec::text::Keep;

/// The inputs that carry data, in order, while features take their elements.
pub(super) struct Layout {
    drafts: Vec<Draft>,
    /// Columns so far: one for each draft, and the further ones of jagged inputs.
    columns: usize,
}

struct Draft {
    name: String,
    element: Element,
    dims: Option<Vec<i64>>,
    role: Role,
    per_request: bool,
    /// Whether another input tells this one's padding from its values.
    has_padding: bool,
    /// Elements of a row so far.
    width: usize,
    /// The features of a jagged input.
    jagged: Vec<Lists>,
}

/// One jagged feature's lists.
struct Lists {
    feature: String,
    column: usize,
    max: usize,
    keep: Keep,
}

/// The columns of row blocks, and how inputs are made of them.
pub(super) struct Finished {
    pub columns: Vec<ColumnPlan>,
    pub inputs: Vec<Vec<usize>>,
    pub weights: Vec<WeightsOf>,
}

impl Layout {
    pub fn new(inputs: &[InputSpec]) -> Result<Self, Fault> {
        let drafts = inputs.iter().filter(|input| input.carries_data()).map(|input| {
            let element = Element::of(input.datatype).ok_or_else(|| {
                Fault::new(format!(
                    "input `{}` has datatype {}, which features cannot fill; use FP32, FP64, FP16, BF16, INT64, INT32 or BOOL",
                    input.name,
                    input.datatype.name()
                ))
            })?;
            let is_told =
                |other: &InputSpec| matches!(&other.role, Role::Padding { of, .. } if *of == input.name);
            Ok::<_, Fault>(Draft {
                name: input.name.clone(),
                element,
                dims: input.dims.clone(),
                role: input.role.clone(),
                per_request: input.per_request,
                has_padding: inputs.iter().any(is_told),
                width: 0,
                jagged: Vec::new(),
            })
        });
        let drafts = drafts.collect::<Result<Vec<_>, _>>()?;
        let columns = drafts.len();
        Ok(Self { drafts, columns })
    }

    fn place(&self, to: &str) -> Result<usize, Fault> {
        let takes = |draft: &&Draft| !matches!(draft.role, Role::Padding { .. });
        self.drafts.iter().position(|draft| draft.name == to && takes(&draft)).ok_or_else(|| {
            let names = self.drafts.iter().filter(takes).map(|draft| draft.name.as_str());
            let hint =
                nearest(to, names).map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
            Fault::new(format!("`to = \"{to}\"` names no [[input]] that features can fill{hint}"))
        })
    }

    /// The element type of the input `to`.
    pub fn element(&self, to: &str) -> Result<Element, Fault> {
        let place = self.place(to)?;
        Ok(self.drafts[place].element)
    }

    /// Whether a request may have the input `to` once.
    pub fn is_per_request(&self, to: &str) -> bool {
        self.drafts.iter().any(|draft| draft.name == to && draft.per_request)
    }

    /// Takes the next elements of each row of the input, or the next lists of a jagged one. `width` is how many where the
    /// form does not say.
    pub fn take(
        &mut self,
        to: &str,
        feature: &str,
        form: &ListForm,
        width: Option<usize>,
    ) -> Result<Target, Fault> {
        let column = self.place(to)?;
        let draft = &mut self.drafts[column];
        let refuse = |why: &str| Err(Fault::new(format!("feature `{feature}` cannot go to `{to}`: {why}")));
        if draft.has_padding && (draft.width > 0 || !matches!(form, ListForm::Padded { .. })) {
            return refuse(
                "an input that another has as lengths_of or mask_of takes exactly one padded list, or jagged ones and lengths_of",
            );
        }
        let width = match form {
            ListForm::Jagged { max, keep } if draft.width == 0 => {
                let column = if draft.jagged.is_empty() { column } else { self.columns };
                self.columns += usize::from(!draft.jagged.is_empty());
                draft.jagged.push(Lists { feature: feature.to_owned(), column, max: *max, keep: *keep });
                return Ok(Target { column, offset_bytes: 0, offset: 0, width: 0 });
            }
            _ if !draft.jagged.is_empty() || matches!(form, ListForm::Jagged { .. }) => {
                return refuse("an input takes jagged lists or none");
            }
            ListForm::Fixed { length } => width.unwrap_or(*length),
            ListForm::Padded { max, .. } => *max,
            _ => width.unwrap_or(1),
        };
        let offset = draft.width;
        draft.width += width;
        Ok(Target { column, offset_bytes: offset * draft.element.size_bytes(), offset, width })
    }

    /// Takes the tensors that tell the padding of the list in the input `to`, `max` columns wide, from its values.
    pub fn take_padding(&mut self, to: &str, max: usize) -> Box<[Padding]> {
        let padding = self.drafts.iter_mut().enumerate().filter_map(|(column, draft)| {
            let Role::Padding { part, of } = &draft.role else { return None };
            if of != to {
                return None;
            }
            draft.width = match part {
                PaddingPart::Lengths => 1,
                PaddingPart::Mask => max,
            };
            let target = Target { column, offset_bytes: 0, offset: 0, width: draft.width };
            Some(Padding { part: *part, element: draft.element, target })
        });
        padding.collect()
    }

    /// How the tensors are laid out once every feature has taken its elements.
    pub fn finish(self, inputs: &[InputSpec]) -> Result<Finished, Fault> {
        let weights = self.weights()?;
        let weighed = |column: usize| {
            weights.iter().any(|pair: &WeightsOf| pair.weights == column || pair.values == column)
        };
        let (mut columns, mut further) = (Vec::new(), Vec::new());
        for (place, draft) in self.drafts.iter().enumerate() {
            check_lists(inputs, draft)?;
            let plan = |form| ColumnPlan { form, per_request: draft.per_request };
            let Some((_, more)) = draft.jagged.split_first() else {
                columns.push(plan(fixed_form(draft)?));
                continue;
            };
            columns.push(plan(ColumnForm::Jagged { weighed: weighed(place) }));
            let jagged = |lists: &Lists| ColumnForm::Jagged { weighed: weighed(lists.column) };
            further.extend(more.iter().map(|lists| (lists.column, plan(jagged(lists)))));
        }
        further.sort_by_key(|(column, _)| *column);
        columns.extend(further.into_iter().map(|(_, plan)| plan));
        let of_draft = |(place, draft): (usize, &Draft)| match draft.jagged.as_slice() {
            [] => vec![place],
            lists => lists.iter().map(|lists| lists.column).collect(),
        };
        let inputs = self.drafts.iter().enumerate().map(of_draft).collect();
        Ok(Finished { columns, inputs, weights })
    }

    /// The columns that weigh others, feature by feature.
    fn weights(&self) -> Result<Vec<WeightsOf>, Fault> {
        let mut pairs = Vec::new();
        for draft in &self.drafts {
            let Role::Weights { of } = &draft.role else { continue };
            let name = &draft.name;
            let values = &self.drafts[self.place(of)?];
            if draft.jagged.is_empty() || draft.jagged.len() != values.jagged.len() {
                return Err(Fault::new(format!(
                    "input `{name}` weighs `{of}`, so it needs as many jagged features, in the same order: \
                     {}, not {}",
                    values.jagged.len(),
                    draft.jagged.len()
                )));
            }
            for (weights, values) in draft.jagged.iter().zip(&values.jagged) {
                if (weights.max, weights.keep) != (values.max, values.keep) {
                    return Err(Fault::new(format!(
                        "feature `{}` weighs `{}`, so their lists need the same max and keep",
                        weights.feature, values.feature
                    )));
                }
                pairs.push(WeightsOf {
                    weights: weights.column,
                    values: values.column,
                    weights_feature: weights.feature.clone(),
                    values_feature: values.feature.clone(),
                });
            }
        }
        Ok(pairs)
    }
}

fn fixed_form(draft: &Draft) -> Result<ColumnForm, Fault> {
    let Draft { name, element, dims, role, width, .. } = draft;
    let full = match role {
        Role::Padding { part, of } if *width == 0 => {
            return Err(Fault::new(format!(
                "input `{name}` has {} = \"{of}\", but no padded list goes to `{of}`",
                part.key()
            )));
        }
        _ if *width == 0 => {
            return Err(Fault::new(format!(
                "input `{name}` is filled by no feature; name it in some feature's `to`"
            )));
        }
        Role::Padding { part: PaddingPart::Lengths, .. } => Vec::new(),
        _ => vec![*width as i64],
    };
    let dims = match dims {
        None => full,
        Some(dims) if *dims == full || (dims.is_empty() && *width == 1) => dims.clone(),
        Some(dims) => {
            return Err(Fault::new(format!(
                "input `{name}` has dims = {dims:?}, but its features fill {width} columns; write dims = [{width}] or leave it out"
            )));
        }
    };
    Ok(ColumnForm::Fixed { row_bytes: width * element.size_bytes(), dims })
}

/// A jagged input has offsets or lengths and no dims, and those belong to a jagged input.
fn check_lists(inputs: &[InputSpec], draft: &Draft) -> Result<(), Fault> {
    let name = &draft.name;
    let divided = inputs.iter().find(|other| other.lists_of() == Some(name));
    match (draft.jagged.is_empty(), divided) {
        (false, _) if draft.dims.is_some() => {
            Err(Fault::new(format!("input `{name}` is jagged, so dims must be left out")))
        }
        (false, None) if draft.role == Role::Values => Err(Fault::new(format!(
            "input `{name}` is jagged, so another [[input]] must have offsets_of or lengths_of = \"{name}\""
        ))),
        (true, Some(input)) => Err(Fault::new(format!(
            "input `{name}` is not jagged, so `{}` cannot have offsets_of = \"{name}\"",
            input.name
        ))),
        _ => Ok(()),
    }
}
