//! A table's rows into the model's tensors, all of them at once.

use super::table::Rows;
use super::work::{Stopped, Work};
use crate::batch::OffsetType;
use crate::engine::Model;
use crate::engine::model::Argument;
use crate::features::program::ColumnPlan;
use crate::features::rows::Column;
use crate::features::{Program, RowsError};
use crate::wire::Datatype;

/// A tensor that has its rows on the first axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorPlan {
    pub name: String,
    pub datatype: Datatype,
    pub shape: Vec<usize>,
    /// Where its content comes from.
    pub argument: Argument,
}

/// The values of a chunk, and the number of values of each of its rows.
type Part = (Vec<u8>, Vec<u32>);

/// A jagged column of a table, still in the chunks in which it was decoded.
pub struct Jagged {
    parts: Vec<Part>,
    offsets: OffsetType,
}

/// One chunk's work: its rows, and the memory of each fixed column that they fill.
struct Job<'o> {
    rows: std::ops::Range<usize>,
    outputs: Vec<Option<&'o mut [u8]>>,
}

/// The arguments of forward whose size the number of rows tells, in order; `transform` fills these.
#[must_use]
pub fn fixed_tensors(model: &Model, program: &Program, rows: usize) -> Vec<TensorPlan> {
    let plan = |(argument, input): (&Argument, &crate::spec::InputSpec)| {
        let Argument::Values { column } = argument else { return None };
        let Some(ColumnPlan::Fixed { dims, .. }) = program.columns.get(*column) else { return None };
        let dims = dims.iter().map(|dim| usize::try_from(*dim).unwrap_or(0));
        let shape = std::iter::once(rows).chain(dims).collect();
        Some(TensorPlan { name: input.name.clone(), datatype: input.datatype, shape, argument: *argument })
    };
    model.arguments.iter().zip(&model.spec.inputs).filter_map(plan).collect()
}

/// Fills the memory of each fixed column, which has exactly its rows' bytes, and gives the jagged ones; both by
/// the place of the column in the model's layout.
pub fn transform<R: AsRef<[u8]> + Sync>(
    model: &Model,
    rows: &Rows<'_, R>,
    mut outputs: Vec<Option<&mut [u8]>>,
    work: &mut Work<'_>,
) -> Result<Vec<Option<Jagged>>, Stopped<RowsError>> {
    let chunks = rows.chunks();
    let total = chunks.last().map_or(0, |chunk| chunk.end);
    let mut jobs = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        let mut share = Vec::with_capacity(outputs.len());
        for output in &mut outputs {
            share.push(output.as_mut().and_then(|output| {
                let left = total - chunk.start;
                let bytes = output.len().checked_div(left).unwrap_or(0) * chunk.len();
                output.split_off_mut(..bytes)
            }));
        }
        jobs.push(Job { rows: chunk, outputs: share });
    }
    let decoded = work.run(jobs, |job| decode(rows, job))?;
    Ok(by_column(model, decoded))
}

/// Decodes a chunk and copies its fixed columns to their place.
fn decode<R: AsRef<[u8]>>(rows: &Rows<'_, R>, job: Job<'_>) -> Result<(Vec<Option<Part>>, usize), RowsError> {
    let count = job.rows.len();
    let block = rows.decode(job.rows)?;
    let outputs = job.outputs.into_iter().chain(std::iter::repeat_with(|| None));
    let jagged = block.columns.into_iter().zip(outputs).map(|(column, output)| match (column, output) {
        (Column::Fixed { data, .. }, Some(output)) if data.len() == output.len() => {
            output.copy_from_slice(&data);
            None
        }
        (Column::Fixed { .. }, _) => None,
        (Column::Jagged { values, lengths }, _) => Some((values, lengths)),
    });
    Ok((jagged.collect(), count))
}

fn by_column(model: &Model, chunks: Vec<Vec<Option<Part>>>) -> Vec<Option<Jagged>> {
    let jagged = |layout: &crate::batch::ColumnLayout| {
        layout.offsets.map(|offsets| Jagged { parts: Vec::with_capacity(chunks.len()), offsets })
    };
    let mut columns: Vec<Option<Jagged>> = model.layout.iter().map(jagged).collect();
    for chunk in chunks {
        for (column, part) in columns.iter_mut().zip(chunk) {
            if let (Some(column), Some(part)) = (column, part) {
                column.parts.push(part);
            }
        }
    }
    columns
}

impl Jagged {
    /// Values of all rows.
    #[must_use]
    pub fn values(&self) -> u64 {
        self.parts.iter().flat_map(|(_, lengths)| lengths).map(|length| u64::from(*length)).sum()
    }

    /// Whether its offsets can count the values.
    #[must_use]
    pub fn fits(&self) -> bool {
        match self.offsets {
            OffsetType::Int64 => i64::try_from(self.values()).is_ok(),
            OffsetType::Int32 => i32::try_from(self.values()).is_ok(),
        }
    }

    /// Writes running sums of the lengths, 0 first, into `out`, which holds one more than there are rows.
    pub fn write_offsets(&self, out: &mut [u8]) {
        let lengths = self.parts.iter().flat_map(|(_, lengths)| lengths);
        let mut sum = 0;
        let sums = std::iter::once(0).chain(lengths.map(|length| {
            sum += u64::from(*length);
            sum
        }));
        match self.offsets {
            OffsetType::Int64 => {
                out.as_chunks_mut().0.iter_mut().zip(sums).for_each(|(out, sum)| *out = sum.to_le_bytes());
            }
            OffsetType::Int32 => {
                for (out, sum) in out.as_chunks_mut().0.iter_mut().zip(sums) {
                    *out = u32::try_from(sum).unwrap_or(u32::MAX).to_le_bytes();
                }
            }
        }
    }

    /// Writes the values into `out`, which has exactly their bytes, and lets go of each chunk as it goes.
    pub fn write_values(self, mut out: &mut [u8]) {
        for (values, _) in self.parts {
            let Some(place) = out.split_off_mut(..values.len()) else { break };
            place.copy_from_slice(&values);
        }
    }
}
