//! What the calls of one thread share: who makes them, and those that are to be made; `endings` is what becomes of them.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::task::spawn_local;

use super::answer::{Answer, Expected};
use super::body::Body;
use super::call::{Call, Calls, Key, Ticket};
use super::crew::Crew;
use super::http2::head::{Head, put_plain};
use super::link::Link;
use super::message::Filling;
use super::plan::Plan;
use super::random::SplitMix;
use super::run::{Sample, Shared};
use super::script;
use super::tally::Tally;
use super::wire::Wire;
use super::workers;

/// What comes at once on a busy connection.
const READ_BYTES: usize = 256 << 10;
/// Numbers of calls that a thread takes at a time, where so many more are left that nobody misses them.
const NUMBERS: u64 = 16;
const NUMBERS_LEFT: u64 = 10_000;

pub struct Pool {
    pub plan: Arc<Plan>,
    pub shared: Arc<Shared>,
    pub head: Rc<Head>,
    pub links: RefCell<Vec<Rc<Link>>>,
    /// The run's.
    pub start: Cell<Instant>,
    pub tally: RefCell<Tally>,
    pub calls: RefCell<Calls>,
    pub crew: RefCell<Crew>,
    /// What is read goes here first, whichever connection it is from.
    pub buffer: RefCell<Vec<u8>>,
    pub random: RefCell<SplitMix>,
    /// Due, and not begun.
    due: RefCell<VecDeque<Ticket>>,
    /// Numbers of calls that are this thread's to make, where there is no schedule.
    numbers: Cell<(u64, u64)>,
    /// All calls that this thread will make are due by now.
    all_due: Cell<bool>,
    /// No more calls begin.
    stopping: Cell<bool>,
    /// There is no worker any more.
    pub ended: Notify,
    /// For tasks of single calls.
    me: Weak<Self>,
}

impl Pool {
    /// # Errors
    /// No memory for the tally.
    pub fn new(index: usize, plan: Arc<Plan>, shared: Arc<Shared>) -> Result<Rc<Self>, String> {
        let seed = std::hash::RandomState::new().build_hasher().finish();
        let tally = Tally::new(plan.count_errors, plan.most_details)?;
        Ok(Rc::new_cyclic(|me| Self {
            head: Rc::new(plan.head()),
            links: RefCell::default(),
            start: Cell::new(Instant::now()),
            tally: RefCell::new(tally),
            calls: RefCell::new(Calls::new()),
            crew: RefCell::new(Crew::new(index, plan.threads, plan.connections)),
            buffer: RefCell::new(vec![0; READ_BYTES]),
            random: RefCell::new(SplitMix::new(seed)),
            due: RefCell::default(),
            numbers: Cell::new((0, 0)),
            all_due: Cell::new(false),
            stopping: Cell::new(false),
            ended: Notify::new(),
            me: Weak::clone(me),
            plan,
            shared,
        }))
    }

    /// Lets there be so many workers in the run.
    pub fn allow(&self, workers: usize) {
        let new = self.crew.borrow_mut().allow(workers);
        let now = Instant::now();
        for worker in new {
            self.next(worker, now);
        }
        self.tell_end();
    }

    /// The worker begins its next call; or rests, or ends.
    pub fn next(&self, worker: usize, now: Instant) {
        if self.stopping.get() || !self.crew.borrow().goes_on(worker) {
            self.crew.borrow_mut().end(worker);
            return;
        }
        if self.plan.pace.is_none() {
            match self.number() {
                Some(number) => self.begin(worker, Ticket { number, due: now }, now),
                None => self.crew.borrow_mut().end(worker),
            }
            return;
        }
        let ticket = self.due.borrow_mut().pop_front();
        match ticket {
            Some(ticket) => self.begin(worker, ticket, now),
            None if self.all_due.get() => self.crew.borrow_mut().end(worker),
            None => self.crew.borrow_mut().rest(worker),
        }
    }

    /// The number of the next call where there is no schedule.
    fn number(&self) -> Option<u64> {
        let (mut next, mut end) = self.numbers.get();
        if next == end {
            let left = self.plan.total.saturating_sub(self.shared.next.load(Ordering::Relaxed));
            let is_constant = matches!(self.plan.workers, workers::Workers::Constant(_));
            let several = if is_constant && left > NUMBERS_LEFT { NUMBERS } else { 1 };
            next = self.shared.next.fetch_add(several, Ordering::Relaxed);
            end = next + several;
        }
        self.numbers.set((next + 1, end));
        (next < self.plan.total).then_some(next)
    }

