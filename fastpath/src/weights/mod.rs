//! TorchScript files: their zip archive read, checked and taken apart, so that torch is left with what is small.
//!
//! `torch.jit.load` reads a file while it holds the interpreter's lock. Here a thread of low priority reads the storages
//! into memory of their own (`read`), and what is left of the archive, pickles and code, becomes a small archive for
//! torch (`skeleton`), which finds the storages by their keys. Nothing is unpickled here; `pickle` looks at opcodes.
//!
//! A file is as trusted as code is, but it may be damaged, cut or no archive at all: every length is checked against
//! the file before memory is made for it.

mod directory;
mod entry;
mod error;
mod memory;
mod model_file;
mod pace;
mod pickle;
mod priority;
mod read;
mod reclaim;
mod skeleton;
mod source;

#[cfg(test)]
mod hostile;

pub use self::error::ModelFileError;
pub use self::memory::Memory;
pub use self::model_file::{ModelFile, ModelParts, Unpacked};
pub use self::pace::Pace;
pub use self::reclaim::waiting_bytes;
pub use self::source::Source;
