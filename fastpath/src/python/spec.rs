//! A model's specification: what a trainer, a checker and the servicer ask about it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyString;

use super::array::Array;
use super::baseline::BaselineRecorder;
use super::program::{LineTrace, ProgramLine};
use super::versions::{Canary, VersionPolicy};
use super::{RequestError, SpecError};
use crate::batch::BufferPool;
use crate::engine::Model;
use crate::engine::model::TensorInfo;
use crate::engine::run::tensors;
use crate::features::Clock;
use crate::spec::inputs::{PaddingPart, Role};
use crate::wire::predict_request::{MAX_ROWS, PredictRequest};

/// Requests of more bytes are decoded with the GIL released; to let it go and take it again takes as long as decoding 150
/// bytes, and longer where another thread wants it too. So many take 13 µs.
const DETACH_BYTES: usize = 16 << 10;

#[pyclass(frozen, module = "penstock._fastpath", get_all)]
pub struct TensorSpec {
    name: String,
    datatype: String,
    shape: Vec<i64>,
    /// The input whose offsets, lengths or weights this is.
    offsets_of: Option<String>,
    lengths_of: Option<String>,
    weights_of: Option<String>,
    /// The padded input that this masks the values of.
    mask_of: Option<String>,
    per_request: bool,
    lists: usize,
    include_last: bool,
    is_request_index: bool,
}

impl TensorSpec {
    fn of(info: TensorInfo) -> Self {
        let (mut offsets_of, mut lengths_of, mut weights_of, mut mask_of) = (None, None, None, None);
        let include_last = matches!(info.role, Role::Offsets { include_last: true, .. });
        let is_request_index = info.role == Role::RequestIndex;
        match info.role {
            Role::Offsets { of, .. } => offsets_of = Some(of),
            Role::Lengths { of } | Role::Padding { part: PaddingPart::Lengths, of } => lengths_of = Some(of),
            Role::Weights { of } => weights_of = Some(of),
            Role::Padding { part: PaddingPart::Mask, of } => mask_of = Some(of),
            Role::Values | Role::RequestIndex => {}
        }
        Self {
            name: info.name,
            datatype: info.datatype.name().to_owned(),
            shape: info.shape,
            offsets_of,
            lengths_of,
            weights_of,
            mask_of,
            per_request: info.per_request,
            lists: info.lists,
            include_last,
            is_request_index,
        }
    }
}

#[pyclass(frozen, name = "ModelSpec", module = "penstock._fastpath")]
pub struct PyModelSpec {
    /// Without a clock, as no request is served by it. Taken apart and compiled again when a version is added: `load` is
    /// cheap, and specs are not shared.
    pub folder: PathBuf,
    pub model: Model,
    /// The names of forward's arguments.
    names: Vec<Py<PyString>>,
    /// Memory of arrays that are gone, for the next ones.
    pool: Arc<BufferPool>,
}

#[pymethods]
impl PyModelSpec {
    #[staticmethod]
    #[pyo3(signature = (model_folder, version = None, *, unfitted = false))]
    fn load(py: Python<'_>, model_folder: PathBuf, version: Option<u64>, unfitted: bool) -> PyResult<Self> {
        let load = if unfitted { Model::load_unfitted } else { Model::load };
        let mut model = py
            .detach(|| load(&model_folder, version))
            .map_err(|error| SpecError::new_err(error.to_string()))?;
        model.clock = Clock::None;
        let names =
            model.spec.inputs.iter().map(|input| PyString::intern(py, &input.name).unbind()).collect();
        Ok(Self { folder: model_folder, model, names, pool: Arc::default() })
    }

    #[getter]
    fn unfitted(&self) -> Vec<&str> {
        self.model.unfitted().iter().map(|fault| fault.message.as_str()).collect()
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

    #[getter]
    fn version_policy(&self) -> VersionPolicy {
        VersionPolicy::of(&self.model.spec.versions.policy)
    }

    #[getter]
    fn labels(&self) -> BTreeMap<String, u64> {
        self.model.spec.versions.labels.clone()
    }

    #[getter]
    fn canary(&self) -> Option<Canary> {
        self.model.spec.versions.canary.as_ref().map(Canary::of)
    }

    fn wanted_versions(&self, there: Vec<u64>) -> PyResult<Vec<u64>> {
        self.model.spec.versions.wanted(&there).map_err(|fault| self.error(&fault.message))
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
        self.check_fitted()?;
        let traces = py.detach(|| {
            let request = PredictRequest::parse(predict_request).map_err(|error| error.to_string())?;
            self.model.explain(&request).map_err(|error| error.to_string())
        });
        traces.map_err(RequestError::new_err)?.into_iter().map(|trace| LineTrace::of(py, trace)).collect()
    }

    fn transform(&self, py: Python<'_>, predict_request: &[u8]) -> PyResult<Vec<Array>> {
        self.check_fitted()?;
        let transform = || {
            let request = PredictRequest::parse(predict_request).map_err(|error| error.to_string())?;
            let block = self.model.decode_predict(&request, MAX_ROWS).map_err(|error| error.to_string())?;
            tensors(&self.model, &[&block], &self.pool).map_err(|error| error.to_string())
        };
        let packed = if predict_request.len() > DETACH_BYTES { py.detach(transform) } else { transform() };
        let packed = packed.map_err(RequestError::new_err)?.into_iter().zip(&self.names);
        Ok(packed.map(|(tensor, name)| Array::of(name.clone_ref(py), tensor)).collect())
    }
}

impl PyModelSpec {
    /// An error where an operation is still to be fitted: the program's tensors would mean nothing.
    pub fn check_fitted(&self) -> PyResult<()> {
        match self.model.unfitted().first() {
            None => Ok(()),
            Some(fault) => Err(self.error(&fault.message)),
        }
    }

    fn error(&self, sentence: &str) -> PyErr {
        let place = self.folder.join("model.toml");
        SpecError::new_err(format!("{}: {sentence}", place.display()))
    }
}
