//! The feature program: what turns named features into the model's input tensors.
//!
//! `compile` makes a `Program` of a model.toml once; `examples`, `columns`, `tensors` and `json_rows` decode the
//! forms that requests have into the same `rows::RowBlock`. Nothing here waits, locks or logs.

mod builder;
mod category;
mod cell;
pub mod clock;
pub mod columns;
mod compile;
mod compile_number;
mod compile_ops;
mod compile_row;
mod compile_vocabulary;
mod default;
pub mod examples;
pub mod fault;
pub mod fitted;
pub mod hash;
pub mod json_rows;
mod json_values;
mod late;
mod layout;
mod list_form;
mod normal;
mod number;
pub mod ops_text;
mod padding;
pub mod pipeline;
mod place;
pub mod program;
mod quantile;
mod quick;
mod quick_column;
mod range;
mod row_op;
pub mod rows;
pub mod tally;
pub mod template;
pub mod tensors;
mod time;
mod unhashed;

pub use clock::Clock;
pub use compile::{compile, compile_probe};
pub use fault::{FaultKind, RowsError};
pub use json_values::non_finite;
pub use program::Program;
pub use rows::{Column, RowBlock};
