//! The feature program: what turns named features into the model's input tensors.
//!
//! `compile` makes a `Program` of a model.toml once; `examples`, `columns` and `tensors` decode the
//! forms that requests have into the same `rows::RowBlock`. Nothing here waits, locks or logs.

mod builder;
mod category;
mod cell;
pub mod columns;
mod compile;
mod compile_ops;
mod default;
pub mod examples;
pub mod fault;
pub mod hash;
mod layout;
mod list_form;
mod number;
mod ops_text;
mod pipeline;
mod place;
pub mod program;
mod quick;
pub mod rows;
pub mod statistics;
pub mod template;
pub mod tensors;
mod time;

pub use compile::compile;
pub use fault::RowsError;
pub use program::Program;
pub use rows::{Column, RowBlock};
