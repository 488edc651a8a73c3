//! A table's rows into the model's tensors, all of them at once.

use super::table::Rows;
use super::work::{Stopped, Work};
use crate::batch::Argument;
use crate::engine::Model;
use crate::features::program::ColumnForm;
use crate::features::rows::Column;
use crate::features::{Program, RowBlock, RowsError};
use crate::wire::Datatype;

/// A tensor that has its rows on the first axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorPlan {
    pub name: String,
    pub datatype: Datatype,
    pub shape: Vec<usize>,
    /// The column that its content comes from.
    pub column: usize,
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
        let Argument::Fixed { column, per_request: false, .. } = argument else { return None };
        let ColumnForm::Fixed { dims, .. } = &program.columns.get(*column)?.form else { return None };
        let dims = dims.iter().map(|dim| usize::try_from(*dim).unwrap_or(0));
        let shape = std::iter::once(rows).chain(dims).collect();
        Some(TensorPlan { name: input.name.clone(), datatype: input.datatype, shape, column: *column })
    };
    model.arguments.iter().zip(&model.spec.inputs).filter_map(plan).collect()
}

/// Fills the memory of each fixed column, which has exactly its rows' bytes, by the place of the column in row blocks.
/// Gives the chunks without what was filled, for the other arguments of forward to be packed of.
pub fn transform<R: AsRef<[u8]> + Sync>(
    rows: &Rows<'_, R>,
    mut outputs: Vec<Option<&mut [u8]>>,
    work: &mut Work<'_>,
) -> Result<Vec<RowBlock>, Stopped<RowsError>> {
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
    work.run(jobs, |job| decode(rows, job))
}

/// Decodes a chunk and moves its fixed columns to their place.
fn decode<R: AsRef<[u8]>>(rows: &Rows<'_, R>, job: Job<'_>) -> Result<(RowBlock, usize), RowsError> {
    let count = job.rows.len();
    let mut block = rows.decode(job.rows)?;
    for (column, output) in block.columns.iter_mut().zip(job.outputs) {
        if let (Column::Fixed { data, .. }, Some(output)) = (column, output)
            && data.len() == output.len()
        {
            output.copy_from_slice(data);
            *data = Vec::new();
        }
    }
    Ok((block, count))
}
