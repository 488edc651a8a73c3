//! What fitting leaves behind: vocabulary files, and parameters in model.toml.

use std::fs;
use std::path::{Path, PathBuf};

use crate::spec::edit::{Edit, edited};
use crate::spec::error::Fault;
use crate::spec::model::ModelSpec;
use crate::spec::text::{ModelText, OpText};

/// Values that a vocabulary without a file holds in model.toml itself; larger ones get a file.
const INLINE_VALUES: usize = 256;
/// The width at which arrays go on in the next line.
const LINE_BYTES: usize = 100;

/// Files as they are to be.
pub(super) struct Written {
    model_toml: String,
    /// Name and text.
    vocabularies: Vec<(String, String)>,
}

impl Written {
    /// `text` is the model.toml that `before` was read from; `fitted` is the same with parameters.
    pub fn of(before: &ModelSpec, fitted: &ModelSpec, text: &str) -> Result<Self, Fault> {
        let mut written = Self { model_toml: String::new(), vocabularies: Vec::new() };
        let mut edits = Vec::new();
        let mut expected = Vec::new();
        for (feature, (old, new)) in before.text.feature.iter().zip(&fitted.text.feature).enumerate() {
            let name = &old.get_ref().name;
            for (op, pair) in old.get_ref().ops.iter().zip(&new.get_ref().ops).enumerate() {
                let written = written.op(name, pair).map_err(|fault| fault.at(old.span().start))?;
                let Some(now) = written else { continue };
                let edit = |(key, value)| Edit { feature, op, key, value };
                edits.extend(parameters(&now).into_iter().map(edit));
                expected.push((feature, op, now));
            }
        }
        written.model_toml = edited(text, &edits)?;
        let reread: ModelText = toml::from_str(&written.model_toml)?;
        let right = expected.iter().all(|(feature, op, now)| {
            let read = reread.feature.get(*feature).and_then(|feature| feature.get_ref().ops.get(*op));
            read == Some(now)
        });
        if right { Ok(written) } else { Err(Fault::new("what was fitted cannot be written into the file")) }
    }

    /// What becomes of an operation, where it says `fit`.
    fn op(&mut self, feature: &str, (old, new): (&OpText, &OpText)) -> Result<Option<OpText>, Fault> {
        let fits = match old {
            OpText::Clip { fit, .. } => fit.is_some(),
            OpText::Standardize { fit, .. } | OpText::MinMax { fit, .. } => fit.is_some(),
            OpText::Bucketize { fit, .. } => fit.is_some(),
            OpText::Quantile { fit, .. } => fit.is_some(),
            OpText::Vocab { fit, .. } => fit.is_some(),
            _ => false,
        };
        if !fits {
            return Ok(None);
        }
        let mut now = new.clone();
        let (OpText::Vocab { values: held, file: named, .. }, OpText::Vocab { values, file, .. }) =
            (old, &mut now)
        else {
            return Ok(Some(now));
        };
        let count = values.as_ref().map_or(0, Vec::len);
        if let Some(name) = named {
            self.add_file(name, values.as_deref().unwrap_or_default())?;
        } else if held.is_none() && count > INLINE_VALUES {
            let name = format!("{feature}.txt");
            if name.starts_with('.') || name.contains(['/', '\\', '\0']) || self.has_file(&name) {
                return Err(Fault::new(format!(
                    "feature `{feature}`: its vocabulary of {count} values needs a file; write vocab.file"
                )));
            }
            self.add_file(&name, values.as_deref().unwrap_or_default())?;
            *file = Some(name);
        } else {
            return Ok(Some(now));
        }
        let OpText::Vocab { values, file, .. } = &mut now else { return Ok(None) };
        *values = None;
        *file = file.take().or_else(|| named.clone());
        Ok(Some(now))
    }

    fn has_file(&self, name: &str) -> bool {
        self.vocabularies.iter().any(|(other, _)| other == name)
    }

