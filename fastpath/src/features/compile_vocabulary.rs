//! Compiles vocabularies, from model.toml itself or from a file beside the model.

use super::category::Vocabulary;
use crate::spec::error::Fault;
use crate::spec::model::ModelSpec;
use crate::spec::text::{FeatureText, FeatureType, OpText};

/// Leaves every id, known or not, far inside 64 bits.
const MAX_OOV_BUCKETS: u64 = 1 << 62;

/// The vocabulary of a `vocab` operation on values of the feature's type.
pub(super) fn vocabulary(spec: &ModelSpec, text: &FeatureText, op: &OpText) -> Result<Vocabulary, Fault> {
    let OpText::Vocab { values, file, oov_buckets, ints, .. } = op else {
        return Err(Fault::new("not a vocabulary"));
    };
    let lines = match (values, file) {
        (Some(values), None) => values
            .iter()
            .map(|value| match value {
                toml::Value::String(value) => Ok(value.clone()),
                toml::Value::Integer(value) => Ok(value.to_string()),
                other => {
                    Err(Fault::new(format!("vocab.values holds {other}; it must hold text or integers")))
                }
            })
            .collect::<Result<Vec<_>, _>>()?,
        (None, Some(file)) => vocabulary_file(spec, file)?,
        _ => return Err(Fault::new("vocab needs either values or file, or fit = true")),
    };
    if lines.is_empty() {
        return Err(Fault::new("vocab is empty; it needs at least one value"));
    }
    if *oov_buckets > MAX_OOV_BUCKETS {
        return Err(Fault::new(format!(
            "vocab.oov_buckets is {oov_buckets}; it must be 0 to {MAX_OOV_BUCKETS}"
        )));
    }
    let vocabulary = if text.kind == FeatureType::Int {
        let values = lines
            .iter()
            .map(|line| {
                line.trim()
                    .parse()
                    .map_err(|_| Fault::new(format!("vocab holds {line:?}, which is no 64-bit integer")))
            })
            .collect::<Result<Vec<i64>, _>>()?;
        Vocabulary::ints(&values, *oov_buckets, *ints)
    } else {
        Vocabulary::bytes(lines.iter().map(String::as_bytes), *oov_buckets)
    };
    vocabulary.ok_or_else(|| Fault::new("vocab holds a value twice"))
}

/// One value a line. Only files beside the model are read: no separators, no parent folders.
fn vocabulary_file(spec: &ModelSpec, file: &str) -> Result<Vec<String>, Fault> {
    if file.is_empty() || file.starts_with('.') || file.contains(['/', '\\', '\0']) {
        return Err(Fault::new(format!(
            "vocab.file is {file:?}; it must be the name of a file in the model's folder"
        )));
    }
    let path =
        spec.folders.iter().map(|folder| folder.join(file)).find(|path| path.exists()).ok_or_else(|| {
            Fault::new(format!("vocab.file {file:?} is neither in the version's folder nor in the model's"))
        })?;
    let root = spec.folders.last().and_then(|folder| folder.canonicalize().ok());
    let inside = path.canonicalize().ok().zip(root).is_some_and(|(path, root)| path.starts_with(root));
    if !inside {
        return Err(Fault::new(format!("vocab.file {file:?} leads out of the model's folder")));
    }
    let text = std::fs::read_to_string(&path)
        .map_err(|error| Fault::new(format!("vocab.file {file:?} cannot be read: {error}")))?;
    Ok(text.lines().map(str::to_owned).collect())
}
