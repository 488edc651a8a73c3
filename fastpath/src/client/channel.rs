//! The callers' end of a channel, and its thread.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use http::Uri;
use http::uri::{Authority, InvalidUri, PathAndQuery, Scheme};
use parking_lot::Mutex;

use super::call::{Call, framed};
use super::driver::Driver;
use super::failure::{Code, Failure};
use super::inbox::{Closed, Inbox};
use super::outbox::{Outbox, Reply};
use super::settings::Settings;

/// A call without an end within a century has none.
const FOREVER: Duration = Duration::from_hours(24 * 365 * 100);
/// Calls one server. Dropping it closes it.
pub struct Channel {
    settings: Settings,
    authority: Authority,
    inbox: Arc<Inbox>,
    next_id: AtomicU64,
    started: Mutex<Started>,
}

/// Whether the thread runs, and in which process: a fork has no threads but the one that forked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Started {
    No,
    In { process: u32 },
}

/// A message to be sent, and when it must have been answered.
pub struct Request<'a> {
    /// Of the method; made by `Channel::method`.
    pub method: Uri,
    pub message: &'a [u8],
    pub timeout: Duration,
    /// The caller's own name for the call, which the reply has.
    pub token: u64,
}

impl Channel {
    /// Nothing is connected, and no thread started, before the first call.
    pub fn new(settings: Settings) -> Result<Self, InvalidUri> {
        let authority = settings.target.authority().parse()?;
        Ok(Self {
            settings,
            authority,
            inbox: Arc::default(),
            next_id: AtomicU64::new(0),
            started: Mutex::new(Started::No),
        })
    }

    /// The URI of a method given by its path, `/package.Service/Method`.
    pub fn method(&self, path: &str) -> Result<Uri, http::Error> {
        let scheme = if self.settings.tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP };
        let path: PathAndQuery = path.parse()?;
        Uri::builder().scheme(scheme).authority(self.authority.clone()).path_and_query(path).build()
    }

    /// A call that `submit` takes. The message is copied.
    ///
    /// # Errors
    /// `ResourceExhausted`: the message is longer than the channel sends.
    pub fn prepare(&self, request: Request<'_>, outbox: &Arc<dyn Outbox>) -> Result<Prepared, Failure> {
        let Request { method, message, timeout, token } = request;
        let max = self.settings.max_send_bytes;
        if message.len() > max {
            let sentence =
                format!("The request has {} bytes; at most {max} are sent. Send fewer rows.", message.len());
            return Err(Failure::new(Code::ResourceExhausted, sentence));
        }
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let deadline = Instant::now() + timeout.min(FOREVER);
        let outbox = Arc::clone(outbox);
        Ok(Prepared(Call { id, uri: method, framed: framed(message), deadline, outbox, token, refused: 0 }))
    }

    /// Hands in all calls at once; each one's reply goes to its outbox.
    pub fn submit(&self, calls: Vec<Prepared>) {
        let mut calls: Vec<Call> = calls.into_iter().map(|Prepared(call)| call).collect();
        if calls.is_empty() {
            return;
        }
        let refused = match self.start() {
            Ok(()) => match self.inbox.submit(&mut calls) {
                Ok(()) => return,
                Err(Closed) => Failure::new(Code::Cancelled, "The channel is closed."),
            },
            Err(failure) => failure,
        };
        for call in calls {
            let result = Err(Box::new(refused.clone()));
            call.outbox.deliver(vec![Reply { token: call.token, result }]);
        }
    }

    /// The caller of a call is gone; its reply may still come.
    pub fn cancel(&self, id: u64) {
        if !self.is_forked() {
            self.inbox.cancel(id);
        }
    }

    /// Ends the calls under way CANCELLED, and refuses new ones.
    pub fn close(&self) {
        if !self.is_forked() {
            self.inbox.close();
        }
    }

    /// Whether this is the child of the process whose thread it was: a lock that the thread held is held for ever here.
    fn is_forked(&self) -> bool {
        matches!(*self.started.lock(), Started::In { process } if process != std::process::id())
    }

    /// Starts the thread, unless it runs.
    fn start(&self) -> Result<(), Failure> {
        let process = std::process::id();
        let mut started = self.started.lock();
        match *started {
            Started::In { process: own } if own == process => return Ok(()),
            Started::In { .. } => {
                let sentence =
                    "The channel was used before this process was forked; make one after the fork.";
                return Err(Failure::new(Code::FailedPrecondition, sentence));
            }
            Started::No => {}
        }
        let failure =
            |error| Failure::new(Code::Internal, format!("The client's thread cannot start: {error}."));
        let driver = Arc::new(Driver::new(self.settings.clone(), Arc::clone(&self.inbox)));
        let runtime = runtime(&driver, &self.inbox).map_err(failure)?;
        let run = move || {
            // A fault of ours must not leave callers waiting.
            let _ = std::panic::catch_unwind(AssertUnwindSafe(|| {
                runtime.block_on(Arc::clone(&driver).run());
            }));
            driver.end();
            // A look-up of a name that hangs holds nobody up.
            runtime.shutdown_background();
        };
        thread::Builder::new().name("penstock-client".to_owned()).spawn(run).map_err(failure)?;
        *started = Started::In { process };
        Ok(())
    }
}

fn runtime(driver: &Arc<Driver>, inbox: &Arc<Inbox>) -> std::io::Result<tokio::runtime::Runtime> {
    let (before, driver, after) = (Arc::clone(inbox), Arc::downgrade(driver), Arc::clone(inbox));
    tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        // Names are looked up by one thread, which does not stay.
        .max_blocking_threads(1)
        .thread_name("penstock-client")
        .on_thread_park(move || {
            if let Some(driver) = driver.upgrade() {
                driver.flush();
            }
            before.before_sleep();
        })
        .on_thread_unpark(move || after.after_sleep())
        .build()
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.close();
    }
}

/// A call that has not been handed in.
pub struct Prepared(Call);

impl Prepared {
    /// For `Channel::cancel`.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.0.id
    }

    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.0.deadline
    }
}
