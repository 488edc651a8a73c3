//! Makes the baseline.json of a model from its training rows.

use parking_lot::Mutex;
use pyo3::prelude::*;

use super::RequestError;
use super::spec::PyModelSpec;
use super::table::PyTable;
use crate::features::statistics::Recorder;
use crate::features::{Program, RowsError};

#[pyclass(frozen, module = "penstock._fastpath")]
pub struct BaselineRecorder {
    spec: Py<PyModelSpec>,
    recorder: Mutex<Recorder>,
}

impl BaselineRecorder {
    pub fn new(spec: Py<PyModelSpec>) -> PyResult<Self> {
        let recorder = Mutex::new(Recorder::new(program(&spec)?));
        Ok(Self { spec, recorder })
    }
}

#[pymethods]
impl BaselineRecorder {
    #[getter]
    fn rows(&self) -> u64 {
        self.recorder.lock().rows()
    }

    fn add(&self, py: Python<'_>, table: &PyTable) -> PyResult<()> {
        let refused = |error: RowsError| RequestError::new_err(error.to_string());
        let rows = table.table.bind(program(&self.spec)?, None).map_err(refused)?;
        for chunk in rows.chunks() {
            py.detach(|| rows.decode_watched(chunk, Some(&self.recorder))).map_err(refused)?;
            py.check_signals()?;
        }
        Ok(())
    }

    fn text(&self, py: Python<'_>) -> PyResult<String> {
        let program = program(&self.spec)?;
        Ok(py.detach(|| self.recorder.lock().baseline(program).text()))
    }
}

fn program(spec: &Py<PyModelSpec>) -> PyResult<&Program> {
    let model = &spec.get().model;
    model.program.as_ref().ok_or_else(|| {
        RequestError::new_err(format!(
            "Model {:?} has no features, so there is no baseline of them.",
            model.spec.name
        ))
    })
}
