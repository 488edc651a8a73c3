//! The port as the rest of the process sees it, and the thread behind it.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::sleep;
use tokio_rustls::rustls::ServerConfig;

use super::calls::Calls;
use super::connection::{Host, converse};
use super::service::Service;
use super::servicer::Servicer;
use crate::door::mailbox::{Mailbox, News};
use crate::door::{ACCEPT_PAUSE, STOP_LOOK, bind};
use crate::engine::Engine;

/// What an operator may change.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Largest body of a request, as it comes and expanded.
    pub max_receive_bytes: usize,
    /// Largest body of an answer, before it is compressed.
    pub max_send_bytes: usize,
    /// Connections at a time; what comes beyond them waits in the listener's backlog.
    pub max_connections: usize,
    /// Age at which a connection is closed with its next answer, 10 percent more or less.
    pub max_connection_age: Duration,
}

/// What answers.
pub struct Behind<'e> {
    pub engine: &'e Arc<Engine>,
    /// Decides what `/v2/health/ready` answers.
    pub ready: &'e Arc<AtomicBool>,
    /// What the engine does not answer; none: nothing.
    pub servicer: Option<Arc<dyn Servicer>>,
}

/// Threads that wait for the interpreter; more would only wait for each other.
const ASKING_THREADS: usize = 2;

/// The port while it is open. Dropping it closes it and ends its thread.
pub struct Port {
    address: SocketAddr,
    engine: Arc<Engine>,
    mailbox: Arc<Mailbox>,
    tls: Arc<ArcSwapOption<ServerConfig>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Port {
    /// Opens the port and serves on a new thread; port 0 takes a free one.
    /// `tls`: none speaks plaintext, and what was opened with TLS stays so.
    ///
    /// # Errors
    /// The address does not resolve or cannot be bound, or no thread or file descriptor is left.
    pub fn open(
        address: impl ToSocketAddrs,
        behind: Behind<'_>,
        settings: Settings,
        tls: Option<Arc<ServerConfig>>,
    ) -> io::Result<Self> {
        let socket = bind(address)?;
        let address = socket.local_addr()?;
        let mailbox = Arc::<Mailbox>::default();
        let tls = Arc::new(ArcSwapOption::new(tls));
        let start = Start {
            engine: Arc::clone(behind.engine),
            ready: Arc::clone(behind.ready),
            servicer: behind.servicer,
            mailbox: Arc::clone(&mailbox),
            tls: Arc::clone(&tls),
            settings,
            socket,
        };
        let engine = Arc::clone(behind.engine);
        let busy = engine.metrics.process.io_thread();
        let runtime = busy
            .follow(tokio::runtime::Builder::new_current_thread().enable_all())
            .max_blocking_threads(ASKING_THREADS)
            .build()?;
        let thread = std::thread::Builder::new().name("penstock-http".to_owned()).spawn(move || {
            // Its tasks are caught one by one. Without the thread itself the port would be open and dead; a process that
            // ends is started again.
            if catch_unwind(AssertUnwindSafe(|| start.run(&runtime))).is_err() {
                std::process::abort();
            }
        })?;
        Ok(Self { address, engine, mailbox, tls, thread: Mutex::new(Some(thread)) })
    }

    /// The address that it listens on, with the port that was chosen.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// New handshakes use these certificates; connections that stand keep theirs.
    pub fn set_tls(&self, config: Arc<ServerConfig>) {
        self.tls.store(Some(config));
    }

    /// Closes connections that wait for a request, and others with their answer. The port stays open.
    pub fn drain(&self) {
        self.mailbox.send(News::Drain);
    }

    /// Closes the port, after at most `grace` for connections that have been told to go.
    pub fn stop(&self, grace: Duration) {
        let until = Instant::now() + grace;
        while self.engine.metrics.http.open() > 0 && Instant::now() < until {
            std::thread::sleep(STOP_LOOK);
        }
        self.mailbox.send(News::Stop);
        if let Some(thread) = self.thread.lock().take() {
            // A thread that panicked has ended too.
            let _ = thread.join();
        }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
}

/// What the thread begins with.
struct Start {
    engine: Arc<Engine>,
    ready: Arc<AtomicBool>,
    servicer: Option<Arc<dyn Servicer>>,
    mailbox: Arc<Mailbox>,
    tls: Arc<ArcSwapOption<ServerConfig>>,
    settings: Settings,
    socket: std::net::TcpListener,
}

impl Start {
    fn run(self, runtime: &tokio::runtime::Runtime) {
        let tasks = LocalSet::new();
        tasks.block_on(runtime, async {
            let service = Service {
                calls: Calls::new(self.engine, self.mailbox),
                settings: self.settings,
                ready: self.ready,
                unfinished: Rc::default(),
                servicer: self.servicer,
            };
            let host = Rc::new(Host { service, draining: watch::Sender::new(false) });
            if let Ok(listener) = TcpListener::from_std(self.socket) {
                spawn_local(accept(listener, self.tls, Rc::clone(&host)));
            }
            host.service
                .calls
                .carry(|| {
                    host.draining.send_replace(true);
                })
                .await;
        });
    }
}

async fn accept(listener: TcpListener, tls: Arc<ArcSwapOption<ServerConfig>>, host: Rc<Host>) {
    let room = Arc::new(Semaphore::new(host.service.settings.max_connections));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let Ok((socket, _)) = listener.accept().await else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (host, tls) = (Rc::clone(&host), tls.load_full());
        spawn_local(async move {
            let _room = permit;
            let engine = Arc::clone(host.service.calls.engine());
            let _open = engine.metrics.http.accept();
            converse(socket, tls, host).await;
        });
    }
}
