//! One connection of a run, made anew when it is lost or its server goes away; and the calls that wait for it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Instant;

use tokio::sync::Notify;
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};

use super::call::Key;
use super::http2::connection::Connection;
use super::pool::Pool;
use super::wire::Wire;
use crate::client::backoff::Backoff;
use crate::client::connect;

pub struct Link {
    /// The connection that new calls go out on.
    now: RefCell<Option<Rc<Wire>>>,
    /// Those that take no new calls, and still have some.
    leaving: RefCell<Vec<Rc<Wire>>>,
    connections: Cell<u64>,
    waiting: RefCell<VecDeque<Key>>,
    /// A call waits, and there is no connection.
    pub wanted: Notify,
}

impl Link {
    #[must_use]
    pub fn new() -> Self {
        Self {
            now: RefCell::default(),
            leaving: RefCell::default(),
            connections: Cell::new(0),
            waiting: RefCell::default(),
            wanted: Notify::new(),
        }
    }

    /// Sends a call, at once or when it is its turn.
    pub fn begin(&self, pool: &Pool, key: Key, now: Instant) {
        self.forget_dead(pool);
        let wire = self.now.borrow();
        match &*wire {
            Some(wire) if self.waiting.borrow().is_empty() && wire.connection.borrow().is_free() => {
                pool.open(wire, key, now);
            }
            _ => self.wait(key),
        }
    }

    /// Calls that have met their deadline wait no more: those at the front, which have waited longest.
    fn forget_dead(&self, pool: &Pool) {
        let mut waiting = self.waiting.borrow_mut();
        while waiting.front().is_some_and(|key| pool.calls.borrow_mut().find(*key).is_none()) {
            waiting.pop_front();
        }
    }

    fn wait(&self, key: Key) {
        self.waiting.borrow_mut().push_back(key);
        match &*self.now.borrow() {
            None => self.wanted.notify_one(),
            // Nothing else may be about to happen on it.
            Some(wire) if wire.connection.borrow().is_free() => wire.wake(),
            Some(_) => {}
        }
    }

    /// A call that the server has not looked at is sent again, behind those that wait.
    pub fn begin_again(&self, key: Key) {
        self.wait(key);
    }

    /// Sends calls that wait for as long as a connection takes any.
    pub fn go_on(&self, pool: &Pool, wire: &Rc<Wire>, now: Instant) {
        while wire.connection.borrow().is_free() {
            let next = self.waiting.borrow_mut().pop_front();
            let Some(key) = next else { return };
            // Some have met their deadline.
            if pool.calls.borrow_mut().find(key).is_some() {
                pool.open(wire, key, now);
            }
        }
    }

    /// The connection takes no more calls. Those under way on it go on.
    pub fn leave(&self, wire: &Rc<Wire>) {
        let is_current = self.now.borrow().as_ref().is_some_and(|now| now.number == wire.number);
        if is_current {
            self.now.take();
            self.leaving.borrow_mut().push(Rc::clone(wire));
            if !self.waiting.borrow().is_empty() {
                self.wanted.notify_one();
            }
        }
    }

    /// The connection is over, and has no call any more.
    pub fn lose(&self, wire: &Rc<Wire>) {
        self.leave(wire);
        self.leaving.borrow_mut().retain(|each| each.number != wire.number);
    }

    /// The connection with this number.
    pub fn find(&self, number: u64) -> Option<Rc<Wire>> {
        let now = self.now.borrow();
        let leaving = self.leaving.borrow();
        now.iter().chain(leaving.iter()).find(|wire| wire.number == number).cloned()
    }

    fn is_lost(&self) -> bool {
        self.now.borrow().is_none()
    }

    /// Connects, and has the server's settings.
    ///
    /// # Errors
    /// A sentence with the server's address.
    pub async fn connect(self: &Rc<Self>, pool: &Rc<Pool>) -> Result<(), String> {
        let plan = &pool.plan;
        let too_late =
            || format!("Could not connect to {} within {:?}.", plan.target.authority(), plan.connect_timeout);
        let server_name = plan.server_name.as_deref().unwrap_or_else(|| plan.target.server_name());
        let stream = connect::stream(&plan.target, plan.tls.clone(), server_name, plan.keepalive);
        let begun = Instant::now();
        let stream = timeout(plan.connect_timeout, stream).await.map_err(|_| too_late())??;
        self.connections.set(self.connections.get() + 1);
        let wire = Rc::new(Wire::new(self.connections.get(), Connection::new(Rc::clone(&pool.head))));
        spawn_local(Rc::clone(&wire).carry(Rc::clone(self), Rc::clone(pool), stream));
        let left = plan.connect_timeout.saturating_sub(begun.elapsed());
        if timeout(left, wire.ready()).await.is_err() {
            wire.give_up("it has sent no settings");
        }
        if let Some(reason) = wire.reason() {
            return Err(format!("Could not connect to {}: {reason}.", plan.target.authority()));
        }
        spawn_local(Rc::clone(&wire).keep_alive(plan.keepalive));
        *self.now.borrow_mut() = Some(Rc::clone(&wire));
        self.go_on(pool, &wire, Instant::now());
        wire.wake();
        Ok(())
    }

    /// Connects again whenever a call wants it. A call fails with the attempt that it waited for, and an attempt waits, so
    /// that calls do not fail in a tight loop.
    pub async fn keep_connected(self: Rc<Self>, pool: Rc<Pool>) {
        let mut backoff = Backoff::default();
        loop {
            self.wanted.notified().await;
            while self.is_lost() && !self.waiting.borrow().is_empty() {
                sleep(backoff.left(Instant::now())).await;
                match self.connect(&pool).await {
                    Ok(()) => backoff.reset(),
                    Err(sentence) => {
                        backoff.failed(Instant::now());
                        let waiting = self.waiting.take();
                        pool.fail(&waiting, &sentence);
                    }
                }
            }
        }
    }
}