    /// A call is due.
    pub fn put(&self, ticket: Ticket, now: Instant) {
        let idle = self.crew.borrow_mut().idle();
        let unbounded = self.plan.pace.as_ref().is_some_and(|pace| pace.unbounded);
        let worker = idle.or_else(|| unbounded.then(|| self.crew.borrow_mut().add(workers::MOST)).flatten());
        match worker {
            Some(worker) => self.begin(worker, ticket, now),
            None => self.due.borrow_mut().push_back(ticket),
        }
    }

    fn begin(&self, worker: usize, ticket: Ticket, now: Instant) {
        if self.plan.pace.is_some() {
            self.tally.borrow_mut().sent(now.saturating_duration_since(ticket.due));
        }
        let expected = Expected {
            streams: self.plan.streams.requests || self.plan.streams.answers,
            max_message_bytes: self.plan.max_receive_bytes,
            kept: Sample::is_of(ticket.number, self.plan.sample_every),
        };
        let key = self.calls.borrow_mut().insert(Call {
            ticket,
            worker,
            deadline: self.plan.timeout.and_then(|timeout| now.checked_add(timeout)),
            connection: 0,
            stream: 0,
            unseen: 0,
            window: 0,
            unsent: Bytes::new(),
            closes: true,
            is_closed: false,
            received: 0,
            answer: Answer::new(expected),
        });
        if let Some(link) = self.link_of(worker) {
            link.begin(self, key, now);
        }
    }

    pub fn link_of(&self, worker: usize) -> Option<Rc<Link>> {
        let place = self.crew.borrow().link(worker);
        self.links.borrow().get(place).cloned()
    }

    /// What the messages of a call are filled with.
    pub fn filling<'a>(&'a self, ticket: Ticket, worker: usize, random: &'a mut SplitMix) -> Filling<'a> {
        let crew = self.crew.borrow();
        let made_by = (crew.number(worker), crew.connection(worker));
        Filling::new(ticket.number, made_by, &self.plan.name, self.plan.utc_offset_s, random)
    }

    /// Puts a call on a connection that is free.
    pub fn open(&self, wire: &Rc<Wire>, key: Key, now: Instant) {
        let mut calls = self.calls.borrow_mut();
        let Some(call) = calls.find(key) else { return };
        let mut random = self.random.borrow_mut();
        let mut filling = self.filling(call.ticket, call.worker, &mut random);
        let further = self.metadata(&mut filling);
        let mut body = Body::new(&self.plan, &mut filling);
        let streams = self.plan.streams;
        let is_paced = streams.requests && streams.interval.is_some();
        let first = if is_paced { body.next(&self.plan, &mut filling) } else { None };
        call.unsent = first.unwrap_or_else(|| body.rest(&self.plan, &mut filling));
        (call.closes, call.is_closed, call.connection) = (body.is_over(), false, wire.number);
        let mut connection = wire.connection.borrow_mut();
        connection.open(key.index, call, &further, now);
        connection.send(key.index, call);
        drop(connection);
        wire.wake();
        if streams.answers && !streams.requests {
            call.answer.expect_at_most(usize::try_from(streams.call_count).unwrap_or(0));
        }
        if let Some(script) = script::of(&streams, body, key, wire)
            && let Some(pool) = self.me.upgrade()
        {
            spawn_local(script.run(pool));
        }
    }

    /// The headers of this call alone.
    fn metadata(&self, filling: &mut Filling<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        let each = &self.plan.metadata_of_calls;
        if each.is_empty() {
            return out;
        }
        let place = usize::try_from(filling.number % each.len() as u64).unwrap_or(0);
        let mut value = Vec::new();
        for (name, parts) in each.get(place).into_iter().flatten() {
            value.clear();
            filling.put(&mut value, parts);
            put_plain(&mut out, name, &value);
        }
        out
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
        if self.due.borrow().is_empty() {
            self.crew.borrow_mut().end_idle();
        }
        self.tell_end();
    }

    /// No more calls begin.
    pub fn stop(&self) {
        self.stopping.set(true);
        self.tally.borrow_mut().unsent += self.due.take().len() as u64;
        self.crew.borrow_mut().end_idle();
        self.tell_end();
    }

    pub fn tell_end(&self) {
        if self.crew.borrow().alive == 0 {
            self.ended.notify_one();
        }
    }

    /// How long calls get to end once no more begin.
    pub fn drain(&self) -> Duration {
        /// For calls without a deadline.
        const DRAIN: Duration = Duration::from_mins(1);
        self.plan.timeout.map_or(DRAIN, |timeout| timeout + DRAIN)
    }
}
