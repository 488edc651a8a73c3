//! What becomes of model versions: the state of each, and how loading went.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;

use super::prometheus::Page;

/// The states of a version, in the order in which it goes through them.
pub const STATES: [&str; 5] = ["UNAVAILABLE", "LOADING", "WARMING", "READY", "DRAINING"];

#[derive(Default)]
pub struct VersionsMetrics {
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    states: BTreeMap<(String, u64), &'static str>,
    loads: BTreeMap<String, Loads>,
}

#[derive(Clone, Copy, Default)]
struct Loads {
    ok: u64,
    failed: u64,
    took: Duration,
}

impl VersionsMetrics {
    /// `state` is one of `STATES`; false for another.
    pub fn set_state(&self, name: &str, version: u64, state: &str) -> bool {
        let Some(state) = STATES.into_iter().find(|known| *known == state) else { return false };
        self.counts.lock().states.insert((name.to_owned(), version), state);
        true
    }

    pub fn forget(&self, name: &str, version: u64) {
        self.counts.lock().states.remove(&(name.to_owned(), version));
    }

    /// A version was loaded and warmed up, or could not be.
    pub fn count_load(&self, name: &str, ok: bool, took: Duration) {
        let mut counts = self.counts.lock();
        let loads = counts.loads.entry(name.to_owned()).or_default();
        if ok {
            loads.ok += 1;
        } else {
            loads.failed += 1;
        }
        loads.took += took;
    }

    pub(super) fn write(&self, page: &mut Page) {
        let counts = self.counts.lock();
        let name = "penstock_model_version_state";
        page.family(name, "gauge", "1 for the state that a model version is in, 0 for the others.");
        for ((model, version), is) in &counts.states {
            let version = version.to_string();
            for state in STATES {
                let labels = [("model", model.as_str()), ("version", &version), ("state", state)];
                page.count(name, &labels, u64::from(state == *is));
            }
        }
        let name = "penstock_model_loads_total";
        page.family(name, "counter", "Model versions that were loaded and warmed up, or failed to be.");
        for (model, loads) in &counts.loads {
            for (result, count) in [("ok", loads.ok), ("failed", loads.failed)] {
                page.count(name, &[("model", model), ("result", result)], count);
            }
        }
        let name = "penstock_model_load_seconds_total";
        page.family(name, "counter", "Time spent on loading and warming up model versions.");
        for (model, loads) in &counts.loads {
            page.sample(name, &[("model", model)], loads.took.as_secs_f64());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(versions: &VersionsMetrics) -> String {
        let mut page = Page::default();
        versions.write(&mut page);
        page.into_text()
    }

    #[test]
    fn a_version_is_in_one_state_until_it_is_forgotten() {
        let versions = VersionsMetrics::default();
        assert!(versions.set_state("fraud", 3, "LOADING"));
        assert!(versions.set_state("fraud", 3, "READY"));
        assert!(!versions.set_state("fraud", 3, "ready"));
        let scrape = text(&versions);
        assert_eq!(scrape.matches("} 1\n").count(), 1, "{scrape}");
        assert!(scrape.contains("{model=\"fraud\",version=\"3\",state=\"READY\"} 1\n"), "{scrape}");
        versions.forget("fraud", 3);
        assert!(!text(&versions).contains("fraud"));
    }

    #[test]
    fn loads_are_counted_by_how_they_went_and_timed_together() {
        let versions = VersionsMetrics::default();
        versions.count_load("fraud", true, Duration::from_millis(1_500));
        versions.count_load("fraud", false, Duration::from_millis(500));
        let text = text(&versions);
        assert!(text.contains("penstock_model_loads_total{model=\"fraud\",result=\"ok\"} 1\n"), "{text}");
        assert!(text.contains("penstock_model_loads_total{model=\"fraud\",result=\"failed\"} 1\n"), "{text}");
        assert!(text.contains("penstock_model_load_seconds_total{model=\"fraud\"} 2\n"), "{text}");
    }
}
