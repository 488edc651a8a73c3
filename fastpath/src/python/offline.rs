//! `FeatureSpec.transform` and `FeatureSpec.fit` in Rust, with the interpreter's lock released while rows are read.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::memory::Filled;
use super::spec::PyModelSpec;
use super::table::PyTable;
use super::{RequestError, SpecError};
use crate::batch::pack::PackErrorKind;
use crate::batch::{Argument, BufferPool, Packed, pack};
use crate::engine::Model;
use crate::features::{RowBlock, RowsError};
use crate::offline::fit::{FitError, fit};
use crate::offline::transform::{fixed_tensors, transform};
use crate::offline::{Stopped, Work};
use crate::spec::InputSpec;
use crate::wire::Datatype;

/// Fills the arrays that `allocate(name, datatype, shape)` makes, which returns their memory as bytes.
#[pyfunction]
#[pyo3(signature = (spec, table, allocate, *, context = None, threads = 1, watch = None))]
pub fn transform_table(
    py: Python<'_>,
    spec: &PyModelSpec,
    table: &PyTable,
    allocate: &Bound<'_, PyAny>,
    context: Option<&[u8]>,
    threads: usize,
    watch: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let model = &spec.model;
    spec.check_fitted()?;
    let Some(program) = &model.program else {
        let name = &model.spec.name;
        return Err(RequestError::new_err(format!("Model {name:?} has no features to transform.")));
    };
    let bound = table.table.bind(program, context).map_err(refused)?;
    let rows = table.table.rows();
    let make = |name: &str, datatype: Datatype, shape: Vec<usize>| {
        let bytes = shape.iter().product::<usize>() * datatype.size_bytes();
        Filled::new(&allocate.call1((name, datatype.name(), PyTuple::new(py, shape)?))?, bytes)
    };
    let mut filled: Vec<Option<Filled>> = program.columns.iter().map(|_| None).collect();
    for plan in fixed_tensors(model, program, rows) {
        if let Some(place) = filled.get_mut(plan.column) {
            *place = Some(make(&plan.name, plan.datatype, plan.shape)?);
        }
    }
    let blocks = watched(py, watch, threads, |work| {
        let outputs = filled.iter_mut().map(|each| each.as_mut().map(Filled::bytes)).collect();
        transform(&bound, outputs, work)
    })?;
    pack_others(py, model, blocks, &make)
}

/// Makes the arguments of forward whose size the values tell: jagged ones, and those that a request has once.
fn pack_others(
    py: Python<'_>,
    model: &Model,
    blocks: Vec<RowBlock>,
    make: &impl Fn(&str, Datatype, Vec<usize>) -> PyResult<Filled>,
) -> PyResult<()> {
    let is_other = |argument: &Argument| !matches!(argument, Argument::Fixed { per_request: false, .. });
    let others = model.arguments.iter().zip(&model.spec.inputs).filter(|(argument, _)| is_other(argument));
    let (arguments, inputs): (Vec<Argument>, Vec<&InputSpec>) =
        others.map(|(argument, input)| (argument.clone(), input)).unzip();
    let packed = py.detach(|| {
        let packed = pack(&blocks.iter().collect::<Vec<_>>(), &arguments, &Arc::new(BufferPool::default()));
        drop(blocks);
        packed
    });
    let packed = packed.map_err(|error| match inputs.get(error.argument) {
        Some(input) if error.kind == PackErrorKind::Integers => RequestError::new_err(format!(
            "the values are too many for the {} integers of {:?}; transform fewer rows at a time",
            input.datatype.name(),
            input.name
        )),
        _ => RequestError::new_err(error.to_string()),
    })?;
    for (Packed { shape, memory }, input) in packed.into_iter().zip(inputs) {
        let shape = shape.iter().map(|dim| usize::try_from(*dim).unwrap_or(0)).collect();
        let mut array = make(&input.name, input.datatype, shape)?;
        py.detach(|| array.bytes().copy_from_slice(&memory));
    }
    Ok(())
}

/// Fits the model of the folder and writes what was found.
#[pyfunction]
#[pyo3(signature = (model_folder, version, table, *, threads = 1, watch = None))]
pub fn fit_table(
    py: Python<'_>,
    model_folder: PathBuf,
    version: Option<u64>,
    table: &PyTable,
    threads: usize,
    watch: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    watched(py, watch, threads, |work| fit(&model_folder, version, &table.table, work))
}

impl From<FitError> for PyErr {
    fn from(error: FitError) -> Self {
        match &error {
            FitError::Spec(_) => SpecError::new_err(error.to_string()),
            FitError::Rows(_) => RequestError::new_err(error.to_string()),
            FitError::Write(message) => PyOSError::new_err(message.clone()),
        }
    }
}

/// Runs work that the caller's thread watches: for signals, and for `watch(rows done)`.
fn watched<T: Send, E: Send + Into<PyErr>>(
    py: Python<'_>,
    watch: Option<&Bound<'_, PyAny>>,
    threads: usize,
    work: impl FnOnce(&mut Work<'_>) -> Result<T, Stopped<E>> + Send,
) -> PyResult<T> {
    let watch = watch.map(|watch| watch.clone().unbind());
    let mut raised = None;
    let done = py.detach(|| {
        let mut look = |rows: usize| {
            Python::attach(|py| {
                let told = py.check_signals().and_then(|()| match &watch {
                    Some(watch) => watch.call1(py, (rows,)).map(drop),
                    None => Ok(()),
                });
                told.map_err(|error| raised = Some(error)).is_ok()
            })
        };
        work(&mut Work { threads, watch: &mut look })
    });
    match (done, raised) {
        (_, Some(error)) => Err(error),
        (Ok(done), None) => Ok(done),
        (Err(Stopped::Failed(error)), None) => Err(error.into()),
        (Err(Stopped::Interrupted), None) => Err(RequestError::new_err("the work was interrupted")),
    }
}

impl From<RowsError> for PyErr {
    fn from(error: RowsError) -> Self {
        RequestError::new_err(error.to_string())
    }
}

fn refused(error: RowsError) -> PyErr {
    error.into()
}
