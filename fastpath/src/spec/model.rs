//! A checked model.toml: everything but the features, which `features::Program` compiles.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::{Fault, SpecError};
use super::inputs::{InputSpec, checked_inputs};
use super::text::{ModelText, OutputText};
use super::versions::{VersionsSpec, checked_versions};
use crate::wire::Datatype;
use crate::wire::infer_request::{MAX_DIMS, MAX_TENSORS};
use crate::wire::predict_request::MAX_ROWS;

/// Longest name of a model, tensor or feature, in bytes.
pub const MAX_NAME_BYTES: usize = 128;
/// Most values of a list in one row.
pub const MAX_LIST: usize = 65_536;
/// Most model threads of one model version.
pub const MAX_INSTANCES: usize = 64;
/// The datatypes that torch tensors have.
pub const TENSOR_DATATYPES: [Datatype; 13] = [
    Datatype::Fp64,
    Datatype::Fp32,
    Datatype::Fp16,
    Datatype::Bf16,
    Datatype::Int64,
    Datatype::Int32,
    Datatype::Int16,
    Datatype::Int8,
    Datatype::Uint64,
    Datatype::Uint32,
    Datatype::Uint16,
    Datatype::Uint8,
    Datatype::Bool,
];

/// What a model.toml says, checked.
#[derive(Clone, Debug)]
pub struct ModelSpec {
    /// The folder's name.
    pub name: String,
    pub max_batch_rows: usize,
    pub max_queue_delay: Duration,
    pub queue_capacity_rows: usize,
    pub instances: usize,
    pub versions: VersionsSpec,
    /// The arguments of `forward`, in order.
    pub inputs: Vec<InputSpec>,
    pub outputs: Vec<OutputSpec>,
    pub text: ModelText,
    /// Where files named in the text are looked up, first to last.
    pub folders: Vec<PathBuf>,
}

/// One tensor that `forward` returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputSpec {
    pub name: String,
    pub datatype: Datatype,
    /// The shape of one row; −1: any size.
    pub dims: Vec<i64>,
}

impl ModelSpec {
    /// Reads `model.toml` in a model's folder. Vocabularies are looked up in the version's folder
    /// first.
    pub fn load(model_folder: &Path, version: Option<u64>) -> Result<Self, SpecError> {
        let path = model_folder.join("model.toml");
        let text = std::fs::read_to_string(&path).map_err(|error| SpecError {
            place: path.display().to_string(),
            message: format!("the file cannot be read: {error}"),
        })?;
        let name = model_folder
            .canonicalize()
            .ok()
            .and_then(|folder| folder.file_name().map(|name| name.to_string_lossy().into_owned()))
            .unwrap_or_default();
        let mut folders = vec![model_folder.to_path_buf()];
        if let Some(version) = version {
            folders.insert(0, model_folder.join(version.to_string()));
        }
        Self::parse(&name, &text, folders).map_err(|fault| fault.in_file(&path.display().to_string(), &text))
    }

    /// Checks the text of a model.toml.
    pub fn parse(name: &str, text: &str, folders: Vec<PathBuf>) -> Result<Self, Fault> {
        let text: ModelText = toml::from_str(text)?;
        check_name("the model's folder", name)?;
        let batching = text.batching;
        let max_batch_rows = batching.max_batch_rows as usize;
        if max_batch_rows == 0 || max_batch_rows > MAX_ROWS {
            return Err(Fault::new(format!(
                "batching.max_batch_rows is {max_batch_rows}; it must be 1 to {MAX_ROWS}"
            )));
        }
        let queue_capacity_rows = batching.queue_capacity_rows as usize;
        if queue_capacity_rows < max_batch_rows {
            return Err(Fault::new(format!(
                "batching.queue_capacity_rows is {queue_capacity_rows}; it must be at least \
                 batching.max_batch_rows, which is {max_batch_rows}"
            )));
        }
        let instances = text.instances.count.map_or_else(instances_by_cores, |count| count as usize);
        if instances == 0 || instances > MAX_INSTANCES {
            return Err(Fault::new(format!(
                "instances.count is {instances}; it must be 1 to {MAX_INSTANCES}"
            )));
        }
        let versions = checked_versions(&text)?;
        let inputs = checked_inputs(&text)?;
        let outputs = checked_outputs(&text)?;
        Ok(Self {
            name: name.to_owned(),
            max_batch_rows,
            max_queue_delay: Duration::from_micros(batching.max_queue_delay_us),
            queue_capacity_rows,
            instances,
            versions,
            inputs,
            outputs,
            text,
            folders,
        })
    }
}

fn checked_outputs(text: &ModelText) -> Result<Vec<OutputSpec>, Fault> {
    if text.output.is_empty() || text.output.len() > MAX_TENSORS {
        return Err(Fault::new(format!(
            "the file has {} [[output]] tables; what forward returns needs 1 to {MAX_TENSORS}",
            text.output.len()
        )));
    }
    let mut outputs: Vec<OutputSpec> = Vec::new();
    for output in &text.output {
        let offset = output.span().start;
        let OutputText { name, datatype, dims } = output.get_ref();
        check_name("an output's name", name).map_err(|fault| fault.at(offset))?;
        let datatype = tensor_datatype(name, datatype).map_err(|fault| fault.at(offset))?;
        check_dims(name, dims).map_err(|fault| fault.at(offset))?;
        if outputs.iter().any(|other| other.name == *name) {
            return Err(Fault::new(format!("output `{name}` is there twice")).at(offset));
        }
        outputs.push(OutputSpec { name: name.clone(), datatype, dims: dims.clone() });
    }
    Ok(outputs)
}

/// One of the datatypes that torch tensors have.
pub(super) fn tensor_datatype(name: &str, datatype: &str) -> Result<Datatype, Fault> {
    TENSOR_DATATYPES.into_iter().find(|allowed| allowed.name() == datatype).ok_or_else(|| {
        Fault::new(format!(
            "tensor `{name}` has datatype `{datatype}`; it must be one of {}",
            TENSOR_DATATYPES.map(Datatype::name).join(", ")
        ))
    })
}

pub(super) fn check_dims(name: &str, dims: &[i64]) -> Result<(), Fault> {
    if dims.len() >= MAX_DIMS || dims.iter().any(|dim| *dim == 0 || !(-1..=1 << 24).contains(dim)) {
        return Err(Fault::new(format!(
            "tensor `{name}` has dims = {dims:?}; at most {} sizes are allowed, each −1 or 1 to 16777216",
            MAX_DIMS - 1
        )));
    }
    Ok(())
}

/// A model thread for every two cores that the process may use, by its cgroup's limit too: the other half decodes and
/// answers. Threads beyond that would only make batches smaller.
fn instances_by_cores() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    (cores / 2).clamp(1, MAX_INSTANCES)
}

/// Names of models, tensors and features are printable, without NUL, and at most 128 bytes.
pub fn check_name(what: &str, name: &str) -> Result<(), Fault> {
    if name.is_empty() || name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
        return Err(Fault::new(format!(
            "{what} is {name:?}; it must be 1 to {MAX_NAME_BYTES} bytes without control characters"
        )));
    }
    Ok(())
}
