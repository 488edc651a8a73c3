//! One HTTP/2 connection with its socket: one task reads what has come, has answers settled and further calls begun, and
//! writes all that this has made with one system call.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::http2::connection::{Connection, End};
use super::link::Link;
use super::pool::Pool;
use crate::client::connect::Stream;
use crate::client::keepalive::Keepalive;

/// After so many, others get their turn.
const MOST_READS: usize = 8;

pub struct Wire {
    /// Counted from 1, by its link.
    pub number: u64,
    pub connection: RefCell<Connection>,
    waker: RefCell<Waker>,
    /// Its task will look at it without being woken.
    is_looked_at: Cell<bool>,
    /// Why it is over.
    reason: RefCell<Option<String>>,
    /// The server's settings are here, or it is over.
    changed: Notify,
}

impl Wire {
    #[must_use]
    pub fn new(number: u64, connection: Connection) -> Self {
        Self {
            number,
            connection: RefCell::new(connection),
            waker: RefCell::new(Waker::noop().clone()),
            is_looked_at: Cell::new(false),
            reason: RefCell::default(),
            changed: Notify::new(),
        }
    }

    /// Has what is unsent written, soon and with what else there is by then.
    pub fn wake(&self) {
        if !self.is_looked_at.replace(true) {
            self.waker.borrow().wake_by_ref();
        }
    }

    /// Waits until calls may go out, or never will.
    pub async fn ready(&self) {
        while !self.connection.borrow().is_ready && self.reason.borrow().is_none() {
            self.changed.notified().await;
        }
    }

    pub fn reason(&self) -> Option<String> {
        self.reason.borrow().clone()
    }

    /// Ends it.
    pub fn give_up(&self, reason: &str) {
        self.reason.borrow_mut().get_or_insert_with(|| reason.to_owned());
        self.wake();
    }

    /// Moves its bytes until it ends; its calls end with it.
    pub async fn carry(self: Rc<Self>, link: Rc<Link>, pool: Rc<Pool>, mut stream: Box<dyn Stream>) {
        let mut held = Vec::new();
        let mut over = Vec::new();
        let turns = std::future::poll_fn(|cx| {
            let mut turn = Turn { wire: &self, link: &link, pool: &pool, held: &mut held, over: &mut over };
            turn.poll(cx, &mut stream)
        });
        let reason = turns.await;
        self.reason.borrow_mut().get_or_insert(reason);
        self.changed.notify_one();
        link.leave(&self);
        // Answers may have come whole before what ended it.
        pool.settle_all(&link, &mut over);
        let lost: Vec<u32> = self.connection.borrow().calls().collect();
        pool.lose(&lost, &self.reason().unwrap_or_default());
        link.lose(&self);
    }

    /// Asks a server that has calls whether it lives.
    pub async fn keep_alive(self: Rc<Self>, keepalive: Keepalive) {
        while self.reason.borrow().is_none() {
            sleep(keepalive.every).await;
            if self.connection.borrow().under_way() == 0 {
                continue;
            }
            let pongs = self.connection.borrow().pongs;
            self.connection.borrow_mut().ping();
            self.wake();
            sleep(keepalive.timeout).await;
            if self.connection.borrow().pongs == pongs {
                self.give_up("a ping was not answered");
            }
        }
    }
}

/// What a turn of the task works with.
struct Turn<'a> {
    wire: &'a Rc<Wire>,
    link: &'a Link,
    pool: &'a Pool,
    /// The front of a frame that has not come whole.
    held: &'a mut Vec<u8>,
    over: &'a mut Vec<(u32, End)>,
}

impl Turn<'_> {
    /// Gives why the connection is over.
    fn poll(&mut self, cx: &mut Context<'_>, stream: &mut Box<dyn Stream>) -> Poll<String> {
        self.wire.is_looked_at.set(true);
        if !self.wire.waker.borrow().will_wake(cx.waker()) {
            self.wire.waker.replace(cx.waker().clone());
        }
        if let Some(reason) = self.wire.reason() {
            return Poll::Ready(reason);
        }
        if let Err(reason) = self.read(cx, stream) {
            return Poll::Ready(reason);
        }
        self.link.go_on(self.pool, self.wire, Instant::now());
        if self.wire.connection.borrow().is_leaving {
            self.link.leave(self.wire);
        }
        self.wire.is_looked_at.set(false);
        if let Err(error) = self.write(cx, stream) {
            return Poll::Ready(error.to_string());
        }
        let connection = self.wire.connection.borrow();
        if connection.is_leaving && connection.under_way() == 0 {
            return Poll::Ready("the server has ended it".to_owned());
        }
        Poll::Pending
    }

    fn read(&mut self, cx: &mut Context<'_>, stream: &mut Box<dyn Stream>) -> Result<(), String> {
        for _ in 0..MOST_READS {
            let mut buffer = self.pool.buffer.borrow_mut();
            let mut read = ReadBuf::new(&mut buffer);
            match Pin::new(&mut *stream).poll_read(cx, &mut read) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Err(error)) => return Err(error.to_string()),
                Poll::Ready(Ok(())) if read.filled().is_empty() => {
                    return Err("the server has closed it".to_owned());
                }
                Poll::Ready(Ok(())) => self.take(read.filled())?,
            }
            drop(buffer);
            self.pool.settle_all(self.link, self.over);
        }
        // More may have come.
        cx.waker().wake_by_ref();
        Ok(())
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), String> {
        let mut connection = self.wire.connection.borrow_mut();
        let mut calls = self.pool.calls.borrow_mut();
        let was_ready = connection.is_ready;
        if self.held.is_empty() {
            let taken = connection.read(bytes, &mut calls, self.over)?;
            self.held.extend_from_slice(bytes.get(taken..).unwrap_or_default());
        } else {
            self.held.extend_from_slice(bytes);
            let taken = connection.read(self.held, &mut calls, self.over)?;
            self.held.drain(..taken);
        }
        if connection.is_ready != was_ready {
            self.wire.changed.notify_one();
        }
        Ok(())
    }

    fn write(&self, cx: &mut Context<'_>, stream: &mut Box<dyn Stream>) -> io::Result<()> {
        let mut connection = self.wire.connection.borrow_mut();
        while !connection.unsent.is_empty() {
            match Pin::new(&mut *stream).poll_write(cx, &connection.unsent) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(written)) if written == connection.unsent.len() => connection.unsent.clear(),
                Poll::Ready(Ok(written)) => drop(connection.unsent.drain(..written)),
                Poll::Ready(Err(error)) => return Err(error),
            }
        }
        match Pin::new(&mut *stream).poll_flush(cx) {
            Poll::Ready(Err(error)) => Err(error),
            _ => Ok(()),
        }
    }
}
