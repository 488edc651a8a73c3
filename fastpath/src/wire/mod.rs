//! Protobuf over hostile bytes: a reader, a writer, and one file a message.
//!
//! Everything here is total: no input panics, recurses, or allocates more than it holds. What the
//! bytes mean for a model is decided in `features`.

pub mod datatype;
pub mod entry_key;
pub mod error;
pub mod example;
pub mod infer_call;
pub mod infer_parameters;
pub mod infer_request;
pub mod infer_response;
pub mod predict_request;
pub mod predict_response;
pub mod reader;
pub mod tensor_contents;
pub mod varint;
pub mod writer;

pub use datatype::Datatype;
pub use error::{WireError, WireErrorKind};
pub use reader::{Reader, WireType};
pub use writer::Writer;
