//! One pass over the training rows: what the operations that are to be fitted next would get to see.
//!
//! The pass runs a program of its own, compiled from the same features: each chain ends before the operation that
//! is to be fitted, in a column of 64-bit floats, or in a tally where that operation is a vocabulary.

use std::sync::Arc;

use super::moments::Moments;
use super::table::{Rows, Table};
use super::work::{Stopped, Work};
use crate::features::fault::RowsError;
use crate::features::fitted::takes_rows;
use crate::features::pipeline::Head;
use crate::features::rows::Column;
use crate::features::tally::{Counts, Tally};
use crate::features::{Program, RowBlock, compile_probe};
use crate::spec::error::Fault;
use crate::spec::text::{ListText, OpText};
use crate::spec::{InputSpec, ModelSpec, Role};
use crate::wire::Datatype;

/// Where to look, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Probe {
    pub feature: usize,
    pub op: usize,
    pub need: Need,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Moments,
    /// Every number, in order of size.
    Values,
    /// How often each value is there.
    Counts,
}

/// What was seen at a probe.
#[derive(Debug)]
pub(super) enum Seen {
    Moments(Moments),
    Values(Vec<f64>),
    Counts(Counts),
}

/// Why a pass ended.
pub(super) enum ProbeError {
    Compile(Fault),
    Rows(RowsError),
}

impl From<RowsError> for ProbeError {
    fn from(error: RowsError) -> Self {
        Self::Rows(error)
    }
}

/// What one chunk shows at one probe.
enum Part {
    Moments(Moments),
    Values(Vec<f64>),
    /// Copies of a default's values.
    Defaults(u64),
}

/// Looks at all rows.
pub(super) fn look<R: AsRef<[u8]> + Sync>(
    spec: &ModelSpec,
    probes: &[Probe],
    table: &Table<R>,
    work: &mut Work<'_>,
) -> Result<Vec<Seen>, Stopped<ProbeError>> {
    let program = compile_probe(&probing(spec, probes)).map_err(ProbeError::Compile)?;
    let defaults: Vec<Option<Counts>> =
        (0..probes.len()).map(|place| tally(&program, place).map(|tally| tally.begin())).collect();
    let rows = table.bind(&program, None).map_err(ProbeError::Rows)?;
    let chunks = work.run(rows.chunks(), |chunk| {
        let count = chunk.len();
        parts(spec, probes, &rows, chunk).map(|parts| (parts, count)).map_err(ProbeError::Rows)
    })?;
    let mut seen: Vec<Seen> = probes.iter().map(|probe| Seen::of(probe.need)).collect();
    let mut copies = vec![0; probes.len()];
    for chunk in chunks {
        for ((seen, copies), part) in seen.iter_mut().zip(&mut copies).zip(chunk) {
            match part {
                Part::Defaults(count) => *copies += count,
                part => seen.add(part),
            }
        }
    }
    for (place, ((seen, default), copies)) in seen.iter_mut().zip(defaults).zip(copies).enumerate() {
        if let (Seen::Counts(counts), Some(tally), Some(default)) = (seen, tally(&program, place), default) {
            *counts = with_defaults(tally.take(), &default, copies);
        }
    }
    Ok(seen)
}

/// The specification of the pass: an input for each probe, and no more operations than lead to it.
fn probing(spec: &ModelSpec, probes: &[Probe]) -> ModelSpec {
    let mut probing = spec.clone();
    let mut inputs = Vec::new();
    probing.text.cross.clear();
    for (index, feature) in probing.text.feature.iter_mut().enumerate() {
        let feature = feature.get_mut();
        let place = probes.iter().position(|probe| probe.feature == index);
        let probe = place.and_then(|place| probes.get(place));
        feature.ops.truncate(probe.map_or(0, |probe| probe.op + usize::from(probe.need == Need::Counts)));
        feature.to = place.map(values_input);
        // Without padding: pads are no values.
        if let Some(list) = feature.list
            && list.length.is_none()
            && !feature.ops.iter().any(takes_rows)
        {
            feature.list = Some(ListText { jagged: true, pad: None, ..list });
        }
        let (Some(place), Some(probe)) = (place, probe) else { continue };
        let input = |name: String, datatype: Datatype, role: Role| InputSpec {
            name,
            datatype,
            dims: None,
            role,
            per_request: false,
        };
        let datatype = if probe.need == Need::Counts { Datatype::Int64 } else { Datatype::Fp64 };
        inputs.push((place, input(values_input(place), datatype, Role::Values)));
        if feature.list.is_some_and(|list| list.jagged) {
            let role = Role::Offsets { of: values_input(place), include_last: true };
            let offsets = input(format!("offsets {place}"), Datatype::Int64, role);
            inputs.push((place, offsets));
        }
    }
    // In the order of the probes.
    inputs.sort_by_key(|(place, _)| *place);
    probing.inputs = inputs.into_iter().map(|(_, input)| input).collect();
    probing
}

