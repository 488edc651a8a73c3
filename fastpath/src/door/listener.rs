//! The door as the rest of the process sees it: a port, the I/O threads behind it, and their end.
//!
//! One thread accepts and deals connections to the thread with the fewest: a few long-lived connections, as load balancers
//! keep, would lie unevenly if the kernel dealt them by their addresses.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::connection;
use super::mailbox::{Mailbox, News, Place};
use super::peer::Peer;
use super::settings::{HANDSHAKE_TIMEOUT, Settings};
use super::thread::IoThread;
use super::tls;
use super::upstream::{Link, Upstream};
use crate::engine::Engine;
use crate::metrics::busy::BusyTime;
use crate::metrics::door::ClosedFor;

/// How long to wait when accepting fails: the process is out of file descriptors, and trying at once again would only
/// burn the core.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Connections that the kernel keeps while the accepting thread is busy; it cuts this to what the system allows.
const BACKLOG: i32 = 4096;
/// How often the end of the last connection is looked for.
pub const STOP_LOOK: Duration = Duration::from_millis(5);

/// The door while it is open. Dropping it closes it and ends its threads.
pub struct Door {
    address: SocketAddr,
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared {
    ends: Vec<End>,
    tls: ArcSwapOption<ServerConfig>,
}

/// One I/O thread, from outside.
#[derive(Default)]
struct End {
    mailbox: Arc<Mailbox>,
    connections: Arc<AtomicUsize>,
}

impl Door {
    /// Opens the port and serves on new threads; port 0 takes a free one. `tls`: none speaks plaintext, and what was
    /// opened with TLS stays so.
    ///
    /// # Errors
    /// The address does not resolve or cannot be bound, or no thread or file descriptor is left.
    pub fn open(
        address: impl ToSocketAddrs,
        engine: &Arc<Engine>,
        settings: Settings,
        upstream: &Upstream,
        tls: Option<Arc<ServerConfig>>,
    ) -> io::Result<Self> {
        let socket = bind(address)?;
        let address = socket.local_addr()?;
        let ends = std::iter::repeat_with(End::default).take(settings.io_threads.max(1)).collect();
        let shared = Arc::new(Shared { ends, tls: ArcSwapOption::new(tls) });
        let settings = Arc::new(settings);
        let door = Self { address, shared: Arc::clone(&shared), threads: Mutex::default() };
        let mut listener = Some(socket);
        for (number, end) in shared.ends.iter().enumerate() {
            let busy = engine.metrics.process.io_thread();
            let start = Start {
                engine: Arc::clone(engine),
                settings: Arc::clone(&settings),
                mailbox: Arc::clone(&end.mailbox),
                upstream: upstream.clone(),
                listener: listener.take(),
                shared: Arc::clone(&shared),
                number,
                busy: Arc::clone(&busy),
            };
            let runtime = busy.follow(tokio::runtime::Builder::new_current_thread().enable_all()).build()?;
            let thread = std::thread::Builder::new().name(format!("penstock-io-{number}"));
            door.threads.lock().push(thread.spawn(move || {
                // Its tasks are caught one by one. Without the thread itself new connections would be dealt to nobody; a
                // process that ends is started again.
                if catch_unwind(AssertUnwindSafe(|| start.run(&runtime))).is_err() {
                    std::process::abort();
                }
            })?);
        }
        Ok(door)
    }

    /// The address that it listens on, with the port that was chosen.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// New handshakes use these certificates; connections that stand keep theirs.
    pub fn set_tls(&self, config: Arc<ServerConfig>) {
        self.shared.tls.store(Some(config));
    }

    /// Connections that stand.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.ends.iter().map(|end| end.connections.load(Ordering::Relaxed)).sum()
    }

    /// Tells every connection to go; its calls finish, and new ones go elsewhere. The port stays open.
    pub fn drain(&self) {
        self.shared.ends.iter().for_each(|end| end.mailbox.send(News::Drain));
    }

