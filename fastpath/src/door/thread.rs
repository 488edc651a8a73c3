//! One I/O thread: its connections, the calls that wait for the engine, and the two ends of the way there and back.
//!
//! All that is decoded in one turn of the thread is queued with one lock and one wake; all answers of a batch come with
//! one wake. Everything here belongs to the thread; only the mailbox is shared.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::answer;
use super::http2::{Conversation, Protocol, Work};
use super::mailbox::{Mail, Mailbox, News, Place};
use super::settings::Settings;
use super::stream_calls::StreamCalls;
use super::unfinished::Unfinished;
use super::upstream::Link;
use crate::batch::spin::FEW;
use crate::batch::{Outbox, Spin, Ticket, Tokens};
use crate::engine::{Caller, Decoded, Engine, Method};
use crate::grpc::Encoding;
use crate::metrics::busy::{BusyTime, thread_cpu_time};
use crate::metrics::door::DoorMetrics;
use crate::status::Status;

/// How long the thread waits awake for the answer to the few calls that it has: the way to a model thread that must be
/// woken, a small model's run, and the way back.
const SPIN: Duration = Duration::from_micros(100);

/// CPU time after which the thread gives way once, at the end of a turn. Model threads take the core from nobody when they
/// are woken; where they have none of their own and calls never stop coming, they would wait until the scheduler's slice,
/// some milliseconds, is over.
const GIVES_WAY_EACH: Duration = Duration::from_micros(100);

/// A unary call that the engine has.
pub struct UnaryCall {
    pub stream: u32,
    /// Of the answer's message.
    pub encoding: Encoding,
    pub conversation: Rc<Conversation>,
}

/// Whom an answer is for.
enum For {
    Unary(UnaryCall),
    /// The nth request of a stream.
    Stream(Rc<StreamCalls>, u64),
}

struct Waiting {
    caller: For,
    /// None while the request is being decoded.
    ticket: Option<Arc<Ticket>>,
}

/// What the tasks of one I/O thread share.
pub struct IoThread {
    pub settings: Arc<Settings>,
    pub link: Link,
    pub unfinished: Rc<Unfinished>,
    engine: Arc<Engine>,
    mailbox: Arc<Mailbox>,
    outbox: Arc<dyn Outbox>,
    busy: Arc<BusyTime>,
    waiting: RefCell<Tokens<Waiting>>,
    decoded: RefCell<Vec<Decoded>>,
    /// The postman, while nothing is decoded.
    postman: RefCell<Option<Waker>>,
    connections: RefCell<Vec<Rc<Conversation>>>,
    /// Into which all connections read, one after the other.
    pub buffer: Cell<Vec<u8>>,
    streams: RefCell<Vec<Rc<StreamCalls>>>,
    draining: Cell<bool>,
}

impl IoThread {
    pub fn new(
        engine: Arc<Engine>,
        settings: Arc<Settings>,
        mailbox: Arc<Mailbox>,
        link: Link,
        busy: Arc<BusyTime>,
    ) -> Rc<Self> {
        Rc::new(Self {
            settings,
            link,
            unfinished: Rc::default(),
            engine,
            outbox: Arc::clone(&mailbox) as _,
            mailbox,
            busy,
            waiting: RefCell::default(),
            decoded: RefCell::default(),
            postman: RefCell::default(),
            connections: RefCell::default(),
            buffer: Cell::default(),
            streams: RefCell::default(),
            draining: Cell::new(false),
        })
    }

    /// Hands a unary call to the engine; the answer goes to its caller now or later.
    pub fn submit_unary(&self, method: Method, message: &[u8], timeout: Option<Duration>, call: UnaryCall) {
        let (conversation, stream) = (Rc::clone(&call.conversation), call.stream);
        if let Some(token) = self.submit(method, message, timeout, For::Unary(call)) {
            conversation.with(|protocol| protocol.set_work(stream, Work::Waits(token)));
        }
    }

    /// Hands the nth request of a stream to the engine. None: it is answered already.
    pub fn submit_of_stream(
        &self,
        method: Method,
        message: &[u8],
        timeout: Option<Duration>,
        (calls, number): (&Rc<StreamCalls>, u64),
    ) -> Option<u64> {
        self.submit(method, message, timeout, For::Stream(Rc::clone(calls), number))
    }

    fn submit(&self, method: Method, message: &[u8], timeout: Option<Duration>, caller: For) -> Option<u64> {
        self.busy.did(1);
        let token = self.waiting.borrow_mut().insert(Waiting { caller, ticket: None });
        let asked = Caller { outbox: Arc::clone(&self.outbox), token, timeout };
        // Where all are refused he has nothing to carry, and still ends the turn.
        if let Some(postman) = self.postman.take() {
            postman.wake();
        }
        match self.engine.decode(method, message, asked) {
            Ok(decoded) => {
                if let Some(waiting) = self.waiting.borrow_mut().get_mut(token) {
                    waiting.ticket = Some(Arc::clone(decoded.ticket()));
                }
                self.decoded.borrow_mut().push(decoded);
                Some(token)
            }
            Err(status) => {
                self.answer(token, Err(Box::new(status)));
                None
            }
        }
    }

