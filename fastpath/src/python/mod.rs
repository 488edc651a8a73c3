//! `penstock._fastpath`: the engine as Python sees it. The only folder that names pyo3.
//!
//! service/penstock/_fastpath.pyi is the typed face of what is registered here.

#![allow(
    clippy::needless_pass_by_value,
    clippy::unused_self,
    reason = "what a Python method looks like is pyo3's to say"
)]

mod array;
mod baseline;
mod batch;
mod calls;
mod channel;
mod channel_calls;
mod dlpack;
mod door;
mod engine;
mod http;
mod http_reply;
mod infer_call;
mod load;
mod load_outcome;
mod load_parts;
mod loop_end;
mod many_calls;
mod memory;
mod message;
mod offline;
mod prediction;
mod program;
mod queue;
mod spec;
mod statistics;
mod table;
mod versions;
mod warmup;
mod weights;

use pyo3::create_exception;
use pyo3::exceptions::{PyLookupError, PyValueError};
use pyo3::prelude::*;

/// Rows and answers are made on one thread and freed on another, once a request; glibc's allocator makes both ends wait.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

create_exception!(penstock._fastpath, SpecError, PyValueError);
create_exception!(penstock._fastpath, RequestError, PyValueError);
create_exception!(penstock._fastpath, RouteError, PyLookupError);

#[pymodule]
fn _fastpath(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("SpecError", module.py().get_type::<SpecError>())?;
    module.add("RequestError", module.py().get_type::<RequestError>())?;
    module.add("RouteError", module.py().get_type::<RouteError>())?;
    module.add_class::<spec::TensorSpec>()?;
    module.add_class::<spec::PyModelSpec>()?;
    module.add_class::<baseline::BaselineRecorder>()?;
    module.add_class::<program::ProgramLine>()?;
    module.add_class::<program::LineTrace>()?;
    module.add_class::<array::Array>()?;
    module.add_class::<table::PyTable>()?;
    module.add_function(wrap_pyfunction!(offline::transform_table, module)?)?;
    module.add_function(wrap_pyfunction!(offline::fit_table, module)?)?;
    module.add("DamagedModelFile", module.py().get_type::<weights::DamagedModelFile>())?;
    module.add_class::<weights::PyModelFile>()?;
    module.add_class::<weights::PyModelParts>()?;
    module.add_function(wrap_pyfunction!(weights::reclaiming_bytes, module)?)?;
    module.add_class::<engine::PyEngine>()?;
    module.add_class::<statistics::VersionStatistics>()?;
    module.add_class::<versions::VersionPolicy>()?;
    module.add_class::<versions::Canary>()?;
    module.add_class::<calls::Calls>()?;
    module.add_class::<door::PyDoor>()?;
    module.add_class::<http::PyHttpPort>()?;
    module.add_class::<http_reply::HttpReply>()?;
    module.add_class::<queue::PyQueue>()?;
    module.add_class::<queue::Batches>()?;
    module.add_class::<batch::PyBatch>()?;
    module.add_function(wrap_pyfunction!(cores, module)?)?;
    module.add_class::<channel::PyChannel>()?;
    module.add_class::<channel_calls::ChannelCalls>()?;
    module.add_class::<many_calls::ManyCalls>()?;
    module.add_class::<load::LoadRun>()?;
    module.add_class::<load_outcome::LoadOutcome>()?;
    module.add_class::<prediction::Prediction>()?;
    module.add_function(wrap_pyfunction!(infer_call::encode_infer, module)?)?;
    module.add_function(wrap_pyfunction!(message::encode_columns, module)?)?;
    Ok(())
}

#[pyfunction]
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
