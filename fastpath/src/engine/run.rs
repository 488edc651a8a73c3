//! One run of a model: forward's arguments from decoded rows, and the check of what forward gave.

use std::fmt;
use std::sync::Arc;

use super::model::Model;
use super::reply::OutputTensor;
use crate::batch::{BufferPool, PackError, Packed, PooledBytes, Shape, pack_each};
use crate::features::RowBlock;
use crate::wire::Datatype;

/// An argument of forward, row-major.
#[derive(Debug)]
pub struct Tensor {
    pub datatype: Datatype,
    pub shape: Shape,
    pub memory: PooledBytes,
}

/// Packs blocks into forward's arguments, in the order of the model's inputs.
pub fn tensors(
    model: &Model,
    blocks: &[&RowBlock],
    pool: &Arc<BufferPool>,
) -> Result<Vec<Tensor>, PackError> {
    let mut tensors = Vec::with_capacity(model.arguments.len());
    for (packed, input) in pack_each(blocks, &model.arguments, pool).zip(&model.spec.inputs) {
        let Packed { shape, memory } = packed?;
        tensors.push(Tensor { datatype: input.datatype, shape, memory });
    }
    Ok(tensors)
}

/// A tensor that forward gave.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    pub datatype: Datatype,
    pub shape: &'a [i64],
    pub data: &'a [u8],
}

/// What forward gave is not what model.toml says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutputError {
    Count { expected: usize, given: usize },
    Datatype { output: String, expected: &'static str, given: &'static str },
    Shape { output: String, expected: Vec<i64>, given: Vec<i64> },
}

impl fmt::Display for OutputError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count { expected, given } => {
                write!(out, "the model gave {given} outputs, but model.toml lists {expected}")
            }
            Self::Datatype { output, expected, given } => {
                write!(out, "the model gave {given} for output `{output}`, but model.toml says {expected}")
            }
            Self::Shape { output, expected, given } => write!(
                out,
                "the model gave shape {given:?} for output `{output}`, but model.toml says {expected:?} (-1: any size)"
            ),
        }
    }
}

impl std::error::Error for OutputError {}

/// Checks forward's outputs for a batch of so many rows.
pub fn check_outputs<'a>(
    model: &Model,
    rows: usize,
    given: &[Given<'a>],
) -> Result<Vec<OutputTensor<'a>>, OutputError> {
    let specs = &model.spec.outputs;
    if specs.len() != given.len() {
        return Err(OutputError::Count { expected: specs.len(), given: given.len() });
    }
    let one = |(spec, given): (&crate::spec::OutputSpec, &Given<'a>)| {
        if spec.datatype != given.datatype {
            return Err(OutputError::Datatype {
                output: spec.name.clone(),
                expected: spec.datatype.name(),
                given: given.datatype.name(),
            });
        }
        match given.shape.split_first() {
            Some((first, dims))
                if usize::try_from(*first) == Ok(rows)
                    && dims.len() == spec.dims.len()
                    && dims.iter().zip(&spec.dims).all(|(dim, wanted)| *wanted == -1 || dim == wanted) =>
            {
                Ok(OutputTensor { dims, data: given.data })
            }
            _ => Err(OutputError::Shape {
                output: spec.name.clone(),
                expected: std::iter::once(rows as i64).chain(spec.dims.iter().copied()).collect(),
                given: given.shape.to_vec(),
            }),
        }
    };
    specs.iter().zip(given).map(one).collect()
}
