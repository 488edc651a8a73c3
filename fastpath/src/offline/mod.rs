//! The feature program on training data: tables of any length, on all cores.
//!
//! `table` is the rows, as Arrow arrays or as serialized Examples; `transform` makes the model's
//! tensors of them and `fit` the program's own parameters. Both cut the rows into chunks (`work`) and
//! have the decoders that serve read them, so that there is no second formula that could differ.

mod arrow_cells;
pub mod fit;
mod found;
mod moments;
mod probe;
mod quantiles;
pub mod table;
pub mod transform;
pub mod work;
mod written;

pub use table::{Columns, Table};
pub use work::{Stopped, Work};
