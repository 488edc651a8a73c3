//! A raw request in, the raw bytes of its answer out: which model it is for, how its rows are decoded, and
//! how its answer is written.

pub mod describe;
pub mod explain;
pub mod feature_statistics;
pub mod model;
mod parsed;
mod probe;
pub mod recent;
pub mod reply;
pub mod route;
pub mod routes;
pub mod run;
pub mod stream;
pub mod traffic;

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::batch::{Outbox, Queue, Reaper, Request, Settings, Ticket};
use crate::features::statistics::{FeatureStatistics, Observer};
use crate::features::{RowBlock, RowsError};
use crate::metrics::feature::FeatureSource;
use crate::metrics::{Metrics, ModelMetrics};
use crate::status::Status;
use crate::wire::infer_request::InferRequest;
use crate::wire::predict_request::PredictRequest;

use feature_statistics::Source;
pub use model::Model;
use model::OutputSelection;
pub use parsed::RowsRequest;
use recent::Recent;
use reply::{Reply, ReplyForm};
pub use route::Route;
pub use routes::Routes;

/// How long calls may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// Where the caller names no deadline.
    pub default: Duration,
    /// Where the caller's is later.
    pub max: Duration,
}

/// A model version with its queue. Its model threads take batches from the queue.
pub struct Version {
    pub model: Model,
    /// The version's number as answers carry it.
    pub version_text: Box<str>,
    pub queue: Arc<Queue<Reply>>,
    /// None where the model has no features, or nobody wants to know.
    pub statistics: Option<Arc<FeatureStatistics>>,
    metrics: Arc<ModelMetrics>,
    recent: Arc<Recent>,
}

impl Version {
    fn observer(&self) -> Option<&dyn Observer> {
        self.statistics.as_deref().map(|statistics| statistics as &dyn Observer)
    }
}

/// The engine of a process: every door hands its calls to this one.
pub struct Engine {
    pub routes: Routes,
    pub metrics: Arc<Metrics>,
    /// Every version that was added and still exists: serving, not yet serving, or draining.
    versions: Mutex<Vec<Weak<Version>>>,
    /// By the model's name.
    recent: Mutex<HashMap<String, Arc<Recent>>>,
    reaper: Reaper,
    timeouts: Timeouts,
    /// Statistics of features look at one row in so many; 0: at none.
    statistics_every: u32,
    draining: AtomicBool,
}

/// A call that has a ticket and waits to be queued.
pub struct Decoded {
    version: Arc<Route>,
    request: Request<Reply>,
}

impl Decoded {
    #[must_use]
    pub fn ticket(&self) -> &Arc<Ticket> {
        &self.request.ticket
    }
}

/// Which message a raw request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    ModelInfer,
    Predict,
}

/// Where the answer of a call goes.
pub struct Caller {
    pub outbox: Arc<dyn Outbox>,
    /// Names the call to its outbox.
    pub token: u64,
    /// How long the caller waits; none: it did not say.
    pub timeout: Option<Duration>,
}

impl Caller {
    /// Waits no longer than the request says, in microseconds; 0: it does not say.
    #[must_use]
    pub fn within(self, timeout_us: u64) -> Self {
        let timeout = (timeout_us > 0).then(|| Duration::from_micros(timeout_us));
        Self { timeout: self.timeout.into_iter().chain(timeout).min(), ..self }
    }
}

impl Engine {
    /// # Errors
    /// No thread can be started.
    pub fn start(timeouts: Timeouts, server_version: &str) -> io::Result<Self> {
        let metrics = Arc::new(Metrics::new(server_version));
        Ok(Self {
            routes: Routes::new(Arc::clone(&metrics.traffic)),
            versions: Mutex::default(),
            recent: Mutex::default(),
            metrics,
            reaper: Reaper::start()?,
            timeouts,
            statistics_every: 0,
            draining: AtomicBool::new(false),
        })
    }

    /// Keeps statistics of each feature of the versions that are added from now on, from one row in `every`; 0: none.
    #[must_use]
    pub fn with_feature_statistics(self, every: u32) -> Self {
        Self { statistics_every: every, ..self }
    }

    /// The queue of a version that does not serve yet.
    pub fn add_version(&self, mut model: Model) -> Arc<Version> {
        let baseline = model.baseline.take();
        let statistics = model.program.as_ref().filter(|_| self.statistics_every > 0);
        let statistics = statistics
            .map(|program| Arc::new(FeatureStatistics::new(program, baseline, self.statistics_every)));
        let spec = &model.spec;
        let settings = Settings {
            max_batch_rows: spec.max_batch_rows,
            max_queue_delay: spec.max_queue_delay,
            queue_capacity_rows: spec.queue_capacity_rows,
            instances: spec.instances,
        };
        let metrics = self.metrics.model(&spec.name, model.version, spec.instances);
        let queue = Queue::new(settings, Arc::clone(&metrics), &self.reaper);
        let version_text = model.version.to_string().into();
        let recent = Arc::clone(self.recent.lock().entry(spec.name.clone()).or_default());
        let version = Arc::new(Version { model, version_text, queue, statistics, metrics, recent });
        let mut versions = self.versions.lock();
        versions.retain(|version| version.strong_count() > 0);
        versions.push(Arc::downgrade(&version));
        drop(versions);
        version
    }

