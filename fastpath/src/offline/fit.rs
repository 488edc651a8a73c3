//! Fits the operations that say `fit` to training rows.
//!
//! Chains are fitted front to back: an operation behind a fitted one sees what that one gives. So there is a pass over
//! the rows for each fitted operation of the longest chain, which is one pass nearly always.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use toml::Spanned;

use super::found::{fitted, vocabulary};
use super::probe::{Need, Probe, ProbeError, Seen, look};
use super::table::Table;
use super::work::{Stopped, Work};
use super::written::Written;
use crate::features::RowsError;
use crate::features::fitted::{is_unfitted, op_name};
use crate::features::tally::Counts;
use crate::spec::error::{Fault, SpecError};
use crate::spec::fit_text::{Fit, VocabFit};
use crate::spec::model::ModelSpec;
use crate::spec::text::{FeatureText, OpText};

/// Why nothing was fitted. Files are written last, so that they are then as they were.
#[derive(Debug)]
pub enum FitError {
    Spec(SpecError),
    Rows(RowsError),
    /// A file that cannot be written.
    Write(String),
}

impl fmt::Display for FitError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spec(error) => error.fmt(out),
            Self::Rows(error) => error.fmt(out),
            Self::Write(message) => out.write_str(message),
        }
    }
}

/// A model.toml while its operations are being fitted.
struct Fitting {
    /// Operations that are to be fitted have no parameters, until they are.
    spec: ModelSpec,
    /// The vocabulary operations of each file that is fitted, whether they say `fit` themselves or only name it.
    files: Vec<SharedFile>,
}

/// A vocabulary file that is fitted.
struct SharedFile {
    name: String,
    fit: VocabFit,
    /// The features whose values it is fitted to, and all that name it; a vocabulary is the first operation of its
    /// feature.
    fitted_to: Vec<usize>,
    named_by: Vec<usize>,
}

/// Fits the model in the folder and writes what was found: vocabulary files (beside the version, where one is
/// given) and model.toml.
pub fn fit<R: AsRef<[u8]> + Sync>(
    model_folder: &Path,
    version: Option<u64>,
    table: &Table<R>,
    work: &mut Work<'_>,
) -> Result<(), Stopped<FitError>> {
    let path = model_folder.join("model.toml");
    let read = std::fs::read_to_string(&path);
    let text =
        read.map_err(|error| FitError::Write(format!("{}: cannot be read: {error}", path.display())))?;
    let in_file = |fault: Fault| FitError::Spec(fault.in_file(&path.display().to_string(), &text));
    let spec = ModelSpec::load(model_folder, version).map_err(FitError::Spec)?;
    let mut fitting = Fitting::new(spec.clone()).map_err(in_file)?;
    loop {
        let probes = fitting.next();
        if probes.is_empty() {
            break;
        }
        let seen = match look(&fitting.spec, &probes, table, work) {
            Ok(seen) => seen,
            Err(Stopped::Interrupted) => return Err(Stopped::Interrupted),
            Err(Stopped::Failed(ProbeError::Compile(fault))) => return Err(in_file(fault).into()),
            Err(Stopped::Failed(ProbeError::Rows(error))) => return Err(FitError::Rows(error).into()),
        };
        fitting.take(&probes, seen).map_err(in_file)?;
    }
    // Everything that fitting leaves behind is written here, model.toml last.
    let written = Written::of(&spec, &fitting.spec, &text).map_err(in_file)?;
    written.write(&path, &spec.folders).map_err(FitError::Write)?;
    Ok(())
}

impl Fitting {
    /// Takes the parameters out of every operation that says `fit`.
    fn new(mut spec: ModelSpec) -> Result<Self, Fault> {
        let files = shared_files(&spec)?;
        let mut any = false;
        for op in spec.text.feature.iter_mut().flat_map(|feature| &mut feature.get_mut().ops) {
            any |= clear(op);
            let OpText::Vocab { file, fit, .. } = op else { continue };
            // Unknown until the file is fitted, also where the feature only names it.
            if let Some(shared) = files.iter().find(|shared| Some(&shared.name) == file.as_ref()) {
                *file = None;
                fit.get_or_insert(Fit(shared.fit));
            }
        }
        if any {
            return Ok(Self { spec, files });
        }
        Err(Fault::new("no operation says fit = true, so there is nothing to fit (docs/training.md)"))
    }

    /// The first operation of each chain that is still to be fitted.
    fn next(&self) -> Vec<Probe> {
        let features = self.spec.text.feature.iter().enumerate();
        let probe = |(feature, text): (usize, &Spanned<FeatureText>)| {
            let ops = &text.get_ref().ops;
            let op = ops.iter().position(|op| is_unfitted(&self.spec, op))?;
            let need = Need::of(ops.get(op)?)?;
            Some(Probe { feature, op, need })
        };
        features.filter_map(probe).collect()
    }

