//! What one model version counts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::counter::{self, Counter, Gauge};
use super::feature::{self, FeatureSource};
use super::histogram::{DURATION_BOUNDS_NS, Histogram, ROWS_BOUNDS};
use super::load::Load;
use super::process_load::CallCounts;
use super::prometheus::{NS_PER_S, Page};
use super::statistics::{Statistics, ns};
use crate::status::Code;

/// Why a request was refused on arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShedFor {
    /// The queue is full.
    Capacity,
    /// Its deadline cannot be met by the fitted cost of the queue before it.
    Deadline,
    /// The version takes no new requests.
    Closed,
}

/// Where a request was when its deadline passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiredIn {
    Queue,
    Run,
}

/// The counts of one model version. Durations are kept in nanoseconds and shown in seconds.
pub struct ModelMetrics {
    name: String,
    version: String,
    opened: Counter,
    settled: Counter,
    requests: [Counter; Code::ALL.len()],
    shed: [Counter; 3],
    expired: [Counter; 2],
    cancelled: Counter,
    /// Of those that were settled, calls that the version, and not their callers, is to blame for.
    failed: Counter,
    /// Requests that ran again alone because the model raised on their batch.
    pub rerun: Counter,
    pub queue_rows: Gauge,
    pub decode: Histogram,
    pub queue: Histogram,
    pub pack: Histogram,
    pub compute: Histogram,
    pub encode: Histogram,
    pub batch_rows: Histogram,
    /// Model-thread time in use, from taking a batch to its last answer.
    pub busy_ns: Counter,
    pub load: Load,
    features: Mutex<Option<Arc<dyn FeatureSource>>>,
    pub statistics: Statistics,
}

impl ModelMetrics {
    #[must_use]
    pub fn new(name: &str, version: u64, instances: usize) -> Self {
        let duration = || Histogram::new(DURATION_BOUNDS_NS);
        Self {
            name: name.to_owned(),
            version: version.to_string(),
            opened: Counter::default(),
            settled: Counter::default(),
            requests: std::array::from_fn(|_| Counter::default()),
            shed: std::array::from_fn(|_| Counter::default()),
            expired: std::array::from_fn(|_| Counter::default()),
            cancelled: Counter::default(),
            failed: Counter::default(),
            rerun: Counter::default(),
            queue_rows: Gauge::default(),
            decode: duration(),
            queue: duration(),
            pack: duration(),
            compute: duration(),
            encode: duration(),
            batch_rows: Histogram::new(ROWS_BOUNDS),
            busy_ns: Counter::default(),
            load: Load::new(instances, Instant::now()),
            statistics: Statistics::default(),
            features: Mutex::default(),
        }
    }

    /// Where scrapes get the version's features from; in place of what was there, since a version may be loaded again.
    pub fn set_features(&self, source: Option<Arc<dyn FeatureSource>>) {
        *self.features.lock() = source;
    }

