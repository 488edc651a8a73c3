//! From decoded rows to batches and from a batch's outcome to answers: queue, admission, deadlines, packing.
//!
//! A request is a `Request` with a `Ticket`. Whoever claims the ticket first owes the one answer: a batch
//! that was run, the reaper whose deadline passed, a caller who cancelled. What the bytes of a request or
//! an answer look like is not known here, and nothing here waits for Python.

mod admission;
pub mod buffer;
pub mod cost;
pub mod deadline;
mod fixed;
mod jagged;
pub mod linger;
pub mod outbox;
pub mod pack;
pub mod queue;
mod requests;
pub mod running;
pub mod spin;
mod sweep;
pub mod ticket;
pub mod tokens;
mod waiting;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod stress;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use self::buffer::{AlignedBytes, BufferPool, PooledBytes};
pub use self::deadline::{Alarm, Reaper, Sweep};
pub use self::outbox::{Answer, Outbox};
pub use self::pack::{Argument, Division, Integers, PackError, Packed, Shape, pack, pack_each};
pub use self::queue::Queue;
pub use self::running::{BatchOf, RunTimes};
pub use self::spin::Spin;
pub use self::ticket::Ticket;
pub use self::tokens::Tokens;
use crate::features::rows::RowBlock;

/// How a queue forms batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Most rows that run together. A request with more runs by itself.
    pub max_batch_rows: usize,
    /// How long an idle model waits for a full batch, counted from the arrival of the oldest request.
    pub max_queue_delay: Duration,
    /// Rows that may wait.
    pub queue_capacity_rows: usize,
    /// Model threads that take batches from this queue side by side.
    pub instances: usize,
}

/// A decoded request on its way to the model.
#[derive(Debug)]
pub struct Request<R> {
    pub block: RowBlock,
    /// What the engine needs to encode the answer.
    pub reply: R,
    pub ticket: Arc<Ticket>,
    pub enqueued: Instant,
    pub decode_ns: u64,
    /// Runs in a batch of its own, because the model raised on the batch that it was in.
    pub alone: bool,
}