    /// Sets the parameters of the operations at the probes.
    fn take(&mut self, probes: &[Probe], seen: Vec<Seen>) -> Result<(), Fault> {
        let mut counts: BTreeMap<usize, Counts> = BTreeMap::new();
        for (probe, seen) in probes.iter().zip(seen) {
            match seen {
                Seen::Counts(found) => {
                    counts.insert(probe.feature, found);
                }
                seen => self.set(probe.feature, probe.op, |op| fitted(op, seen))?,
            }
        }
        for shared in std::mem::take(&mut self.files) {
            let mut all = Counts::default();
            for feature in &shared.named_by {
                let found = counts.remove(feature).unwrap_or_default();
                if shared.fitted_to.contains(feature) {
                    all.add(found);
                }
            }
            let first = shared.fitted_to.first().copied().unwrap_or(0);
            let values = vocabulary(all, shared.fit).map_err(|problem| self.wrong(first, 0, &problem))?;
            for feature in shared.named_by {
                self.set(feature, 0, |op| Ok(with_values(op, values.clone())))?;
            }
        }
        for (feature, found) in counts {
            self.set(feature, 0, |op| match op {
                OpText::Vocab { fit: Some(Fit(fit)), .. } => {
                    vocabulary(found, *fit).map(|values| with_values(op, values))
                }
                _ => Ok(op.clone()),
            })?;
        }
        Ok(())
    }

    fn set(
        &mut self,
        feature: usize,
        op: usize,
        fitted: impl FnOnce(&OpText) -> Result<OpText, String>,
    ) -> Result<(), Fault> {
        let text = self.spec.text.feature.get_mut(feature);
        let Some(place) = text.and_then(|text| text.get_mut().ops.get_mut(op)) else { return Ok(()) };
        match fitted(place) {
            Ok(fitted) => {
                *place = fitted;
                Ok(())
            }
            Err(problem) => Err(self.wrong(feature, op, &problem)),
        }
    }

    fn wrong(&self, feature: usize, op: usize, problem: &str) -> Fault {
        let Some(text) = self.spec.text.feature.get(feature) else { return Fault::new(problem) };
        let name = text.get_ref().ops.get(op).map_or("", op_name);
        Fault::new(format!("feature `{}`: {name} cannot be fitted: {problem}", text.get_ref().name))
            .at(text.span().start)
    }
}

/// The vocabulary files that some operation says are fitted.
fn shared_files(spec: &ModelSpec) -> Result<Vec<SharedFile>, Fault> {
    let mut files: Vec<SharedFile> = Vec::new();
    let vocabularies = || {
        spec.text.feature.iter().enumerate().filter_map(|(index, feature)| {
            match feature.get_ref().ops.first() {
                Some(OpText::Vocab { file: Some(file), fit, .. }) => {
                    Some((index, feature.span().start, file, fit))
                }
                _ => None,
            }
        })
    };
    for (index, at, file, fit) in vocabularies() {
        let Some(Fit(fit)) = fit else { continue };
        match files.iter_mut().find(|shared| shared.name == *file) {
            None => files.push(SharedFile {
                name: file.clone(),
                fit: *fit,
                fitted_to: vec![index],
                named_by: Vec::new(),
            }),
            Some(shared) if shared.fit == *fit => shared.fitted_to.push(index),
            Some(_) => {
                let message = format!("vocab.file {file:?} is fitted in two ways; write one of them");
                return Err(Fault::new(message).at(at));
            }
        }
    }
    for (index, _, file, _) in vocabularies() {
        if let Some(shared) = files.iter_mut().find(|shared| shared.name == *file) {
            shared.named_by.push(index);
        }
    }
    Ok(files)
}

/// Takes the parameters out of an operation that says `fit`; whether it does.
fn clear(op: &mut OpText) -> bool {
    match op {
        OpText::Clip { min, max, fit: Some(_) } | OpText::MinMax { min, max, fit: Some(_) } => {
            (*min, *max) = (None, None);
        }
        OpText::Standardize { mean, std, fit: Some(_) } => (*mean, *std) = (None, None),
        OpText::Bucketize { boundaries, fit: Some(_) } => *boundaries = None,
        OpText::Quantile { quantiles, fit: Some(_), .. } => *quantiles = None,
        OpText::Vocab { values, fit: Some(_), .. } => *values = None,
        _ => return false,
    }
    true
}

fn with_values(op: &OpText, found: Vec<toml::Value>) -> OpText {
    let mut op = op.clone();
    if let OpText::Vocab { values, .. } = &mut op {
        *values = Some(found);
    }
    op
}