    /// Closes the port, after at most `grace` for connections that have been told to go.
    pub fn stop(&self, grace: Duration) {
        let until = Instant::now() + grace;
        while self.connections() > 0 && Instant::now() < until {
            std::thread::sleep(STOP_LOOK);
        }
        self.shared.ends.iter().for_each(|end| end.mailbox.send(News::Stop));
        for thread in self.threads.lock().drain(..) {
            // A thread that panicked has ended too.
            let _ = thread.join();
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
}

/// A listening socket. Without `SO_REUSEPORT`: two servers on one port would each get a part of the calls, and neither
/// would say so.
pub fn bind(address: impl ToSocketAddrs) -> io::Result<std::net::TcpListener> {
    let mut failure = io::Error::new(io::ErrorKind::AddrNotAvailable, "the host has no address");
    for address in address.to_socket_addrs()? {
        let bound = || -> io::Result<Socket> {
            let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
            socket.set_reuse_address(true)?;
            socket.bind(&address.into())?;
            socket.listen(BACKLOG)?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        };
        match bound() {
            Ok(socket) => return Ok(socket.into()),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// What an I/O thread begins with.
struct Start {
    engine: Arc<Engine>,
    settings: Arc<Settings>,
    mailbox: Arc<Mailbox>,
    upstream: Upstream,
    /// Of the one that accepts.
    listener: Option<std::net::TcpListener>,
    shared: Arc<Shared>,
    number: usize,
    busy: Arc<BusyTime>,
}

impl Start {
    fn run(self, runtime: &tokio::runtime::Runtime) {
        if self.settings.pin_threads {
            pin(self.number);
        }
        let tasks = LocalSet::new();
        tasks.block_on(runtime, async {
            if let Some(listener) = self.listener.and_then(|socket| TcpListener::from_std(socket).ok()) {
                let room = Arc::new(Semaphore::new(self.settings.max_connections));
                spawn_local(accept(listener, room, Arc::clone(&self.shared)));
            }
            let thread =
                IoThread::new(self.engine, self.settings, self.mailbox, Link::new(self.upstream), self.busy);
            let shared = self.shared;
            // A task of its own runs in the same turn as the connections that wake it. The future that is waited for here would
            // have one of its own, and a system call before it.
            let carrying = spawn_local(async move {
                let connect = |socket, place| {
                    spawn_local(converse(socket, place, shared.tls.load_full(), Rc::clone(&thread)));
                };
                thread.carry(connect).await;
            });
            if let Err(failure) = carrying.await {
                resume_unwind(failure.into_panic());
            }
        });
    }
}

/// Keeps the thread on one core; where that is not allowed it stays as it was.
fn pin(number: usize) {
    let mut cores = rustix::thread::CpuSet::new();
    if let Ok(allowed) = rustix::thread::sched_getaffinity(None) {
        let count = (allowed.count() as usize).max(1);
        let nth =
            (0..rustix::thread::CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).nth(number % count);
        if let Some(core) = nth {
            cores.set(core);
            let _ = rustix::thread::sched_setaffinity(None, &cores);
        }
    }
}

async fn accept(listener: TcpListener, room: Arc<Semaphore>, shared: Arc<Shared>) {
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let accepted = listener.accept().await.and_then(|(socket, _)| socket.into_std());
        let Ok(socket) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let fewest = shared.ends.iter().min_by_key(|end| end.connections.load(Ordering::Relaxed));
        if let Some(end) = fewest {
            end.mailbox.send(News::Connection(socket, Place::take(&end.connections, permit)));
        }
    }
}

/// One connection, from its socket to its end.
async fn converse(
    socket: std::net::TcpStream,
    _place: Place,
    tls: Option<Arc<ServerConfig>>,
    thread: Rc<IoThread>,
) {
    let _open = thread.metrics().accept();
    let Ok(socket) = TcpStream::from_std(socket) else { return };
    let Ok(address) = socket.peer_addr() else { return };
    // Answers are written whole; waiting for more to send with them would only delay them.
    let _ = socket.set_nodelay(true);
    let Some(config) = tls else {
        let peer = Peer { address, certificate: None };
        return connection::serve(socket, Rc::new(peer), Rc::clone(&thread)).await;
    };
    let accepted = timeout(HANDSHAKE_TIMEOUT, TlsAcceptor::from(config).accept(socket)).await;
    // A client that does not say which protocol it speaks does not speak gRPC.
    let accepted = accepted.ok().and_then(Result::ok);
    match accepted.filter(|socket| socket.get_ref().1.alpn_protocol() == Some(tls::ALPN_H2)) {
        Some(socket) => {
            let peer = Peer { address, certificate: tls::caller(socket.get_ref().1) };
            connection::serve(socket, Rc::new(peer), Rc::clone(&thread)).await;
        }
        None => thread.metrics().close(ClosedFor::Handshake),
    }
}