    pub(super) fn features(&self, now: Instant) -> Option<feature::Of<'_>> {
        let source = self.features.lock().clone()?;
        let families = source.features(now);
        Some((&self.name, &self.version, families))
    }

    /// Counts calls answered with `code` that never had a ticket, such as those that cannot be decoded; `waited` is how
    /// long all of them took together.
    pub fn count(&self, code: Code, calls: u64, waited: Duration) {
        counter::of(&self.requests, code).add(calls);
        let sum = if code == Code::Ok { &self.statistics.success_ns } else { &self.statistics.fail_ns };
        sum.add(ns(waited));
    }

    /// A call got a ticket.
    pub fn open(&self) {
        self.opened.add(1);
    }

    /// Calls with tickets were answered with `code`.
    pub fn settle(&self, code: Code, calls: u64, waited: Duration) {
        self.count(code, calls, waited);
        if matches!(code, Code::Internal | Code::DeadlineExceeded | Code::Unavailable) {
            self.failed.add(calls);
        }
        self.settled.add(calls);
    }

    /// A call with a ticket lost its caller.
    pub fn cancel(&self, waited: Duration) {
        self.settle(Code::Cancelled, 1, waited);
        self.cancelled.add(1);
    }

    pub fn shed(&self, reason: ShedFor) -> &Counter {
        let [capacity, deadline, closed] = &self.shed;
        match reason {
            ShedFor::Capacity => capacity,
            ShedFor::Deadline => deadline,
            ShedFor::Closed => closed,
        }
    }

    pub fn expired(&self, stage: ExpiredIn) -> &Counter {
        let [queue, run] = &self.expired;
        match stage {
            ExpiredIn::Queue => queue,
            ExpiredIn::Run => run,
        }
    }

    /// Calls answered with `code`.
    #[must_use]
    pub fn requests(&self, code: Code) -> u64 {
        counter::of(&self.requests, code).get()
    }

    /// Calls answered, and those for which there was no capacity: refused on arrival, or expired in the queue.
    #[must_use]
    pub fn calls(&self) -> CallCounts {
        let shed = self.shed(ShedFor::Capacity).get() + self.shed(ShedFor::Deadline).get();
        let refused = shed + self.expired(ExpiredIn::Queue).get();
        let ended: u64 = self.requests.iter().map(Counter::get).sum();
        CallCounts { answered: ended.saturating_sub(refused), refused }
    }

    #[must_use]
    pub fn cancelled(&self) -> u64 {
        self.cancelled.get()
    }

    /// Calls that were decoded and then answered, those whose caller went away left out, and how many of them failed for
    /// the version's fault: `INTERNAL`, `DEADLINE_EXCEEDED` and `UNAVAILABLE`.
    #[must_use]
    pub fn judged(&self) -> (u64, u64) {
        // In this order, so that no more have failed than were answered.
        let failed = self.failed.get();
        (self.settled.get().saturating_sub(self.cancelled.get()), failed)
    }

    /// Calls with a ticket that nobody has settled.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        // In this order: a call that is opened and settled in between must not make it negative.
        let settled = self.settled.get();
        self.opened.get().saturating_sub(settled)
    }
}

/// The families of all model versions.
pub(super) fn write(page: &mut Page, models: &[Arc<ModelMetrics>], now: Instant) {
    write_counters(page, models);
    write_gauges(page, models, now);
    write_histograms(page, models);
}

fn write_counters(page: &mut Page, models: &[Arc<ModelMetrics>]) {
    let name = "penstock_requests_total";
    page.family(name, "counter", "Calls answered, by gRPC code.");
    for model in models {
        for code in Code::ALL {
            let labels = [("model", &*model.name), ("version", &*model.version), ("code", code.name())];
            page.count(name, &labels, model.requests(code));
        }
    }
    let name = "penstock_shed_requests_total";
    page.family(name, "counter", "Calls refused on arrival, by reason.");
    for model in models {
        for (reason, shed) in ["capacity", "deadline", "closed"].into_iter().zip(&model.shed) {
            let labels = [("model", &*model.name), ("version", &*model.version), ("reason", reason)];
            page.count(name, &labels, shed.get());
        }
    }
    let name = "penstock_expired_requests_total";
    page.family(name, "counter", "Calls whose deadline passed, by the stage that they were in.");
    for model in models {
        for (stage, expired) in ["queue", "run"].into_iter().zip(&model.expired) {
            let labels = [("model", &*model.name), ("version", &*model.version), ("stage", stage)];
            page.count(name, &labels, expired.get());
        }
    }
    each(
        page,
        models,
        ("penstock_cancelled_requests_total", "counter", "Calls whose caller went away."),
        |m| m.cancelled.get(),
    );
    let help = "Requests run again alone because the model raised on their batch.";
    each(page, models, ("penstock_rerun_requests_total", "counter", help), |m| m.rerun.get());
    let (name, help) = ("penstock_model_busy_seconds_total", "Model-thread time in use.");
    page.family(name, "counter", help);
    for model in models {
        page.sample(name, &labels(model), seconds(model.busy_ns.get()));
    }
}

fn write_gauges(page: &mut Page, models: &[Arc<ModelMetrics>], now: Instant) {
    let help = "Calls accepted and not answered.";
    each(page, models, ("penstock_in_flight_requests", "gauge", help), ModelMetrics::in_flight);
    let help = "Rows waiting in the queue.";
    each(page, models, ("penstock_queue_rows", "gauge", help), |m| m.queue_rows.get());
    let name = "penstock_load_ratio";
    page.family(name, "gauge", "Share of the model version's thread time in use over the last 5 s.");
    for model in models {
        page.sample(name, &labels(model), model.load.window(now).ratio());
    }
}

