//! What penstock does for every request, without Python: decoding, features, batching, packing, encoding.
//!
//! `wire` ← `spec`, `features` ← `batch` ← `engine` ← `door` ← `rest`, `offline` ← `python`, and beside them `grpc`, `http2` ← `client` ← `load`, and `weights`. Only `python` names pyo3, and only
//! with the feature of that name; everything else builds and tests without Python.

pub mod batch;
pub mod client;
pub mod door;
pub mod engine;
pub mod features;
pub mod grpc;
pub mod http2;
pub mod load;
pub mod metrics;
pub mod offline;
#[cfg(feature = "python")]
mod python;
pub mod rest;
pub mod spec;
pub mod status;
pub mod weights;
pub mod wire;