    fn add_file(&mut self, name: &str, values: &[toml::Value]) -> Result<(), Fault> {
        if self.has_file(name) {
            return Ok(());
        }
        let mut text = String::new();
        for value in values {
            match value {
                toml::Value::String(line) if line.contains(['\n', '\r']) => {
                    return Err(Fault::new(format!(
                        "vocab.file {name:?} cannot hold {line:?}, since it has one value a line; hash the feature"
                    )));
                }
                toml::Value::String(line) => text.push_str(line),
                other => text.push_str(&other.to_string()),
            }
            text.push('\n');
        }
        self.vocabularies.push((name.to_owned(), text));
        Ok(())
    }

    /// Writes each file as a whole: vocabularies into the first of the folders, then model.toml.
    pub fn write(&self, model_toml: &Path, folders: &[PathBuf]) -> Result<(), String> {
        let folder = folders.first().map_or_else(|| Path::new("."), PathBuf::as_path);
        for (name, text) in &self.vocabularies {
            replace(&folder.join(name), text)?;
        }
        replace(model_toml, &self.model_toml)
    }
}

/// Puts the text in the file's place at once, with the permissions of the file that was there.
fn replace(path: &Path, text: &str) -> Result<(), String> {
    let wrong = |error: std::io::Error| format!("{}: cannot be written: {error}", path.display());
    // Through a link, to the file itself.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    fs::write(&new, text).map_err(wrong)?;
    if let Ok(metadata) = fs::metadata(&path) {
        fs::set_permissions(&new, metadata.permissions()).map_err(wrong)?;
    }
    fs::rename(&new, &path).map_err(wrong)
}

/// The keys that fitting sets, and their values in TOML.
fn parameters(op: &OpText) -> Vec<(&'static str, String)> {
    let number = |key, value: Option<f64>| value.map(|value| (key, toml::Value::Float(value).to_string()));
    let pairs = match op {
        OpText::Clip { min, max, .. } | OpText::MinMax { min, max, .. } => {
            vec![number("min", *min), number("max", *max)]
        }
        OpText::Standardize { mean, std, .. } => vec![number("mean", *mean), number("std", *std)],
        OpText::Bucketize { boundaries: Some(boundaries), .. } => {
            vec![Some(("boundaries", numbers(boundaries)))]
        }
        OpText::Quantile { quantiles: Some(quantiles), .. } => {
            vec![Some(("quantiles", numbers(quantiles)))]
        }
        OpText::Vocab { values: Some(values), .. } => {
            vec![Some(("values", array(values.iter().map(ToString::to_string))))]
        }
        OpText::Vocab { file: Some(file), .. } => {
            vec![Some(("file", toml::Value::String(file.clone()).to_string()))]
        }
        _ => Vec::new(),
    };
    pairs.into_iter().flatten().collect()
}

fn numbers(values: &[f64]) -> String {
    array(values.iter().map(|value| toml::Value::Float(*value).to_string()))
}

/// An array of TOML, in several lines where one would be long.
fn array(values: impl Iterator<Item = String>) -> String {
    let mut lines = vec![String::new()];
    for value in values {
        if let Some(line) = lines.last_mut() {
            if line.is_empty() || line.len() + value.len() < LINE_BYTES {
                let comma = if line.is_empty() { "" } else { ", " };
                line.push_str(comma);
                line.push_str(&value);
            } else {
                lines.push(value);
            }
        }
    }
    match lines.as_slice() {
        [line] => format!("[{line}]"),
        lines => format!("[\n    {},\n]", lines.join(",\n    ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_arrays_go_on_in_further_lines() {
        let short = array(["1.0".to_owned(), "2.0".to_owned()].into_iter());
        assert_eq!(short, "[1.0, 2.0]");
        let long = array((0..100).map(|value| value.to_string()));
        assert!(long.lines().count() > 3 && long.lines().all(|line| line.len() <= LINE_BYTES + 8));
        let parsed: toml::Table = toml::from_str(&format!("x = {long}")).unwrap();
        assert_eq!(parsed["x"].as_array().map(Vec::len), Some(100));
    }
}