fn write_histograms(page: &mut Page, models: &[Arc<ModelMetrics>]) {
    type Pick = fn(&ModelMetrics) -> &Histogram;
    let families: [(&str, &str, f64, Pick); 6] = [
        ("penstock_decode_seconds", "From bytes to rows, per request.", NS_PER_S, |m| &m.decode),
        ("penstock_queue_seconds", "Waiting in the queue, per request.", NS_PER_S, |m| &m.queue),
        ("penstock_pack_seconds", "From rows to tensors, per batch.", NS_PER_S, |m| &m.pack),
        ("penstock_compute_seconds", "The model's run, per batch.", NS_PER_S, |m| &m.compute),
        ("penstock_encode_seconds", "From outputs to bytes, per request.", NS_PER_S, |m| &m.encode),
        ("penstock_batch_rows", "Rows that ran together, per batch.", 1.0, |m| &m.batch_rows),
    ];
    for (name, help, unit, pick) in families {
        page.family(name, "histogram", help);
        for model in models {
            page.histogram(name, &labels(model), &pick(model).snapshot(), unit);
        }
    }
}

fn labels(model: &ModelMetrics) -> [(&str, &str); 2] {
    [("model", &model.name), ("version", &model.version)]
}

/// A family of one whole number a model version; `family` is name, kind and help.
fn each(
    page: &mut Page,
    models: &[Arc<ModelMetrics>],
    family: (&str, &str, &str),
    value: impl Fn(&ModelMetrics) -> u64,
) {
    let (name, kind, help) = family;
    page.family(name, kind, help);
    for model in models {
        page.count(name, &labels(model), value(model));
    }
}

#[allow(clippy::cast_precision_loss, reason = "a scrape holds 64-bit floats")]
fn seconds(ns: u64) -> f64 {
    ns as f64 / NS_PER_S
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(model: ModelMetrics) -> String {
        let mut page = Page::default();
        write(&mut page, &[Arc::new(model)], Instant::now());
        page.into_text()
    }

    #[test]
    fn in_flight_is_what_was_opened_and_not_settled_or_cancelled() {
        let model = ModelMetrics::new("fraud", 3, 1);
        for _ in 0..5 {
            model.open();
        }
        model.settle(Code::Ok, 2, Duration::from_micros(3));
        model.cancel(Duration::ZERO);
        assert_eq!(model.statistics.success_ns.get(), 3_000);
        assert_eq!(model.in_flight(), 2);
        let text = text(model);
        assert!(text.contains("penstock_in_flight_requests{model=\"fraud\",version=\"3\"} 2\n"), "{text}");
        assert!(text.contains("penstock_cancelled_requests_total{model=\"fraud\",version=\"3\"} 1\n"));
        assert!(text.contains("{model=\"fraud\",version=\"3\",code=\"CANCELLED\"} 1\n"));
    }

    #[test]
    fn refusals_and_expiries_are_told_apart_by_label() {
        let model = ModelMetrics::new("fraud", 3, 1);
        model.shed(ShedFor::Deadline).add(4);
        model.expired(ExpiredIn::Run).add(2);
        let text = text(model);
        assert!(text.contains("version=\"3\",reason=\"deadline\"} 4\n"), "{text}");
        assert!(text.contains("version=\"3\",reason=\"capacity\"} 0\n"), "{text}");
        assert!(text.contains("version=\"3\",stage=\"run\"} 2\n"), "{text}");
    }

    #[test]
    fn a_version_is_judged_by_calls_that_it_is_to_blame_for() {
        let model = ModelMetrics::new("fraud", 3, 1);
        model.settle(Code::Ok, 5, Duration::ZERO);
        model.settle(Code::Internal, 2, Duration::ZERO);
        model.settle(Code::DeadlineExceeded, 1, Duration::ZERO);
        model.settle(Code::ResourceExhausted, 1, Duration::ZERO);
        model.cancel(Duration::ZERO);
        // Refused while it was decoded: its caller's fault.
        model.count(Code::Internal, 1, Duration::ZERO);
        assert_eq!(model.judged(), (9, 3));
    }

    #[test]
    fn busy_time_is_shown_in_seconds() {
        let model = ModelMetrics::new("fraud", 3, 1);
        model.busy_ns.add(1_500_000_000);
        assert!(
            text(model).contains("penstock_model_busy_seconds_total{model=\"fraud\",version=\"3\"} 1.5\n")
        );
    }
}
