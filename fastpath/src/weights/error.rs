//! What can be wrong with a TorchScript file.

use std::fmt;
use std::io;

/// Why a file does not load; printed, it goes on from "model.pt does not load: ".
#[derive(Debug)]
pub enum ModelFileError {
    Io(io::Error),
    /// No end of a zip directory where the file ends.
    NotAnArchive,
    /// The directory contradicts itself or the file.
    Directory(&'static str),
    /// An entry that cannot be what it says it is.
    Entry {
        name: String,
        what: &'static str,
    },
    /// An entry's bytes are not those that were written.
    Checksum {
        name: String,
        found: u32,
        expected: u32,
    },
    /// An entry that a TorchScript file cannot do without.
    Missing {
        name: String,
        why: &'static str,
    },
    /// The directory at the end of the pass over the file is not the one at its beginning.
    Changed,
    /// The system gives no memory of this many bytes.
    Memory {
        bytes: usize,
    },
}

impl ModelFileError {
    pub(super) fn entry(name: &str, what: &'static str) -> Self {
        Self::Entry { name: name.to_owned(), what }
    }

    pub(super) fn missing(name: &str, why: &'static str) -> Self {
        Self::Missing { name: name.to_owned(), why }
    }
}

impl fmt::Display for ModelFileError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                out.write_str("the file became shorter while it was read")
            }
            Self::Io(error) => write!(out, "it cannot be read: {error}"),
            Self::NotAnArchive => out.write_str("it is not, or not all of, a file that torch.jit.save wrote"),
            Self::Directory(what) => write!(out, "the archive's directory is damaged: {what}"),
            Self::Entry { name, what } => write!(out, "{name:?} is damaged: {what}"),
            Self::Checksum { name, found, expected } => {
                write!(out, "{name:?} is damaged: its checksum is {found:08x}, {expected:08x} was written")
            }
            Self::Missing { name, why } => write!(out, "{name:?} is missing: {why}"),
            Self::Changed => out.write_str("the file was changed while it was read"),
            Self::Memory { bytes } => {
                write!(out, "the system has no memory for a tensor of {bytes} bytes")
            }
        }
    }
}

impl From<io::Error> for ModelFileError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
