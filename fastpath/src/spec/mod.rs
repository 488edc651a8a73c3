//! model.toml: the text that says what a model takes, how features become tensors, and how it batches
//! (docs/model-toml.md). `text` is the file's keys as they stand; `model`, `inputs` and `versions` are the same, checked.

pub mod edit;
pub mod error;
pub mod files;
pub mod fit_text;
pub mod inputs;
pub mod model;
mod op_text;
#[cfg(test)]
mod schema;
pub mod text;
pub mod versions;
pub mod versions_text;

pub use error::SpecError;
pub use inputs::{InputSpec, Role};
pub use model::{ModelSpec, OutputSpec};
pub use versions::VersionsSpec;
