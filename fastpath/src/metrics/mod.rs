//! What the process counts, and how Prometheus reads it.
//!
//! `model` holds what one model version counts, `counter` and `histogram` the cells that it counts in,
//! `feature` what features are like, `statistics` what `ModelStatistics` adds to that, `door` and `http` what the fast door and the HTTP port count, `load`
//! the share of a model's thread time in use, `busy` that of a thread's, `slack` what of it fuller turns would spare, by a `line`, `process_load` how much of the whole process is, `versions` what becomes of model versions, `traffic` how calls are shared among
//! them, `prometheus` the text of a scrape, `listener` its port.
//! Counting takes no lock on the way of a request; only a batch's begin and end take one.

pub mod busy;
pub mod counter;
pub mod door;
pub mod feature;
pub mod histogram;
pub mod http;
pub mod line;
pub mod listener;
pub mod load;
pub mod model;
pub mod process_load;
pub mod prometheus;
pub mod slack;
pub mod statistics;
pub mod traffic;
pub mod versions;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Mutex, RwLock};

use self::counter::Counter;
use self::door::DoorMetrics;
pub use self::histogram::Histogram;
use self::http::HttpMetrics;
pub use self::listener::Listener;
pub use self::model::{ExpiredIn, ModelMetrics, ShedFor};
use self::process_load::{CallCounts, ModelsUse, ProcessLoad};
use self::traffic::TrafficMetrics;
use self::versions::VersionsMetrics;
use crate::status::Code;

type Label = (String, u64);

/// Everything that a process counts. Shared by all threads.
pub struct Metrics {
    server_version: String,
    models: RwLock<BTreeMap<Label, Arc<ModelMetrics>>>,
    /// Those of the versions that were removed: what the process has answered never falls.
    removed: Mutex<CallCounts>,
    /// Calls that were answered before a model version was found for them.
    unrouted: [Counter; Code::ALL.len()],
    pub door: DoorMetrics,
    pub http: HttpMetrics,
    pub versions: VersionsMetrics,
    pub traffic: Arc<TrafficMetrics>,
    pub process: ProcessLoad,
}

impl Metrics {
    /// `server_version` is what `penstock_build_info` says.
    #[must_use]
    pub fn new(server_version: impl Into<String>) -> Self {
        Self {
            server_version: server_version.into(),
            models: RwLock::default(),
            removed: Mutex::default(),
            unrouted: std::array::from_fn(|_| Counter::default()),
            door: DoorMetrics::default(),
            http: HttpMetrics::default(),
            versions: VersionsMetrics::default(),
            traffic: Arc::default(),
            process: ProcessLoad::default(),
        }
    }

    /// The counts of a model version. Asked twice it gives the same ones, so that a version which is
    /// loaded again goes on counting and no series appears twice. `instances` is how many model threads
    /// run it.
    pub fn model(&self, name: &str, version: u64, instances: usize) -> Arc<ModelMetrics> {
        let mut models = self.models.write();
        let model = models
            .entry((name.to_owned(), version))
            .or_insert_with(|| Arc::new(ModelMetrics::new(name, version, instances)));
        model.load.set_instances(instances);
        Arc::clone(model)
    }

    /// The counts of a model version that there is or was.
    #[must_use]
    pub fn find(&self, name: &str, version: u64) -> Option<Arc<ModelMetrics>> {
        self.models.read().get(&(name.to_owned(), version)).map(Arc::clone)
    }

    /// Ends the series of a model version that is gone for good.
    pub fn remove(&self, name: &str, version: u64) {
        let mut models = self.models.write();
        if let Some(gone) = models.remove(&(name.to_owned(), version)) {
            let mut removed = self.removed.lock();
            *removed = removed.and(gone.calls());
        }
    }

    /// Counts a call that reached no model version: unknown, not ready, or not decodable that far.
    pub fn count_unrouted(&self, code: Code) {
        counter::of(&self.unrouted, code).add(1);
    }

