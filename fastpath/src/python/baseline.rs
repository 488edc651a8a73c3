//! Makes the baseline.json of a model from its training rows.

use parking_lot::Mutex;
use pyo3::prelude::*;

use super::RequestError;
use super::spec::PyModelSpec;
use crate::features::Program;
use crate::features::statistics::Recorder;
use crate::wire::predict_request::{MAX_ROWS, PredictRequest};

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

    fn add(&self, py: Python<'_>, predict_request: &[u8]) -> PyResult<()> {
        let model = &self.spec.get().model;
        let added = py.detach(|| {
            let request = PredictRequest::parse(predict_request).map_err(|error| error.to_string())?;
            model
                .decode_predict_watched(&request, MAX_ROWS, Some(&self.recorder))
                .map_err(|error| error.to_string())
        });
        added.map(drop).map_err(RequestError::new_err)
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
