//! The arguments of `forward`, checked: what each holds, and which of them belong together.

use super::error::{Fault, nearest};
use super::model::{check_dims, check_name, tensor_datatype};
use super::text::{InputText, ModelText, Per};
use crate::wire::Datatype;
use crate::wire::infer_request::MAX_TENSORS;

/// One argument of `forward`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputSpec {
    pub name: String,
    pub datatype: Datatype,
    /// The shape of one row as written; none where features decide.
    pub dims: Option<Vec<i64>>,
    pub role: Role,
    /// Whether a request that shares its values among its rows has them once.
    pub per_request: bool,
}

/// What an input holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// What features, or callers, fill it with.
    Values,
    /// Jagged features that go with those of another input, value for value.
    Weights { of: String },
    /// Where each list of a jagged input begins, and with `include_last` where the last one ends.
    Offsets { of: String, include_last: bool },
    /// How many values each list of a jagged input has.
    Lengths { of: String },
    /// What tells the values of a padded list from its padding.
    Padding { part: PaddingPart, of: String },
    /// For each row, the place of its request in the inputs that a request has once.
    RequestIndex,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaddingPart {
    /// How many values each row has, without padding.
    Lengths,
    /// 1 where a value is, 0 where padding is.
    Mask,
}

impl PaddingPart {
    /// The key in model.toml.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Lengths => "lengths_of",
            Self::Mask => "mask_of",
        }
    }
}

impl InputSpec {
    /// Whether row blocks have a column for it.
    #[must_use]
    pub fn carries_data(&self) -> bool {
        matches!(self.role, Role::Values | Role::Weights { .. } | Role::Padding { .. })
    }

    /// The jagged input that this one divides into lists.
    #[must_use]
    pub fn lists_of(&self) -> Option<&str> {
        match &self.role {
            Role::Offsets { of, .. } | Role::Lengths { of } => Some(of),
            _ => None,
        }
    }

    /// The key of the file that names another input, and that name.
    fn reference(&self) -> Option<(&'static str, &str)> {
        match &self.role {
            Role::Weights { of } => Some(("weights_of", of)),
            Role::Offsets { of, .. } => Some(("offsets_of", of)),
            Role::Lengths { of } => Some(("lengths_of", of)),
            Role::Padding { part, of } => Some((part.key(), of)),
            Role::Values | Role::RequestIndex => None,
        }
    }
}

pub(super) fn checked_inputs(text: &ModelText) -> Result<Vec<InputSpec>, Fault> {
    if text.input.is_empty() || text.input.len() > MAX_TENSORS {
        return Err(Fault::new(format!(
            "the file has {} [[input]] tables; forward's arguments need 1 to {MAX_TENSORS}",
            text.input.len()
        )));
    }
    let mut inputs: Vec<InputSpec> = Vec::new();
    for input in &text.input {
        let offset = input.span().start;
        let input = checked_input(input.get_ref(), text).map_err(|fault| fault.at(offset))?;
        if inputs.iter().any(|other| other.name == input.name) {
            return Err(Fault::new(format!("input `{}` is there twice", input.name)).at(offset));
        }
        inputs.push(input);
    }
    for (place, input) in text.input.iter().enumerate() {
        let per_request = check_relations(&inputs, place).map_err(|fault| fault.at(input.span().start))?;
        if let Some(input) = inputs.get_mut(place) {
            input.per_request = per_request;
        }
    }
    Ok(inputs)
}

/// Checks that what an input refers to is there; gives whether a request has it once.
fn check_relations(inputs: &[InputSpec], place: usize) -> Result<bool, Fault> {
    let Some(input) = inputs.get(place) else { return Ok(false) };
    let indexed = inputs.iter().any(|other| other.role == Role::RequestIndex);
    if input.per_request && !indexed {
        return Err(Fault::new(format!(
            "input `{}` has per = \"request\", so some [[input]] must have holds = \"request_index\": \
             a batch may hold several requests",
            input.name
        )));
    }
    if input.role == Role::RequestIndex && !inputs.iter().any(|other| other.per_request) {
        return Err(Fault::new(format!(
            "input `{}` holds the request index, but no [[input]] has per = \"request\"",
            input.name
        )));
    }
    let Some((key, of)) = input.reference() else { return Ok(input.per_request) };
    let values = inputs.iter().filter(|other| other.role == Role::Values);
    let found = values.clone().find(|other| other.name == of);
    found.map(|found| found.per_request).ok_or_else(|| {
        let hint = nearest(of, values.map(|other| other.name.as_str()))
            .map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
        Fault::new(format!("input `{}` has {key} = `{of}`, but there is no such input{hint}", input.name))
    })
}

