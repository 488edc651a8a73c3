//! A TorchScript file, opened; and what is in it, read.

use std::collections::BTreeMap;

use super::directory::Directory;
use super::entry::Role;
use super::error::ModelFileError;
use super::memory::Memory;
use super::pace::Pace;
use super::pickle::{self, Key};
use super::read::{self, Contents};
use super::skeleton::Writer;
use super::source::Source;

/// Keys of constants begin anew at 0; with this before them, they are told from those of the module's data.
const CONSTANTS: &str = "constants/";
const DATA: &str = "data/";

/// A file whose directory has been read and checked.
pub struct ModelFile<S> {
    source: S,
    directory: Directory,
}

impl<S: Source> ModelFile<S> {
    pub fn open(source: S) -> Result<Self, ModelFileError> {
        let directory = Directory::read(&source)?;
        let has =
            |name: &str| directory.entries.iter().any(|entry| entry.name == name && entry.role == Role::Kept);
        if !has("data.pkl") {
            return Err(ModelFileError::missing("data.pkl", "torch.jit.save did not write this archive"));
        }
        if !has("constants.pkl") && !has("model.json") {
            return Err(ModelFileError::missing(
                "constants.pkl",
                "torch.jit.save writes it; a file of torch.save has no code to serve",
            ));
        }
        Ok(Self { source, directory })
    }

    /// Of memory that a loaded model holds: its storages and what torch reads besides.
    pub fn weights_bytes(&self) -> usize {
        let read = self.directory.entries.iter().filter(|entry| entry.role != Role::Other);
        read.fold(0, |sum, entry| sum.saturating_add(entry.bytes))
    }

    /// Reads everything once, on the calling thread, whose priority it lowers for good; `digest` asks for the SHA-256.
    pub fn read(&self, digest: bool, pace: Pace) -> Result<ModelParts, ModelFileError> {
        super::priority::lower();
        read::read(&self.source, &self.directory, digest, pace).map(ModelParts)
    }

    /// The file as it is, with its SHA-256; as with `read` for priority.
    pub fn read_whole(&self, pace: Pace) -> Result<(Memory, [u8; 32]), ModelFileError> {
        super::priority::lower();
        read::read_whole(&self.source, pace)
    }
}

/// What was read, each checksum right.
pub struct ModelParts(Contents);

/// What torch gets in place of the file.
pub enum Unpacked {
    /// A small archive, and the storages by the keys that its pickles have for them.
    Parts { skeleton: Vec<u8>, storages: Vec<(String, Memory)> },
    /// The file has something that only `torch.jit.load` itself does right; says what.
    Unusual(&'static str),
}

impl ModelParts {
    #[must_use]
    pub fn sha256(&self) -> Option<[u8; 32]> {
        self.0.sha256
    }

    /// What torch gets, once the digest, where one is known, was found right: the pickles are looked at here.
    pub fn unpack(self) -> Result<Unpacked, ModelFileError> {
        let kept = &self.0.kept;
        if kept.contains_key("model.json") {
            return Ok(Unpacked::Unusual("the form of torch before 1.4"));
        }
        if kept.get("byteorder").is_some_and(|order| order != b"little") {
            return Ok(Unpacked::Unusual("the byte order of another machine"));
        }
        let pickle = |name| kept.get(name).map(Vec::as_slice).unwrap_or_default();
        let (data, constants) = (pickle("data.pkl"), pickle("constants.pkl"));
        if let Some(keys) = pickle::keys(data) {
            self.check_storages(&keys, DATA, "data.pkl needs it")?;
        }
        let Some(keys) = pickle::keys(constants) else {
            return Ok(Unpacked::Unusual("constants that are pickled otherwise"));
        };
        self.check_storages(&keys, CONSTANTS, "constants.pkl needs it")?;
        let Some(constants) = pickle::with_prefix(constants, &keys, CONSTANTS) else {
            return Ok(Unpacked::Unusual("a constant's text that names a storage too"));
        };
        let skeleton = archive(kept, data, &constants)?;
        let key = |name: String| name.strip_prefix(DATA).map(str::to_owned).unwrap_or(name);
        let storages = self.0.storages.into_iter().map(|(name, memory)| (key(name), memory)).collect();
        Ok(Unpacked::Parts { skeleton, storages })
    }

    /// Looks for the storages that a pickle names.
    fn check_storages(&self, keys: &[Key], folder: &str, why: &'static str) -> Result<(), ModelFileError> {
        for key in keys.iter().filter(|key| key.has_elements) {
            let name = format!("{folder}{}", key.text);
            if !self.0.storages.contains_key(&name) {
                return Err(ModelFileError::Missing { name, why });
            }
        }
        Ok(())
    }
}

fn archive(
    kept: &BTreeMap<String, Vec<u8>>,
    data: &[u8],
    constants: &[u8],
) -> Result<Vec<u8>, ModelFileError> {
    let version = kept
        .get("version")
        .ok_or_else(|| ModelFileError::missing("version", "it says by which rules the code is to be read"))?;
    let mut out = Writer::default();
    out.add(".data/version", version)?;
    out.add(".data/ts_code/0/data.pkl", data)?;
    out.add(".data/ts_code/0/constants.pkl", constants)?;
    for (name, bytes) in kept.iter().filter(|(name, _)| name.starts_with("code/")) {
        out.add(&format!(".data/ts_code/{name}"), bytes)?;
    }
    out.finish()
}
