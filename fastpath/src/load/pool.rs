//! What the workers of one thread share: the calls to be made, and what came of those that were.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio::sync::Notify;

use super::link::Link;
use super::plan::Plan;
use super::run::Shared;
use super::tally::{Settled, Tally};
use crate::client::Failure;
use crate::client::failure::Code;

/// As grpc-go, and so ghz, words it.
const CLOSED: &str = "grpc: the client connection is closing";

/// A call to be made.
#[derive(Clone, Copy, Debug)]
pub struct Ticket {
    /// Unique in the run, from 0.
    pub number: u64,
    /// What its latency counts from.
    pub due: Instant,
}

/// What becomes of a call whose worker is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Counted,
    Forgotten,
}

pub struct Pool {
    pub plan: Arc<Plan>,
    pub shared: Arc<Shared>,
    pub links: Vec<Rc<Link>>,
    pub start: Instant,
    pub tally: RefCell<Tally>,
    /// Due, and not begun.
    due: RefCell<VecDeque<Ticket>>,
    news: Notify,
    /// All calls that this thread will make are due by now.
    all_due: Cell<bool>,
    /// No more calls begin.
    stopping: Cell<bool>,
    pub ending: Cell<Ending>,
    /// Workers with numbers below it go on.
    pub allowed: Cell<usize>,
    idle: Cell<usize>,
    pub alive: Cell<usize>,
    /// A worker has ended.
    pub ended: Notify,
}

impl Pool {
    pub fn new(
        plan: Arc<Plan>,
        shared: Arc<Shared>,
        links: Vec<Rc<Link>>,
        start: Instant,
    ) -> Result<Self, String> {
        let tally = Tally::new(plan.count_errors, plan.most_details)?;
        Ok(Self {
            plan,
            shared,
            links,
            start,
            tally: RefCell::new(tally),
            due: RefCell::default(),
            news: Notify::new(),
            all_due: Cell::new(false),
            stopping: Cell::new(false),
            ending: Cell::new(Ending::Counted),
            allowed: Cell::new(0),
            idle: Cell::new(0),
            alive: Cell::new(0),
            ended: Notify::new(),
        })
    }

    /// The next call of a worker; none where it shall end.
    pub async fn next(&self, worker: usize) -> Option<Ticket> {
        loop {
            if self.stopping.get() || worker >= self.allowed.get() {
                return None;
            }
            if self.plan.pace.is_none() {
                let number = self.shared.next.fetch_add(1, Ordering::Relaxed);
                return (number < self.plan.total).then(|| Ticket { number, due: Instant::now() });
            }
            let ticket = self.due.borrow_mut().pop_front();
            if let Some(ticket) = ticket {
                self.tally.borrow_mut().sent(ticket.due.elapsed());
                return Some(ticket);
            }
            if self.all_due.get() {
                return None;
            }
            let idle = Idle::new(&self.idle);
            self.news.notified().await;
            drop(idle);
        }
    }

    /// A call is due.
    pub fn put(&self, ticket: Ticket) {
        self.due.borrow_mut().push_back(ticket);
        self.news.notify_one();
    }

    /// Calls that are due, and no worker is idle for.
    pub fn waiting(&self) -> usize {
        self.due.borrow().len().saturating_sub(self.idle.get())
    }

    /// Whether a worker would find nothing to do, now and later.
    pub fn has_no_calls(&self) -> bool {
        match self.plan.pace {
            None => self.shared.next.load(Ordering::Relaxed) >= self.plan.total,
            Some(_) => self.all_due.get() && self.due.borrow().is_empty(),
        }
    }

    /// No more calls will be put.
    pub fn put_all(&self) {
        self.all_due.set(true);
        self.news.notify_waiters();
    }

    /// Idle workers look again whether they shall go on.
    pub fn reconsider(&self) {
        self.news.notify_waiters();
    }

    /// No more calls begin.
    pub fn stop(&self) {
        self.stopping.set(true);
        self.tally.borrow_mut().unsent += self.due.take().len() as u64;
        self.news.notify_waiters();
    }

    fn settle(&self, ticket: Ticket, result: Result<usize, Failure>) {
        if result.is_err() {
            self.shared.failed.fetch_add(1, Ordering::Relaxed);
        }
        let before = self.shared.settled.fetch_add(1, Ordering::Relaxed);
        if before < self.plan.skip_first {
            return;
        }
        let now = Instant::now();
        let latency = now.saturating_duration_since(ticket.due);
        let ended = now.saturating_duration_since(self.start);
        self.tally.borrow_mut().settled(Settled { latency, ended, result });
    }
}

struct Idle<'a>(&'a Cell<usize>);

impl<'a> Idle<'a> {
    fn new(idle: &'a Cell<usize>) -> Self {
        idle.set(idle.get() + 1);
        Self(idle)
    }
}

impl Drop for Idle<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// A call that is under way: it counts, whatever becomes of its worker.
pub struct Flight<'a> {
    pool: &'a Pool,
    ticket: Option<Ticket>,
}

impl<'a> Flight<'a> {
    pub fn new(pool: &'a Pool, ticket: Ticket) -> Self {
        Self { pool, ticket: Some(ticket) }
    }

    pub fn settle(mut self, result: Result<usize, Failure>) {
        if let Some(ticket) = self.ticket.take() {
            self.pool.settle(ticket, result);
        }
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take()
            && self.pool.ending.get() == Ending::Counted
        {
            self.pool.settle(ticket, Err(Failure::new(Code::Cancelled, CLOSED)));
        }
    }
}
