//! Which version answers a call: a table that is read without a lock and replaced whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use parking_lot::Mutex;

use super::{Route, Version};
use crate::spec::model::MAX_NAME_BYTES;
use crate::status::{Code, Status};

/// The models that are known, and the versions of each that serve.
#[derive(Default)]
pub struct Routes {
    table: ArcSwap<Table>,
    /// Held while a table is replaced, so that no change is lost.
    changes: Mutex<()>,
}

#[derive(Clone, Default)]
struct Table {
    models: HashMap<Box<str>, Entry, RandomState>,
}

#[derive(Clone, Default)]
struct Entry {
    serving: BTreeMap<u64, Arc<Route>>,
    /// Versions that are known but do not serve, with the reason; the key none is the whole model.
    unavailable: BTreeMap<Option<u64>, Arc<str>>,
}

impl Routes {
    /// The version that a request names, or the highest one that serves. `version` is a decimal number or empty.
    ///
    /// # Errors
    /// `NotFound`: unknown. `Unavailable`: known, but not serving. `InvalidArgument`: no name or no version.
    pub fn find(&self, name: &str, version: &str) -> Result<Arc<Route>, Status> {
        let table = self.table.load();
        let Some(entry) = table.models.get(name) else {
            return Err(unknown_name(name));
        };
        if version.is_empty() {
            return match entry.serving.values().next_back() {
                Some(version) => Ok(Arc::clone(version)),
                None => Err(entry.why_not(name, None)),
            };
        }
        let number = version.parse::<u64>().ok().filter(|number| number.to_string() == version).ok_or_else(|| {
            Status::invalid(
                "model_version",
                format!("Version {:?} is not a version number; send a decimal number, or nothing for the default.", shorten(version)),
            )
        })?;
        entry.serving.get(&number).map(Arc::clone).ok_or_else(|| entry.why_not(name, Some(number)))
    }

    /// Lets a version serve; in place of the one with its number, if there is one.
    pub fn add(&self, route: Arc<Route>) {
        let number = route.model.version;
        let name = route.model.spec.name.clone();
        self.change(&name, |entry| {
            entry.unavailable.remove(&Some(number));
            entry.unavailable.remove(&None);
            entry.serving.insert(number, route);
        });
    }

    /// Takes a version out of service, and says whether it was in it; calls that have found it finish. Another one
    /// that has taken its number is left alone.
    pub fn remove(&self, version: &Version) -> bool {
        let number = version.model.version;
        let mut removed = None;
        self.change(&version.model.spec.name, |entry| {
            if entry.serving.get(&number).is_some_and(|route| route.is_to(version)) {
                removed = entry.serving.remove(&number);
            }
        });
        removed.is_some()
    }

    /// Why a version, or without a number the whole model, does not serve.
    pub fn set_unavailable(&self, name: &str, number: Option<u64>, reason: &str) {
        self.change(name, |entry| {
            // What is known of a version says more than what was known of the whole.
            entry.unavailable.remove(&None);
            entry.unavailable.insert(number, reason.into());
        });
    }

    /// That there is no such version, or without a number no such model, any more; what serves goes on.
    pub fn forget(&self, name: &str, number: Option<u64>) {
        let _one_at_a_time = self.changes.lock();
        let mut table = Table::clone(&self.table.load());
        let Some(entry) = table.models.get_mut(name) else { return };
        match number {
            Some(_) => entry.unavailable.retain(|key, _| *key != number),
            None => entry.unavailable.clear(),
        }
        if entry.serving.is_empty() && entry.unavailable.is_empty() {
            table.models.remove(name);
        }
        self.table.store(Arc::new(table));
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Entry)) {
        let _one_at_a_time = self.changes.lock();
        let mut table = Table::clone(&self.table.load());
        change(table.models.entry(name.into()).or_default());
        self.table.store(Arc::new(table));
    }
}

impl Entry {
    fn why_not(&self, name: &str, number: Option<u64>) -> Status {
        // Without a number the highest version would answer.
        let any = || self.unavailable.values().next_back().filter(|_| number.is_none());
        let reason = self.unavailable.get(&number).or_else(|| self.unavailable.get(&None)).or_else(any);
        match (reason, number) {
            (Some(reason), _) => {
                Status::new(Code::Unavailable, format!("Model {name:?} is not ready: {reason}"))
            }
            (None, Some(number)) => {
                let known = self.serving.keys().map(u64::to_string).collect::<Vec<_>>().join(", ");
                let known = if known.is_empty() { "none" } else { &known };
                Status::new(
                    Code::NotFound,
                    format!("Model {name:?} has no version {number}; it serves {known}."),
                )
            }
            (None, None) => {
                Status::new(Code::NotFound, format!("Model {name:?} has no version that serves."))
            }
        }
    }
}

/// No model is looked for on disk: a name is known or it is not.
fn unknown_name(name: &str) -> Status {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if name.is_empty() {
        return Status::invalid("model_name", "The request names no model; set model_name.");
    }
    if name.len() > MAX_NAME_BYTES || name.starts_with(['.', '-']) || !name.chars().all(legal) {
        return Status::invalid(
            "model_name",
            format!(
                "Model name {:?} is not a name; a name is 1 to {MAX_NAME_BYTES} letters, digits, '_', '.' and '-', \
                 and begins with a letter, digit or '_'.",
                shorten(name)
            ),
        );
    }
    Status::new(Code::NotFound, format!("Model {name:?} is not in the repository."))
}

/// The front of a text that a caller sent, for a message.
fn shorten(text: &str) -> String {
    text.chars().take(MAX_NAME_BYTES).collect()
}
