//! A model's specification: what a trainer, a checker and the servicer ask about it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;

use super::array::Array;
use super::baseline::BaselineRecorder;
use super::program::{LineTrace, ProgramLine};
use super::{RequestError, SpecError};
use crate::batch::BufferPool;
use crate::engine::Model;
use crate::engine::model::TensorInfo;
use crate::engine::run::tensors;
use crate::spec::model::PaddingPart;
use crate::wire::predict_request::{MAX_ROWS, PredictRequest};

#[pyclass(frozen, module = "penstock._fastpath", get_all)]
pub struct TensorSpec {
    name: String,
    datatype: String,
    shape: Vec<i64>,
    /// The jagged input whose offsets this is.
    offsets_of: Option<String>,
    /// The padded input that this counts the values of.
    lengths_of: Option<String>,
    /// The padded input that this masks the values of.
    mask_of: Option<String>,
}

impl TensorSpec {
    fn of(info: TensorInfo) -> Self {
        let padding_of = |part| {
            let of_part = info.padding_of.as_ref().filter(|padding| padding.part == part);
            of_part.map(|padding| padding.input.clone())
        };
        Self {
            lengths_of: padding_of(PaddingPart::Lengths),
            mask_of: padding_of(PaddingPart::Mask),
            name: info.name,
            datatype: info.datatype.name().to_owned(),
            shape: info.shape,
            offsets_of: info.offsets_of,
        }
    }
}

#[pyclass(frozen, name = "ModelSpec", module = "penstock._fastpath")]
pub struct PyModelSpec {
    /// Taken apart and compiled again when a version is added: `load` is cheap, and specs are not shared.
    pub folder: PathBuf,
    pub model: Model,
}

#[pymethods]
impl PyModelSpec {
    #[staticmethod]
    #[pyo3(signature = (model_folder, version = None))]
    fn load(py: Python<'_>, model_folder: PathBuf, version: Option<u64>) -> PyResult<Self> {
        let model = py
            .detach(|| Model::load(&model_folder, version))
            .map_err(|error| SpecError::new_err(error.to_string()))?;
        Ok(Self { folder: model_folder, model })
    }

    #[getter]
    fn name(&self) -> &str {
        &self.model.spec.name
    }

    #[getter]
    fn platform(&self) -> &'static str {
        "torchscript"
    }

    #[getter]
    fn description(&self) -> &str {
        &self.model.spec.text.description
    }

    #[getter]
    fn instances(&self) -> usize {
        self.model.spec.instances
    }

    #[getter]
    fn max_batch_rows(&self) -> usize {
        self.model.spec.max_batch_rows
    }

    #[getter]
    fn max_queue_delay_us(&self) -> u128 {
        self.model.spec.max_queue_delay.as_micros()
    }

    #[getter]
    fn queue_capacity_rows(&self) -> usize {
        self.model.spec.queue_capacity_rows
    }

    #[getter]
    fn inputs(&self) -> Vec<TensorSpec> {
        self.model.inputs().into_iter().map(TensorSpec::of).collect()
    }

    #[getter]
    fn outputs(&self) -> Vec<TensorSpec> {
        self.model.outputs().into_iter().map(TensorSpec::of).collect()
    }

    #[getter]
    fn takes(&self) -> Vec<TensorSpec> {
        self.model.takes().into_iter().map(TensorSpec::of).collect()
    }

    #[getter]
    fn feature_kinds(&self) -> BTreeMap<String, String> {
        self.model.feature_kinds()
    }

    #[getter]
    fn batch_buckets(&self) -> Vec<usize> {
        self.model.batch_buckets()
    }

    fn check_baseline(&self, py: Python<'_>) -> PyResult<Option<u64>> {
        let baseline = py
            .detach(|| self.model.find_baseline())
            .map_err(|error| SpecError::new_err(error.to_string()))?;
        Ok(baseline.map(|baseline| baseline.rows))
    }

    fn baseline_recorder(slf: Py<Self>) -> PyResult<BaselineRecorder> {
        BaselineRecorder::new(slf)
    }

    #[getter]
    fn lines(&self) -> Vec<ProgramLine> {
        self.model.lines().into_iter().map(ProgramLine::of).collect()
    }

    fn explain(&self, py: Python<'_>, predict_request: &[u8]) -> PyResult<Vec<LineTrace>> {
        let traces = py.detach(|| {
            let request = PredictRequest::parse(predict_request).map_err(|error| error.to_string())?;
            self.model.explain(&request).map_err(|error| error.to_string())
        });
        traces.map_err(RequestError::new_err)?.into_iter().map(|trace| LineTrace::of(py, trace)).collect()
    }

    fn transform(&self, py: Python<'_>, predict_request: &[u8]) -> PyResult<Vec<Array>> {
        let packed = py.detach(|| {
            let request = PredictRequest::parse(predict_request).map_err(|error| error.to_string())?;
            let block = self.model.decode_predict(&request, MAX_ROWS).map_err(|error| error.to_string())?;
            tensors(&self.model, &[&block], &Arc::new(BufferPool::default()))
                .map_err(|error| error.to_string())
        });
        let packed = packed.map_err(RequestError::new_err)?;
        Ok(packed.into_iter().map(Array::of).collect())
    }
}