    /// Calls in flight in all models.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.models.read().values().map(|model| model.in_flight()).sum()
    }

    /// How much of what the process has was in use over the last seconds: 1 is all of it, more where calls were refused.
    #[must_use]
    pub fn load_ratio(&self, now: Instant) -> f64 {
        let mut models = ModelsUse::default();
        for model in self.models.read().values() {
            let window = model.load.window(now);
            models.in_use = models.in_use.max(window.ratio());
            models.needed = models.needed.max(window.needed_ratio());
            models.time = models.time.and(window.working_time());
        }
        self.process.ratio(models, now, self.calls())
    }

    /// To be called regularly, `process_load::SAMPLED_EACH`, for `load_ratio` to know the last seconds from those before.
    pub fn sample(&self, now: Instant) {
        self.process.sample(now, self.calls());
    }

    fn calls(&self) -> CallCounts {
        let models = self.models.read();
        models.values().map(|model| model.calls()).fold(*self.removed.lock(), CallCounts::and)
    }

    /// A scrape: Prometheus text, version 0.0.4.
    #[must_use]
    pub fn text(&self, now: Instant) -> String {
        let models: Vec<_> = self.models.read().values().map(Arc::clone).collect();
        let mut page = prometheus::Page::default();
        page.family("penstock_build_info", "gauge", "Always 1; the version is in the label.");
        page.sample("penstock_build_info", &[("version", &self.server_version)], 1.0);
        page.family(
            "penstock_process_load_ratio",
            "gauge",
            "What the calls of the last 5 s need of what is scarcest: model threads, I/O threads or cores; beyond 1 with refused calls.",
        );
        page.sample("penstock_process_load_ratio", &[], self.load_ratio(now));
        page.family(
            "penstock_process_cpu_seconds_total",
            "counter",
            "User and system CPU time of the process.",
        );
        page.sample("penstock_process_cpu_seconds_total", &[], process_load::cpu_time().as_secs_f64());
        page.family(
            "penstock_unrouted_requests_total",
            "counter",
            "Calls answered before a model version was found, by gRPC code.",
        );
        for code in Code::ALL {
            let count = counter::of(&self.unrouted, code).get();
            if count > 0 {
                page.count("penstock_unrouted_requests_total", &[("code", code.name())], count);
            }
        }
        self.door.write(&mut page);
        self.http.write(&mut page);
        self.versions.write(&mut page);
        self.traffic.write(&mut page);
        model::write(&mut page, &models, now);
        let features: Vec<_> = models.iter().filter_map(|model| model.features(now)).collect();
        feature::write(&mut page, &features);
        page.into_text()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_version_loaded_again_goes_on_counting_in_one_series() {
        let metrics = Metrics::new("1.2.3");
        metrics.model("fraud", 1, 1).count(Code::Ok, 2, Duration::ZERO);
        metrics.model("fraud", 1, 2).count(Code::Ok, 3, Duration::ZERO);
        let text = metrics.text(Instant::now());
        let line = "penstock_requests_total{model=\"fraud\",version=\"1\",code=\"OK\"} 5\n";
        assert_eq!(text.matches(line).count(), 1, "{text}");
    }

    #[test]
    fn a_removed_version_has_no_series() {
        let metrics = Metrics::new("1.2.3");
        metrics.model("fraud", 1, 1);
        metrics.remove("fraud", 1);
        assert!(!metrics.text(Instant::now()).contains("fraud"));
    }

    #[test]
    fn what_a_removed_version_has_answered_stays_answered() {
        let metrics = Metrics::new("1.2.3");
        metrics.model("fraud", 1, 1).count(Code::Ok, 5, Duration::ZERO);
        metrics.model("fraud", 2, 1).count(Code::Ok, 3, Duration::ZERO);
        metrics.remove("fraud", 1);
        metrics.remove("fraud", 1);
        assert_eq!(metrics.calls(), CallCounts { answered: 8, refused: 0 });
    }

    #[test]
    fn calls_that_reach_no_model_are_counted_by_code() {
        let metrics = Metrics::new("1.2.3");
        metrics.count_unrouted(Code::NotFound);
        let text = metrics.text(Instant::now());
        assert!(text.contains("penstock_unrouted_requests_total{code=\"NOT_FOUND\"} 1\n"), "{text}");
        assert!(text.contains("penstock_build_info{version=\"1.2.3\"} 1\n"), "{text}");
    }

    #[test]
    fn every_family_of_a_scrape_has_help_and_type_once_and_a_legal_name() {
        let metrics = Metrics::new("1.2.3");
        metrics.model("a", 1, 1);
        metrics.model("b", 1, 1);
        let text = metrics.text(Instant::now());
        let mut families = Vec::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let name = rest.split(' ').next().unwrap_or_default();
                assert!(text.contains(&format!("# HELP {name} ")), "{name} has no help");
                assert!(!families.contains(&name), "{name} twice");
                families.push(name);
            } else if !line.starts_with('#') {
                assert!(families.last().is_some_and(|family| line.starts_with(family)), "{line}");
            }
        }
        assert!(families.iter().all(|name| name.starts_with("penstock_")));
    }
}
