//! Which version answers a call: a table that is read without a lock and replaced whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use parking_lot::Mutex;

use super::traffic::{Asked, Defaults, Traffic, shorten};
use super::{Route, Version};
use crate::metrics::traffic::TrafficMetrics;
use crate::spec::model::MAX_NAME_BYTES;
use crate::spec::versions::STABLE;
use crate::status::{Code, Status};

/// The models that are known, and the versions of each that serve.
#[derive(Default)]
pub struct Routes {
    table: ArcSwap<Table>,
    /// Held while a table is replaced, so that no change is lost.
    changes: Mutex<()>,
    metrics: Arc<TrafficMetrics>,
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
    traffic: Traffic,
    /// What follows of the traffic and of who serves.
    defaults: Defaults<Arc<Route>>,
}

impl Routes {
    /// `metrics` is told how calls are shared, whenever that changes.
    #[must_use]
    pub fn new(metrics: Arc<TrafficMetrics>) -> Self {
        Self { metrics, ..Self::default() }
    }

    /// The version that is asked for: by its number, by a label, or, where `version` is empty, the stable one.
    ///
    /// # Errors
    /// `NotFound`: unknown. `Unavailable`: known, but not serving. `InvalidArgument`: no name or no version.
    pub fn find(&self, name: &str, version: &str) -> Result<Arc<Route>, Status> {
        self.look_up(name, version, Defaults::stable)
    }

    /// `find` for a call: where `version` is empty, a canary gets its share. `key` names who calls; empty: nobody in
    /// particular.
    ///
    /// # Errors
    /// Those of `find`.
    pub fn find_for_call(&self, name: &str, version: &str, key: &str) -> Result<Arc<Route>, Status> {
        self.look_up(name, version, |defaults| defaults.for_call(key))
    }

    fn look_up(
        &self,
        name: &str,
        version: &str,
        by_default: impl FnOnce(&Defaults<Arc<Route>>) -> Option<&Arc<Route>>,
    ) -> Result<Arc<Route>, Status> {
        let table = self.table.load();
        let Some(entry) = table.models.get(name) else {
            return Err(unknown_name(name));
        };
        if version.is_empty() {
            return by_default(&entry.defaults).map(Arc::clone).ok_or_else(|| entry.why_no_default(name));
        }
        entry.named(name, version).map(Arc::clone)
    }

    /// How the calls of a model are shared from now on; the model need not serve yet.
    pub fn set_traffic(&self, name: &str, traffic: Traffic) {
        self.change(name, |entry| entry.traffic = traffic);
    }

    /// Nothing is said any more of the traffic of a model that is gone.
    pub fn forget_traffic(&self, name: &str) {
        if self.table.load().models.contains_key(name) {
            self.set_traffic(name, Traffic::default());
        }
        self.metrics.remove(name);
    }

    /// The versions of a model that serve, and of each its share of the calls that name none; the lowest first.
    #[must_use]
    pub fn serving(&self, name: &str) -> Vec<(u64, f64)> {
        self.table.load().models.get(name).map_or_else(Vec::new, |entry| entry.shares().collect())
    }

    /// The version that answers calls which name none and meet no canary, where it serves.
    #[must_use]
    pub fn stable(&self, name: &str) -> Option<u64> {
        self.table.load().models.get(name)?.defaults.stable().map(|version| version.model.version)
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
        let entry = table.models.entry(name.into()).or_default();
        change(entry);
        entry.defaults = entry.traffic.defaults(name, &entry.serving);
        self.metrics.set_shares(name, entry.shares());
        self.table.store(Arc::new(table));
    }
}

impl Entry {
    fn shares(&self) -> impl Iterator<Item = (u64, f64)> {
        self.traffic.shares(self.serving.keys().copied())
    }

    fn named(&self, name: &str, version: &str) -> Result<&Arc<Route>, Status> {
        match Asked::parse(version)? {
            Asked::Number(number) => {
                self.serving.get(&number).ok_or_else(|| self.why_not(name, Some(number)))
            }
            Asked::Label(label) => {
                let number = self.traffic.labelled(label).ok_or_else(|| self.unknown_label(name, label))?;
                self.serving.get(&number).ok_or_else(|| self.why_not_labelled(name, label, number))
            }
            Asked::Default => self.defaults.stable().ok_or_else(|| self.why_no_default(name)),
        }
    }

    fn why_no_default(&self, name: &str) -> Status {
        if let Some(number) = self.traffic.labelled(STABLE) {
            return self.why_not_labelled(name, STABLE, number);
        }
        match self.traffic.canary.filter(|canary| self.serving.contains_key(&canary.version)) {
            Some(canary) if self.unavailable.is_empty() => Status::new(
                Code::Unavailable,
                format!("Model {name:?} is not ready: only version {}, its canary, serves", canary.version),
            ),
            _ => self.why_not(name, None),
        }
    }

    fn unknown_label(&self, name: &str, label: &str) -> Status {
        let known = self.traffic.labels.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let known = if known.is_empty() { "none" } else { &known };
        Status::new(Code::NotFound, format!("Model {name:?} has no label {label:?}; it has {known}."))
    }

    fn why_not_labelled(&self, name: &str, label: &str, number: u64) -> Status {
        let reason = self.unavailable.get(&Some(number)).or_else(|| self.unavailable.get(&None));
        let reason = reason.map_or("it is not loaded", |reason| reason);
        let sentence =
            format!("Label {label:?} of model {name:?} is version {number}, which does not serve: {reason}");
        Status::new(Code::Unavailable, sentence)
    }

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