    /// Lets a version serve, and scrapes tell of its features: a version that never serves leaves those of another with its
    /// number alone.
    pub fn route(&self, version: Arc<Version>) {
        let source = Source::of(&version);
        version.metrics.set_features(source.map(|source| Arc::new(source) as Arc<dyn FeatureSource>));
        self.routes.add(Route::to(version));
    }

    /// That nothing of a model is to be kept.
    pub fn forget(&self, name: &str) {
        self.routes.forget(name, None);
        self.recent.lock().remove(name);
    }

    /// Decodes a call and queues it. The ticket is for cancelling; the answer comes through the outbox.
    ///
    /// # Errors
    /// The call is refused now; nothing will come through the outbox.
    pub fn submit(&self, method: Method, message: &[u8], caller: Caller) -> Result<Arc<Ticket>, Status> {
        Self::push(self.decode(method, message, caller)?)
    }

    /// The first half of `submit`, for a caller who queues many at once.
    ///
    /// # Errors
    /// The call is refused now; nothing will come through the outbox.
    pub fn decode(&self, method: Method, message: &[u8], caller: Caller) -> Result<Decoded, Status> {
        let began = Instant::now();
        self.check_open()?;
        let decoded = match method {
            Method::ModelInfer => {
                let request = InferRequest::parse(message).map_err(|error| self.refuse(error.into()))?;
                self.decode_infer(&request, caller, began)
            }
            Method::Predict => {
                let request = PredictRequest::parse(message).map_err(|error| self.refuse(error.into()))?;
                let version = self.version(request.model_name, request.model_version, request.routing_key)?;
                let outputs = Self::told(
                    &version,
                    began,
                    version.model.select_outputs(request.outputs.iter().copied()),
                )?;
                let most_rows = version.model.spec.max_batch_rows;
                let block = version.model.decode_predict_watched(&request, most_rows, version.observer());
                let rows_field = if request.columns.is_empty() { "examples" } else { "columns" };
                let asked = (ReplyForm::Predict { receipt: request.receipt }, request.id, outputs);
                self.decoded(version, (rows_field, block), asked, caller, began)
            }
        }?;
        decoded.version.recent.offer(method, message, began);
        Ok(decoded)
    }

    /// The second half: queues what was decoded, with one lock and one wake for each model version. `refuse` is told the
    /// token of a call that is refused; nothing will come through its outbox.
    pub fn enqueue(decoded: &mut Vec<Decoded>, mut refuse: impl FnMut(u64, Status)) {
        let now = Instant::now();
        while let Some(first) = decoded.first() {
            let version = Arc::clone(&first.version);
            // Nearly always all of them are for one version.
            let others = decoded.extract_if(.., |each| Arc::ptr_eq(&each.version, &version));
            let requests = others.map(|each| each.request);
            version.queue.push_all(requests, now, |request, status| refuse(request.ticket.token(), status));
        }
    }

    fn decoded(
        &self,
        version: Arc<Route>,
        (rows_field, block): (&str, Result<RowBlock, RowsError>),
        (form, id, outputs): (ReplyForm, &str, OutputSelection),
        caller: Caller,
        began: Instant,
    ) -> Result<Decoded, Status> {
        let block = block.map_err(|error| {
            if let (Some(statistics), Some(program)) = (&version.statistics, &version.model.program) {
                statistics.refuse(program, &error);
            }
            Status::from(error)
        });
        let block = Self::told(&version, began, block)?;
        let allowed = 1..=version.model.spec.max_batch_rows;
        let counted = version.model.check_rows(rows_field, block.rows, allowed);
        Self::told(&version, began, counted.map_err(Status::from))?;
        let enqueued = Instant::now();
        let timeout = caller.timeout.unwrap_or(self.timeouts.default).min(self.timeouts.max);
        let ticket = version.queue.ticket(caller.outbox, caller.token, began, began + timeout);
        let decode_ns = u64::try_from((enqueued - began).as_nanos()).unwrap_or(u64::MAX);
        let reply = Reply { form, id: id.into(), outputs, version: Arc::clone(&version) };
        let request = Request { block, reply, ticket, enqueued, decode_ns, alone: false };
        Ok(Decoded { version, request })
    }

    fn version(&self, name: &str, version: &str, key: &str) -> Result<Arc<Route>, Status> {
        self.routes.find_for_call(name, version, key).map_err(|status| self.refuse(status))
    }

    fn check_open(&self) -> Result<(), Status> {
        if self.draining.load(Ordering::Relaxed) {
            return Err(self.refuse(Status::overloaded("The server is shutting down; try another one.", 0)));
        }
        Ok(())
    }

    /// Counts a refusal that no model version is to blame for.
    fn refuse(&self, status: Status) -> Status {
        self.metrics.count_unrouted(status.code);
        status
    }

    /// Counts a refusal with the version that it is about.
    fn told<T>(version: &Version, began: Instant, result: Result<T, Status>) -> Result<T, Status> {
        result.inspect_err(|status| version.metrics.count(status.code, 1, began.elapsed()))
    }

    /// Refuses new calls from now on; accepted ones finish.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Accepted calls that have not been answered.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.metrics.in_flight()
    }

    /// Answers every unanswered call UNAVAILABLE; gives how many there were.
    pub fn fail_all(&self, reason: &str) -> usize {
        // Collected first: a version that goes meanwhile is freed with the lock released.
        let versions: Vec<_> = self.versions.lock().iter().filter_map(Weak::upgrade).collect();
        versions.iter().map(|version| version.queue.fail_all(reason)).sum()
    }
}
