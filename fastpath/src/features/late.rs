//! Steps that need complete rows: crosses and ages.

use super::fault::Fault;
use super::hash::{CROSS_KEY, fingerprint_cat64};
use super::number::Number;
use super::place::Buffer;
use super::program::{Late, Program};

impl Late {
    /// Writes the result for one row, whose values for crosses and ages are `slots`.
    pub(super) fn run(&self, slots: &[u64], row: usize, columns: &mut [Buffer]) -> Result<(), Fault> {
        let slot = |index: usize| slots.get(index).copied().unwrap_or(0);
        let (number, pipeline, target) = match self {
            Self::Cross { slots: crossed, buckets, pipeline, target, .. } => {
                let hash =
                    crossed.iter().fold(CROSS_KEY, |hash, index| fingerprint_cat64(hash, slot(*index)));
                (Number::Int(buckets.of(hash).cast_signed()), pipeline, target)
            }
            Self::Age { slot: from, until, unit_ms, pipeline, target } => {
                let age_ms = slot(*until).cast_signed().saturating_sub(slot(*from).cast_signed());
                (Number::Float(age_ms as f64 / *unit_ms as f64), pipeline, target)
            }
        };
        let Some(buffer) = columns.get_mut(target.column) else { return Ok(()) };
        let out = buffer.place(row, target.offset_bytes, pipeline.element.size_bytes() * target.width);
        pipeline.put(pipeline.number(number)?, out)
    }

    /// The column that takes the result.
    pub(super) fn column(&self) -> usize {
        match self {
            Self::Cross { target, .. } | Self::Age { target, .. } => target.column,
        }
    }

    /// What to blame for a fault.
    pub(super) fn name(&self, program: &Program) -> String {
        match self {
            Self::Cross { names, .. } => names.join(" × "),
            Self::Age { slot, .. } => program
                .fields
                .iter()
                .find(|field| field.slot == Some(*slot))
                .map_or_else(String::new, |field| field.name.clone()),
        }
    }
}