fn values_input(place: usize) -> String {
    format!("values {place}")
}

/// The tally at a probe; the inputs that carry data are in the order of the probes.
fn tally(program: &Program, place: usize) -> Option<&Arc<Tally>> {
    let use_ = program.uses.iter().find(|use_| use_.target.is_some_and(|target| target.column == place))?;
    match &use_.pipeline.head {
        Head::Tally(tally) => Some(tally),
        _ => None,
    }
}

/// What a chunk shows at each probe.
fn parts<R: AsRef<[u8]>>(
    spec: &ModelSpec,
    probes: &[Probe],
    rows: &Rows<'_, R>,
    chunk: std::ops::Range<usize>,
) -> Result<Vec<Part>, RowsError> {
    let start = chunk.start;
    let block = rows.decode(chunk)?;
    let part = |(place, probe): (usize, &Probe)| {
        let bytes = match block.columns.get(place) {
            Some(Column::Fixed { data, .. }) => data.as_slice(),
            Some(Column::Jagged { values, .. }) => values.as_slice(),
            None => &[],
        };
        let (words, _) = bytes.as_chunks::<8>();
        if probe.need == Need::Counts {
            let defaults = words.iter().filter(|word| i64::from_le_bytes(**word) == Tally::DEFAULT);
            return Ok(Part::Defaults(defaults.count() as u64));
        }
        let numbers = words.iter().map(|word| f64::from_le_bytes(*word));
        if let Some(position) = numbers.clone().position(f64::is_infinite) {
            return Err(infinite(spec, *probe, start + row_of(&block, place, position)));
        }
        let numbers: Vec<f64> = numbers.filter(|number| !number.is_nan()).collect();
        Ok(match probe.need {
            Need::Moments => Part::Moments(Moments::of(&numbers)),
            _ => Part::Values(numbers),
        })
    };
    probes.iter().enumerate().map(part).collect()
}

fn infinite(spec: &ModelSpec, probe: Probe, row: usize) -> RowsError {
    let name = spec.text.feature.get(probe.feature).map_or("", |feature| feature.get_ref().name.as_str());
    let message = format!(
        "Feature {name:?} in row {row} is infinite where operation {} is fitted; clip it before, or leave the row out.",
        probe.op + 1
    );
    RowsError::request(format!("columns.{name}"), message)
}

/// The row, within its block, of the value at this position.
fn row_of(block: &RowBlock, column: usize, position: usize) -> usize {
    match block.columns.get(column) {
        Some(Column::Fixed { data, .. }) => {
            position / (data.len() / 8).checked_div(block.rows).unwrap_or(1).max(1)
        }
        Some(Column::Jagged { lengths, .. }) => {
            let mut behind = 0;
            let row = lengths.iter().position(|length| {
                behind += *length as usize;
                position < behind
            });
            row.unwrap_or(0)
        }
        None => 0,
    }
}

/// Counts with those of a default that so many of its values were copied from.
fn with_defaults(mut counts: Counts, default: &Counts, copies: u64) -> Counts {
    let values: u64 = default.texts.values().chain(default.ints.values()).sum();
    let rows = copies.checked_div(values).unwrap_or(0);
    if rows > 0 {
        for (text, count) in &default.texts {
            *counts.texts.entry(text.clone()).or_default() += count * rows;
        }
        for (int, count) in &default.ints {
            *counts.ints.entry(*int).or_default() += count * rows;
        }
    }
    counts
}

impl Seen {
    fn of(need: Need) -> Self {
        match need {
            Need::Moments => Self::Moments(Moments::default()),
            Need::Values => Self::Values(Vec::new()),
            Need::Counts => Self::Counts(Counts::default()),
        }
    }

    fn add(&mut self, part: Part) {
        match (self, part) {
            (Self::Moments(all), Part::Moments(part)) => *all = all.merged(part),
            (Self::Values(all), Part::Values(part)) => all.extend(part),
            _ => {}
        }
    }
}

impl Need {
    /// What an operation is fitted from; none where it is not one of those.
    pub fn of(op: &OpText) -> Option<Self> {
        use crate::spec::fit_text::{BucketsBy, Fit};
        Some(match op {
            OpText::Standardize { .. } | OpText::MinMax { .. } => Self::Moments,
            OpText::Bucketize { fit: Some(Fit(fit)), .. } if fit.by == BucketsBy::Uniform => Self::Moments,
            OpText::Bucketize { .. } | OpText::Clip { .. } | OpText::Quantile { .. } => Self::Values,
            OpText::Vocab { .. } => Self::Counts,
            _ => return None,
        })
    }
}
