//! A model's compiled features for people and tools: one line each, from what callers send to its place in a tensor.

use super::model::Model;
use crate::features::ops_text::{hash_text, list_text, missing_text, operations};
use crate::features::program::{ColumnForm, Late, Program, Target, Use};
use crate::spec::text::{FeatureText, OpText, TimeUnit};

/// One `[[feature]]` or `[[cross]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramLine {
    /// The feature's name; the names of a cross.
    pub features: Vec<String>,
    /// As in model.toml, with the unit of a timestamp that has another than seconds; of a cross: "cross".
    pub kind: String,
    /// What a list becomes; empty: a scalar.
    pub list: String,
    /// The default as model.toml writes it; none: a row without the feature is refused.
    pub missing: Option<String>,
    /// A phrase each, first to last.
    pub operations: Vec<String>,
    /// Other features of the row that it looks at: those of a cross, the end of an age.
    pub operands: Vec<String>,
    /// The input that takes the result; none: crosses and ages alone use the feature.
    pub tensor: Option<String>,
    /// The first of the input's columns and the one behind the last; none where it has none: in a jagged input.
    pub columns: Option<(usize, usize)>,
    /// Which of the input's lists it is, where a jagged input has several.
    pub key: Option<usize>,
    /// The inputs that tell a padded list's values from its padding.
    pub padding: Vec<String>,
}

impl Model {
    /// The features in the order of the program, then the crosses.
    #[must_use]
    pub fn lines(&self) -> Vec<ProgramLine> {
        let Some(program) = &self.program else { return Vec::new() };
        let uses =
            program.uses.iter().filter_map(|use_| Some(self.feature_line(program, use_, self.entry(use_)?)));
        let crosses = program.late.iter().filter_map(|late| match late {
            Late::Cross { names, target, .. } => Some((names, *target)),
            Late::Age { .. } => None,
        });
        let crosses = crosses.zip(&self.spec.text.cross).map(|((names, target), text)| {
            let Place { tensor, columns, key } = self.place(program, target);
            ProgramLine {
                features: names.clone(),
                operands: names.clone(),
                kind: "cross".to_owned(),
                list: String::new(),
                missing: None,
                operations: vec![hash_text("hash", &text.get_ref().hash)],
                tensor: Some(tensor),
                columns,
                key,
                padding: Vec::new(),
            }
        });
        uses.chain(crosses).collect()
    }

    /// The `[[feature]]` that a use was compiled from.
    pub(super) fn entry(&self, use_: &Use) -> Option<&FeatureText> {
        self.spec.text.feature.get(use_.entry).map(toml::Spanned::get_ref)
    }

    fn feature_line(&self, program: &Program, use_: &Use, text: &FeatureText) -> ProgramLine {
        let unit = if text.unit == Some(TimeUnit::Milliseconds) { "_ms" } else { "" };
        let place = use_.target.map(|target| self.place(program, target));
        ProgramLine {
            features: vec![text.name.clone()],
            kind: format!("{}{unit}", text.kind.name()),
            list: text.list.map_or_else(String::new, list_text),
            missing: missing_text(text),
            operations: operations(text, &use_.pipeline),
            operands: age_until(text).map(str::to_owned).into_iter().collect(),
            columns: place.as_ref().and_then(|place| place.columns),
            key: place.as_ref().and_then(|place| place.key),
            tensor: place.map(|place| place.tensor),
            padding: use_.padding.iter().map(|padding| self.place(program, padding.target).tensor).collect(),
        }
    }

    fn place(&self, program: &Program, target: Target) -> Place {
        let input = program.inputs.iter().position(|columns| columns.contains(&target.column));
        let mut data = self.spec.inputs.iter().filter(|input| input.carries_data());
        let tensor =
            input.and_then(|place| data.nth(place)).map_or_else(String::new, |input| input.name.clone());
        let form = program.columns.get(target.column).map(|plan| &plan.form);
        if matches!(form, Some(ColumnForm::Jagged { .. })) {
            let keys = input.and_then(|place| program.inputs.get(place)).filter(|keys| keys.len() > 1);
            let key = keys.and_then(|keys| keys.iter().position(|column| *column == target.column));
            return Place { tensor, columns: None, key };
        }
        Place { tensor, columns: Some((target.offset, target.offset + target.width)), key: None }
    }
}

/// Where a result goes.
struct Place {
    tensor: String,
    columns: Option<(usize, usize)>,
    key: Option<usize>,
}

/// The feature that ends the age that an operation takes.
pub(super) fn age_until(text: &FeatureText) -> Option<&str> {
    text.ops
        .iter()
        .find_map(|op| if let OpText::Age { until, .. } = op { Some(until.as_str()) } else { None })
}