    fn answer(&self, token: u64, outcome: Result<Vec<u8>, Box<Status>>) {
        self.busy.did(1);
        let waiting = self.waiting.borrow_mut().take(token);
        match waiting.map(|waiting| waiting.caller) {
            Some(For::Unary(call)) => answer::send(&call.conversation, call.stream, outcome, call.encoding),
            Some(For::Stream(calls, number)) => calls.answer(number, outcome),
            None => {}
        }
    }

    /// The caller of a request has gone.
    pub fn cancel(&self, token: u64) {
        let waiting = self.waiting.borrow_mut().take(token);
        if let Some(ticket) = waiting.and_then(|waiting| waiting.ticket) {
            ticket.cancel();
        }
    }

    /// What the door counts.
    pub fn metrics(&self) -> &DoorMetrics {
        &self.engine.metrics.door
    }

    /// Whether new calls go elsewhere.
    pub fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// A call's caller has gone.
    pub fn abandon(&self, work: Work) {
        match work {
            Work::Waits(token) => self.cancel(token),
            Work::Runs(task) => task.abort(),
            Work::Nobody | Work::Arrives(_) => {}
        }
    }

    /// A connection begins.
    pub fn enter(&self, conversation: &Rc<Conversation>) {
        self.connections.borrow_mut().push(Rc::clone(conversation));
    }

    /// A connection has ended, and all its calls with it.
    pub fn leave(&self, conversation: &Rc<Conversation>) {
        let abandoned = conversation.with(Protocol::take_all);
        for work in abandoned {
            self.abandon(work);
        }
        self.connections.borrow_mut().retain(|each| !Rc::ptr_eq(each, conversation));
    }

    /// A stream of requests begins.
    pub fn enter_stream(&self, stream: &Rc<StreamCalls>) {
        self.streams.borrow_mut().push(Rc::clone(stream));
    }

    /// A stream of requests has ended.
    pub fn leave_stream(&self, stream: &Rc<StreamCalls>) {
        self.streams.borrow_mut().retain(|each| !Rc::ptr_eq(each, stream));
    }

    /// Carries requests to the engine, and answers and news from the mailbox, until the thread shall stop.
    pub async fn carry(&self, mut connect: impl FnMut(std::net::TcpStream, Place)) {
        let mut mail = Mail::default();
        let mut spin = Spin::new(SPIN);
        let mut gave_way = Duration::ZERO;
        poll_fn(|context| {
            loop {
                if self.enqueue() && self.waiting.borrow().len() <= FEW {
                    let awake = self.mailbox.spin(&mut spin);
                    self.busy.waited(awake);
                    self.engine.metrics.process.waited(awake);
                }
                if self.mailbox.poll_take(&mut mail, context).is_pending() {
                    if self.busy.has_worked() {
                        let cpu = thread_cpu_time();
                        self.busy.turn(cpu);
                        if cpu.saturating_sub(gave_way) >= GIVES_WAY_EACH {
                            gave_way = cpu;
                            std::thread::yield_now();
                        }
                    }
                    // What is decoded from here on wakes the task again.
                    return self.rest(context);
                }
                for answer in mail.answers.drain(..) {
                    // One answer that cannot be sent must not take the others, or the thread, along.
                    let _ = catch_unwind(AssertUnwindSafe(|| self.answer(answer.token, answer.result)));
                }
                for news in mail.news.drain(..) {
                    match news {
                        News::Connection(socket, place) => connect(socket, place),
                        News::Drain => {
                            self.draining.set(true);
                            self.connections.borrow().iter().for_each(|connection| connection.wake());
                            self.streams.borrow().iter().for_each(|stream| stream.wake());
                        }
                        News::Stop => return Poll::Ready(()),
                    }
                }
            }
        })
        .await;
    }

    fn rest(&self, context: &Context<'_>) -> Poll<()> {
        *self.postman.borrow_mut() = Some(context.waker().clone());
        Poll::Pending
    }

    /// Whether anything was to be queued.
    fn enqueue(&self) -> bool {
        let mut decoded = self.decoded.take();
        let any = !decoded.is_empty();
        if any {
            Engine::enqueue(&mut decoded, |token, status| self.answer(token, Err(Box::new(status))));
            // Its memory is used again, unless an answer has led to new requests meanwhile.
            if self.decoded.borrow().is_empty() {
                *self.decoded.borrow_mut() = decoded;
            }
        }
        any
    }
}
