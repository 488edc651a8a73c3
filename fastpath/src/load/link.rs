//! One connection of a run, made anew when it is lost; its workers share it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use h2::client::{Connection, SendRequest};
use tokio::sync::Mutex;
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::{sleep, timeout};

use super::plan::Plan;
use crate::client::backoff::Backoff;
use crate::client::connect::{self, Stream};
use crate::client::failure::{Code, Failure};
use crate::client::keepalive;

/// A way to send, and the connection that it belongs to.
#[derive(Clone)]
pub struct Sender {
    pub requests: SendRequest<Bytes>,
    /// Counted from 1.
    connection: u64,
}

pub struct Link {
    plan: Arc<Plan>,
    now: RefCell<Option<Sender>>,
    connections: Cell<u64>,
    /// Calls whose answers are not there.
    pub under_way: Cell<usize>,
    /// Held by whoever connects; the others wait for what comes of it.
    connecting: Mutex<Backoff>,
    /// Attempts that failed, and why the last one did.
    failed: Cell<u64>,
    failure: RefCell<String>,
    task: RefCell<Option<AbortHandle>>,
}

impl Link {
    /// # Errors
    /// A sentence with the server's address.
    pub async fn open(plan: Arc<Plan>) -> Result<Rc<Self>, String> {
        let link = Rc::new(Self {
            plan,
            now: RefCell::default(),
            connections: Cell::new(0),
            under_way: Cell::new(0),
            connecting: Mutex::default(),
            failed: Cell::new(0),
            failure: RefCell::default(),
            task: RefCell::default(),
        });
        link.connect().await?;
        Ok(link)
    }

    /// A way to send, at once or once there is a connection again.
    pub async fn sender(self: &Rc<Self>) -> Result<Sender, Failure> {
        if let Some(sender) = self.current() {
            return Ok(sender);
        }
        let failed = self.failed.get();
        let mut backoff = self.connecting.lock().await;
        if let Some(sender) = self.current() {
            return Ok(sender);
        }
        // A call fails with the attempt that it waited for, and an attempt waits, so that calls do not fail in a tight loop.
        if failed != self.failed.get() {
            return Err(self.unavailable());
        }
        sleep(backoff.left(Instant::now())).await;
        match self.connect().await {
            Ok(sender) => {
                backoff.reset();
                Ok(sender)
            }
            Err(sentence) => {
                backoff.failed(Instant::now());
                self.failed.set(failed + 1);
                *self.failure.borrow_mut() = sentence;
                Err(self.unavailable())
            }
        }
    }

    fn unavailable(&self) -> Failure {
        Failure::new(Code::Unavailable, self.failure.borrow().clone())
    }

    fn current(&self) -> Option<Sender> {
        self.now.borrow().clone()
    }

    /// Whether calls go out on another connection by now, or on none.
    pub fn has_left(&self, sender: &Sender) -> bool {
        self.now.borrow().as_ref().is_none_or(|now| now.connection != sender.connection)
    }

    /// The connection takes no more calls. Those under way on it go on.
    pub fn leave(&self, sender: &Sender) {
        if !self.has_left(sender) {
            self.now.take();
        }
    }

    async fn connect(self: &Rc<Self>) -> Result<Sender, String> {
        let Plan { target, tls, keepalive, connect_timeout, .. } = &*self.plan;
        let opened = timeout(*connect_timeout, connect::open(target, tls.clone(), *keepalive)).await;
        let (requests, connection) = opened.map_err(|_| {
            format!("Could not connect to {} within {connect_timeout:?}.", target.authority())
        })??;
        let sender = Sender { requests, connection: self.connections.get() + 1 };
        self.connections.set(sender.connection);
        let task = spawn_local(Rc::clone(self).carry(sender.clone(), connection));
        *self.task.borrow_mut() = Some(task.abort_handle());
        *self.now.borrow_mut() = Some(sender.clone());
        Ok(sender)
    }

    /// Moves the connection's bytes until it ends.
    async fn carry(self: Rc<Self>, sender: Sender, mut connection: Connection<Box<dyn Stream>, Bytes>) {
        match connection.ping_pong() {
            None => drop(connection.await),
            Some(pings) => {
                tokio::select! {
                    _ = connection => {}
                    () = keepalive::watch(pings, self.plan.keepalive, || self.under_way.get() > 0) => {}
                }
            }
        }
        self.leave(&sender);
    }

    /// Closes the socket.
    pub fn close(&self) {
        self.now.take();
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}
