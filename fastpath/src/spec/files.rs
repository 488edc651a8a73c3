//! The files that a model needs beside model.toml: in the version's folder, or in the model's.

use std::path::{Path, PathBuf};

use super::error::Fault;

/// The first file of this name in `folders`, the last of which is the model's own; none where there is no such file.
/// No name leads out of the model's folder, by whatever link.
pub fn find_file(folders: &[impl AsRef<Path>], name: &str) -> Result<Option<PathBuf>, Fault> {
    let found = folders.iter().map(|folder| folder.as_ref().join(name)).find(|path| path.exists());
    let Some(path) = found else { return Ok(None) };
    let root = folders.last().and_then(|folder| folder.as_ref().canonicalize().ok());
    let inside = path.canonicalize().ok().zip(root).is_some_and(|(path, root)| path.starts_with(root));
    if inside { Ok(Some(path)) } else { Err(Fault::new(format!("{name:?} leads out of the model's folder"))) }
}