fn checked_input(input: &InputText, text: &ModelText) -> Result<InputSpec, Fault> {
    let name = &input.name;
    check_name("an input's name", name)?;
    let datatype = tensor_datatype(name, &input.datatype)?;
    if let Some(dims) = &input.dims {
        check_dims(name, dims)?;
    }
    let (role, key) = role(input, text)?;
    if text.feature.is_empty() {
        check_without_features(input, key)?;
    }
    let what = match role {
        Role::Values | Role::Weights { .. } | Role::Padding { part: PaddingPart::Mask, .. } => None,
        Role::Offsets { .. } => Some("offsets"),
        Role::Lengths { .. } | Role::Padding { part: PaddingPart::Lengths, .. } => Some("lengths"),
        Role::RequestIndex => Some("the request index"),
    };
    let integers = matches!(datatype, Datatype::Int64 | Datatype::Int32);
    if let Some(what) = what.filter(|_| !integers || input.dims.is_some()) {
        return Err(Fault::new(format!(
            "input `{name}` holds {what}, so its datatype must be INT64 or INT32 and dims must be left out"
        )));
    }
    if matches!(role, Role::Padding { .. }) && input.dims.is_some() {
        return Err(Fault::new(format!("input `{name}` has mask_of, so dims must be left out")));
    }
    if let (Some(key), Some(_)) = (key, input.per) {
        return Err(Fault::new(format!(
            "input `{name}` has {key} and per; it follows the inputs that it belongs to, so leave per out"
        )));
    }
    let per_request = input.per == Some(Per::Request);
    Ok(InputSpec { name: name.clone(), datatype, dims: input.dims.clone(), role, per_request })
}

/// What the input holds, and the key that says so.
fn role(input: &InputText, text: &ModelText) -> Result<(Role, Option<&'static str>), Fault> {
    let name = &input.name;
    let include_last = input.include_last.unwrap_or(true);
    let of = |of: &Option<String>| of.clone();
    let mut roles = [
        of(&input.offsets_of).map(|of| (Role::Offsets { of, include_last }, Some("offsets_of"))),
        of(&input.lengths_of).map(|of| (lengths(of, text), Some("lengths_of"))),
        of(&input.mask_of).map(|of| (Role::Padding { part: PaddingPart::Mask, of }, Some("mask_of"))),
        of(&input.weights_of).map(|of| (Role::Weights { of }, Some("weights_of"))),
        input.holds.map(|_| (Role::RequestIndex, Some("holds"))),
    ]
    .into_iter()
    .flatten();
    let found = roles.next().unwrap_or((Role::Values, None));
    if let (Some(first), Some((_, Some(second)))) = (found.1, roles.next()) {
        return Err(Fault::new(format!("input `{name}` has {first} and {second}; it can hold one thing")));
    }
    if input.include_last.is_some() && input.offsets_of.is_none() {
        return Err(Fault::new(format!("input `{name}` has include_last, which only offsets have")));
    }
    Ok(found)
}

/// Lengths of jagged lists, where such a feature goes to the input, else of padded ones.
fn lengths(of: String, text: &ModelText) -> Role {
    let features = text.feature.iter().map(toml::Spanned::get_ref);
    let mut to_it = features.filter(|feature| feature.to.as_ref() == Some(&of));
    if to_it.any(|feature| feature.list.is_some_and(|list| list.jagged)) {
        return Role::Lengths { of };
    }
    Role::Padding { part: PaddingPart::Lengths, of }
}

fn check_without_features(input: &InputText, key: Option<&'static str>) -> Result<(), Fault> {
    let name = &input.name;
    if let Some(key) = key {
        let needs = match key {
            "holds" => "features",
            "mask_of" => "a padded list feature",
            "lengths_of" => "a jagged or padded list feature",
            _ => "a jagged feature",
        };
        return Err(Fault::new(format!("input `{name}` has {key}, which needs {needs}")));
    }
    if input.per == Some(Per::Request) {
        return Err(Fault::new(format!(
            "input `{name}` has per = \"request\", which needs features: a context carries them"
        )));
    }
    if input.dims.is_none() {
        return Err(Fault::new(format!(
            "input `{name}` needs dims, the shape of one row, because the model has no features"
        )));
    }
    Ok(())
}
