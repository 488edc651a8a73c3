//! What the tests of this folder are made of.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use smallvec::smallvec;

use super::deadline::{Reaper, Sweep};
use super::outbox::{Answer, Outbox};
use super::pack::PackErrorKind;
use super::queue::Queue;
use super::running::BatchOf;
use super::ticket::{Issuer, Ticket};
use super::{Argument, PackError, Packed, Request, Settings, pack};
use crate::features::rows::{Column, RowBlock};
use crate::metrics::ModelMetrics;
use crate::status::{Code, Status};

/// Keeps every delivery.
#[derive(Default)]
pub struct Inbox(Mutex<Vec<Vec<Answer>>>);

impl Inbox {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    pub fn deliveries(&self) -> usize {
        self.0.lock().len()
    }

    /// Token and outcome of every answer, in order.
    pub fn answers(&self) -> Vec<(u64, Result<Vec<u8>, Status>)> {
        let deliveries = self.0.lock();
        let copy = |answer: &Answer| (answer.token, answer.result.clone().map_err(|status| *status));
        deliveries.iter().flatten().map(copy).collect()
    }

    pub fn codes(&self) -> Vec<(u64, Code)> {
        let code = |result: Result<Vec<u8>, Status>| result.err().map_or(Code::Ok, |status| status.code);
        self.answers().into_iter().map(|(token, result)| (token, code(result))).collect()
    }

    pub fn tokens(&self) -> Vec<u64> {
        self.codes().into_iter().map(|(token, _)| token).collect()
    }
}

impl Outbox for Inbox {
    fn deliver(&self, answers: Vec<Answer>) {
        assert!(!answers.is_empty(), "an empty delivery is a wake for nothing");
        self.0.lock().push(answers);
    }
}

pub fn issuer() -> Arc<Issuer> {
    Arc::new(Issuer {
        metrics: Arc::new(ModelMetrics::new("fraud", 1, 1)),
        alarm: Reaper::without_thread().alarm(),
        cancelled: AtomicBool::new(false),
    })
}

pub fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Rows of one byte each.
pub fn block(rows: usize, shape_key: u64) -> RowBlock {
    let columns = smallvec![Column::Fixed { data: vec![0; rows], dims: smallvec![] }];
    RowBlock { rows, groups: rows, columns, shape_key }
}

/// Rows of floats, each of shape `dims`.
pub fn floats(rows: usize, values: &[f32], dims: &[i64]) -> RowBlock {
    let data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let columns = smallvec![Column::Fixed { data, dims: dims.into() }];
    RowBlock { rows, groups: rows, columns, shape_key: 0 }
}

/// A row a list, of INT64.
pub fn lists(lists: &[&[i64]]) -> RowBlock {
    keyed_lists(&[lists])
}

/// A column a key, and in each a row a list, of INT64.
pub fn keyed_lists(keys: &[&[&[i64]]]) -> RowBlock {
    let column = |lists: &&[&[i64]]| {
        let values = lists.iter().copied().flatten().flat_map(|value| value.to_le_bytes()).collect();
        let lengths = lists.iter().map(|list| u32::try_from(list.len()).unwrap_or(u32::MAX)).collect();
        Column::Jagged { values, lengths }
    };
    let rows = keys.first().map_or(0, |lists| lists.len());
    RowBlock { rows, groups: rows, columns: keys.iter().map(column).collect(), shape_key: 0 }
}

pub fn pack_all(blocks: &[RowBlock], arguments: &[Argument]) -> Result<Vec<Packed>, PackError> {
    pack(&blocks.iter().collect::<Vec<_>>(), arguments, &Arc::default())
}

pub fn pack_error(blocks: &[RowBlock], arguments: &[Argument]) -> Option<PackErrorKind> {
    pack_all(blocks, arguments).err().map(|error| error.kind)
}

pub fn int64s(bytes: &[u8]) -> Vec<i64> {
    bytes.as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect()
}

/// A queue whose clock is the test's: nothing moves but what the test calls.
pub struct Bench {
    pub start: Instant,
    pub reaper: Reaper,
    pub metrics: Arc<ModelMetrics>,
    pub queue: Arc<Queue<()>>,
    pub inbox: Arc<Inbox>,
}

/// Batches of 8 rows at most, a queue of 32, one instance, no delay.
pub const SETTINGS: Settings =
    Settings { max_batch_rows: 8, max_queue_delay: Duration::ZERO, queue_capacity_rows: 32, instances: 1 };

impl Bench {
    pub fn new(settings: Settings) -> Self {
        let reaper = Reaper::without_thread();
        let metrics = Arc::new(ModelMetrics::new("fraud", 1, settings.instances));
        let queue = Queue::new(settings, Arc::clone(&metrics), &reaper);
        Self { start: Instant::now(), reaper, metrics, queue, inbox: Inbox::new() }
    }

    /// A moment of the test's clock.
    pub fn at(&self, at_ms: u64) -> Instant {
        self.start + ms(at_ms)
    }

    pub fn ticket(&self, token: u64, deadline_ms: u64) -> Arc<Ticket> {
        self.queue.ticket(Arc::clone(&self.inbox) as _, token, self.start, self.at(deadline_ms))
    }

    pub fn request(&self, ticket: Arc<Ticket>, rows: usize) -> Request<()> {
        let block = block(rows, 0);
        Request { block, reply: (), ticket, enqueued: self.start, decode_ns: 1_000, alone: false }
    }

    /// Queues a request at time 0 whose deadline is an hour away.
    pub fn push(&self, token: u64, rows: usize) -> Result<Arc<Ticket>, Status> {
        self.push_at(token, rows, 0, 3_600_000)
    }

    pub fn push_at(
        &self,
        token: u64,
        rows: usize,
        at_ms: u64,
        deadline_ms: u64,
    ) -> Result<Arc<Ticket>, Status> {
        let ticket = self.ticket(token, deadline_ms);
        let mut request = self.request(Arc::clone(&ticket), rows);
        request.enqueued = self.at(at_ms);
        self.queue.push(request, self.at(at_ms)).map(|()| ticket)
    }

    /// The next batch at time `at_ms`, which must be there.
    pub fn take(&self, at_ms: u64) -> BatchOf<()> {
        self.queue.try_next(self.at(at_ms)).unwrap_or_else(|| panic!("no batch at {at_ms} ms"))
    }

    pub fn sweep(&self, at_ms: u64) {
        self.reaper.sweep(self.at(at_ms));
    }

    pub fn due(&self) -> Option<Instant> {
        self.queue.alarm().due()
    }
}

/// The tokens of a batch, in the order of its rows.
pub fn tokens(batch: &BatchOf<()>) -> Vec<u64> {
    batch.requests().iter().map(|request| request.ticket.token()).collect()
}
