//! `FeatureSpec.transform` and `FeatureSpec.fit` in Rust, with the interpreter's lock released while rows are read.

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::RequestError;
use super::memory::Filled;
use super::spec::PyModelSpec;
use super::table::PyTable;
use crate::engine::model::Argument;
use crate::features::RowsError;
use crate::offline::transform::{Jagged, fixed_tensors, transform};
use crate::offline::{Stopped, Work};
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
    let mut filled: Vec<Option<Filled>> = model.layout.iter().map(|_| None).collect();
    for plan in fixed_tensors(model, program, rows) {
        let Argument::Values { column } = plan.argument else { continue };
        if let Some(place) = filled.get_mut(column) {
            *place = Some(make(&plan.name, plan.datatype, plan.shape)?);
        }
    }
    let jagged = watched(py, watch, threads, |work| {
        let outputs = filled.iter_mut().map(|each| each.as_mut().map(Filled::bytes)).collect();
        transform(model, &bound, outputs, work)
    })?;
    for (column, jagged) in jagged.into_iter().enumerate() {
        let Some(jagged) = jagged else { continue };
        fill_jagged(py, spec, column, jagged, rows, &make)?;
    }
    Ok(())
}

/// Runs work that the caller's thread watches: for signals, and for `watch(rows done)`.
pub fn watched<T: Send, E: Send + Into<PyErr>>(
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

/// The two arguments of forward that a jagged column becomes.
fn fill_jagged(
    py: Python<'_>,
    spec: &PyModelSpec,
    column: usize,
    jagged: Jagged,
    rows: usize,
    make: &impl Fn(&str, Datatype, Vec<usize>) -> PyResult<Filled>,
) -> PyResult<()> {
    let model = &spec.model;
    let input = |wanted: Argument| {
        let place = model.arguments.iter().position(|argument| *argument == wanted)?;
        model.spec.inputs.get(place)
    };
    let (Some(values_input), Some(offsets_input)) =
        (input(Argument::Values { column }), input(Argument::Offsets { column }))
    else {
        return Ok(());
    };
    let total = jagged.values();
    if !jagged.fits() {
        return Err(RequestError::new_err(format!(
            "{total} values are too many for the {} offsets {:?}; transform fewer rows at a time",
            offsets_input.datatype.name(),
            offsets_input.name
        )));
    }
    let total = usize::try_from(total).unwrap_or(usize::MAX);
    let mut offsets = make(&offsets_input.name, offsets_input.datatype, vec![rows + 1])?;
    let mut values = make(&values_input.name, values_input.datatype, vec![total])?;
    py.detach(|| {
        jagged.write_offsets(offsets.bytes());
        jagged.write_values(values.bytes());
    });
    Ok(())
}

impl From<RowsError> for PyErr {
    fn from(error: RowsError) -> Self {
        RequestError::new_err(error.to_string())
    }
}

fn refused(error: RowsError) -> PyErr {
    error.into()
}
