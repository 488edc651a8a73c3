//! One row through the feature program, operation by operation, down to the bits in its tensors.

use super::model::Model;
use super::probe::Probes;
pub use super::probe::Values;
use crate::features::program::{Late, Program, Target, Use};
use crate::features::{Column, RowBlock, RowsError};
use crate::spec::text::{FeatureText, OpText};
use crate::wire::predict_request::PredictRequest;

/// What one line of the program made of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct LineTrace {
    /// Whether the default stood in for a feature that the row lacks.
    pub defaulted: bool,
    /// Before any operation; none of text, which no tensor holds, and of a cross.
    pub received: Option<Values>,
    /// Behind each operation.
    pub stages: Vec<Stage>,
    /// What the row has in the tensor, little-endian, in the input's datatype; none where the line fills no tensor.
    pub element: Option<Vec<u8>>,
    /// Likewise in each tensor that tells the list's values from its padding.
    pub padding: Vec<Vec<u8>>,
}

/// What an operation gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    pub values: Values,
    /// What is to be said of a value, such as "unknown"; empty where nothing is.
    pub marks: Vec<&'static str>,
}

impl Model {
    /// The only row of a request, a trace for each of `lines`. Refused exactly as the server refuses it.
    ///
    /// Costs a compilation for each operation, with its vocabulary.
    pub fn explain(&self, request: &PredictRequest<'_>) -> Result<Vec<LineTrace>, RowsError> {
        let block = self.decode_predict(request, 1)?;
        let Some(program) = &self.program else { return Ok(Vec::new()) };
        let probes = Probes { model: self, request };
        let mut lines = Vec::new();
        for use_ in &program.uses {
            let Some(text) = self.entry(use_) else { continue };
            lines.push(feature(&probes, use_, text, &block)?);
        }
        lines.extend(self.crosses(&probes, program, &block)?);
        Ok(lines)
    }

    fn crosses(
        &self,
        probes: &Probes<'_, '_>,
        program: &Program,
        block: &RowBlock,
    ) -> Result<Vec<LineTrace>, RowsError> {
        let targets = program.late.iter().filter_map(|late| match late {
            Late::Cross { target, pipeline, .. } => Some((*target, pipeline.element.size_bytes())),
            Late::Age { .. } => None,
        });
        let mut lines = Vec::new();
        for ((target, size), text) in targets.zip(&self.spec.text.cross) {
            let id = probes.cross(text.get_ref())?;
            let stages = id.map(|values| Stage { marks: vec![""; 1], values }).into_iter().collect();
            let element = Some(bytes(block, target, size));
            lines.push(LineTrace { defaulted: false, received: None, stages, element, padding: Vec::new() });
        }
        Ok(lines)
    }
}

fn feature(
    probes: &Probes<'_, '_>,
    use_: &Use,
    text: &FeatureText,
    block: &RowBlock,
) -> Result<LineTrace, RowsError> {
    let defaulted = !probes.is_given(text)?;
    let received = probes.after(&FeatureText { range: None, ..text.clone() }, 0)?;
    let mut before = received.clone();
    let mut stages = Vec::new();
    if text.range.is_some()
        && let Some(values) = probes.after(text, 0)?
    {
        let marks = marks_of_range(before.as_ref(), &values);
        before = Some(values.clone());
        stages.push(Stage { values, marks });
    }
    for (place, op) in text.ops.iter().enumerate() {
        let Some(values) = probes.after(text, place + 1)? else { continue };
        let marks = marks(op, use_, before.as_ref(), &values);
        before = Some(values.clone());
        stages.push(Stage { values, marks });
    }
    let element = use_.target.map(|target| bytes(block, target, use_.pipeline.element.size_bytes()));
    let padding = use_.padding.iter();
    let padding = padding.map(|padding| bytes(block, padding.target, padding.element.size_bytes())).collect();
    Ok(LineTrace { defaulted, received, stages, element, padding })
}

/// Where a range put in another value.
fn marks_of_range(before: Option<&Values>, after: &Values) -> Vec<&'static str> {
    let same = |place| before.is_none_or(|before| before.number(place) == after.number(place));
    (0..after.len()).map(|place| if same(place) { "" } else { "was outside" }).collect()
}

/// What is to be said of each value that an operation gave.
fn marks(op: &OpText, use_: &Use, before: Option<&Values>, after: &Values) -> Vec<&'static str> {
    let mark = |is: &dyn Fn(usize) -> bool, mark| {
        (0..after.len()).map(|place| if is(place) { mark } else { "" }).collect()
    };
    match op {
        OpText::Vocab { .. } => {
            let known = use_.pipeline.known_values().unwrap_or(usize::MAX);
            mark(
                &|place| after.id(place).is_some_and(|id| usize::try_from(id).is_ok_and(|id| id >= known)),
                "unknown",
            )
        }
        // A default, or the nearer end.
        OpText::Identity { .. } => {
            mark(&|place| before.is_some_and(|before| before.number(place) != after.number(place)), "unknown")
        }
        OpText::OneHot { .. } => {
            let unknown = (0..after.len()).all(|place| after.id(place) == Some(0));
            mark(&|_| unknown, "unknown")
        }
        OpText::Clip { .. } => {
            mark(&|place| before.is_some_and(|before| before.number(place) != after.number(place)), "clipped")
        }
        OpText::Log1p {}
        | OpText::SignedLog {}
        | OpText::Scale { .. }
        | OpText::Standardize { .. }
        | OpText::MinMax { .. }
        | OpText::Power { .. }
        | OpText::Quantile { .. }
        | OpText::Cast { .. }
        | OpText::Bucketize { .. }
        | OpText::Hash(_)
        | OpText::Offset { .. }
        | OpText::Table { .. }
        | OpText::Hour {}
        | OpText::Weekday {}
        | OpText::Day {}
        | OpText::Month {}
        | OpText::Cycle { .. }
        | OpText::Age { .. }
        | OpText::Sum {}
        | OpText::Mean { .. }
        | OpText::Max { .. }
        | OpText::Min { .. }
        | OpText::Length {}
        | OpText::L2Normalize { .. }
        | OpText::FeatureHasher { .. } => vec![""; after.len()],
    }
}

impl Values {
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Ints(values) => values.len(),
            Self::Floats(values) => values.len(),
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn id(&self, place: usize) -> Option<i64> {
        if let Self::Ints(values) = self { values.get(place).copied() } else { None }
    }

    /// The bits of a value as a float, so that a NaN equals itself.
    fn number(&self, place: usize) -> Option<u64> {
        match self {
            Self::Ints(values) => values.get(place).map(|value| (*value as f64).to_bits()),
            Self::Floats(values) => values.get(place).map(|value| value.to_bits()),
        }
    }
}

/// What the only row of a block has at the target; all of a jagged list.
fn bytes(block: &RowBlock, target: Target, size: usize) -> Vec<u8> {
    match block.columns.get(target.column) {
        Some(Column::Fixed { data, .. }) => {
            let from = target.offset_bytes;
            data.get(from..from + target.width * size).unwrap_or_default().to_vec()
        }
        Some(Column::Jagged { values, .. }) => values.clone(),
        None => Vec::new(),
    }
}
