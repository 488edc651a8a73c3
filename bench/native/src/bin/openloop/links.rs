//! The connections and their sockets: calls go out on them in turn, and each has a task that reads its answers.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Instant;

use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::arguments::Arguments;
use crate::call::Call;
use crate::connection::{Connection, Settled};
use crate::tally::Tally;

const READ_BYTES: usize = 256 << 10;

/// A connection and its socket.
struct Link {
    socket: TcpStream,
    connection: RefCell<Connection>,
    is_lost: Cell<bool>,
    tally: Rc<RefCell<Tally>>,
    /// Somebody waits for its settings or its answers.
    changed: Rc<Notify>,
}

pub struct Links {
    /// Those that are not lost.
    open: Vec<Rc<Link>>,
    turn: usize,
    tally: Rc<RefCell<Tally>>,
    changed: Rc<Notify>,
}

impl Links {
    /// Opens all connections and waits for the server's settings.
    pub async fn open(arguments: &Arguments, tally: &Rc<RefCell<Tally>>) -> Result<Self, String> {
        let changed = Rc::new(Notify::new());
        let mut links = Vec::with_capacity(arguments.connections);
        for _ in 0..arguments.connections {
            let socket = TcpStream::connect(arguments.address).await.map_err(|error| error.to_string())?;
            socket.set_nodelay(true).map_err(|error| error.to_string())?;
            let link = Rc::new(Link {
                socket,
                connection: RefCell::new(Connection::new(arguments.answer_bytes)),
                is_lost: Cell::new(false),
                tally: Rc::clone(tally),
                changed: Rc::clone(&changed),
            });
            tokio::task::spawn_local(Rc::clone(&link).carry());
            links.push(link);
        }
        let opened = Self { open: links, turn: 0, tally: Rc::clone(tally), changed };
        opened.until(|links| links.iter().all(|link| link.connection.borrow().is_ready)).await?;
        Ok(opened)
    }

    /// Puts a call on the next connection that is free; false where none is. Refuses where all are lost.
    pub fn call(&mut self, call: &Call, due: Instant) -> Result<bool, String> {
        self.open.retain(|link| !link.is_lost.get());
        if self.open.is_empty() {
            return Err("all connections are lost".to_owned());
        }
        for _ in 0..self.open.len() {
            self.turn = (self.turn + 1) % self.open.len();
            let mut connection = self.open[self.turn].connection.borrow_mut();
            if connection.is_free(call) {
                connection.call(call, due);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Writes what the sockets take; each connection's task writes the rest.
    pub fn send(&self) {
        for link in &self.open {
            // A socket that is broken is found so by its task.
            let _ = link.write();
        }
    }

    /// Waits for the calls that are not answered yet.
    pub async fn settle_all(&self) {
        let tally = Rc::clone(&self.tally);
        let _ = self.until(move |_| tally.borrow().in_flight == 0).await;
    }

    async fn until(&self, done: impl Fn(&[Rc<Link>]) -> bool) -> Result<(), String> {
        while !done(&self.open) {
            if self.open.iter().any(|link| link.is_lost.get()) {
                return Err("a connection was lost".to_owned());
            }
            self.changed.notified().await;
        }
        Ok(())
    }
}

impl Link {
    /// Reads answers and writes what is left over until the connection ends.
    async fn carry(self: Rc<Self>) {
        let mut held = Vec::with_capacity(READ_BYTES);
        let mut settled = Vec::new();
        while let Ok(()) = self.turn(&mut held, &mut settled).await {}
        self.is_lost.set(true);
        self.connection.borrow_mut().lose(0, "connection lost", &mut settled);
        self.settle(&mut settled);
    }

    async fn turn(&self, held: &mut Vec<u8>, settled: &mut Vec<Settled>) -> Result<(), String> {
        let unsent = !self.connection.borrow().unsent.is_empty();
        let interest = if unsent { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        let ready = self.socket.ready(interest).await.map_err(|error| error.to_string())?;
        if ready.is_readable() {
            let read = match self.socket.try_read_buf(held) {
                Ok(0) => return Err("closed".to_owned()),
                Ok(_) => self.connection.borrow_mut().read(held, settled),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
                Err(error) => return Err(error.to_string()),
            };
            let broken = read.as_ref().err().cloned();
            held.drain(..read.unwrap_or(0));
            self.settle(settled);
            if let Some(error) = broken {
                return Err(error);
            }
        }
        self.write().map_err(|error| error.to_string())
    }

    fn settle(&self, settled: &mut Vec<Settled>) {
        let now = Instant::now();
        let mut tally = self.tally.borrow_mut();
        for each in settled.drain(..) {
            tally.settled(each, now);
        }
        self.changed.notify_one();
    }

    fn write(&self) -> io::Result<()> {
        let mut connection = self.connection.borrow_mut();
        while !connection.unsent.is_empty() {
            match self.socket.try_write(&connection.unsent) {
                Ok(written) => drop(connection.unsent.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
