//! The HTTP port: the Open Inference Protocol's REST form, with Triton's binary tensor data, and rows of features as JSON.
//!
//! It is for whoever has curl and no stubs; what must be fast goes over gRPC. One thread of its own (`listener`,
//! `connection`) reads requests (`route`, `body`), makes of them what the engine takes (`infer_request`, `predict_request`),
//! waits for its answer (`calls`) and writes that as JSON (`infer_answer`, `predict_answer`). Nothing here decides what a
//! tensor or a feature may be: the engine refuses the same requests as at the other doors, in the same words. What is asked
//! seldom (`rpc`) is the servicer's in Python to answer (`servicer`).

pub mod answer;
mod body;
mod calls;
mod connection;
mod encoding;
pub mod infer_answer;
pub mod infer_request;
mod json_text;
mod listener;
mod metadata;
mod parameters;
mod patience;
pub mod predict_answer;
pub mod predict_request;
mod route;
mod routing_key;
mod rpc;
mod service;
mod servicer;
mod syntax;
mod tensor_data;
pub mod warmup_rows;

pub use listener::{Behind, Port, Settings};
pub use servicer::{RpcCall, RpcFailure, RpcOutcome, Servicer};
