//! One connection: its bytes in both directions, calls as they come, signs of life, age, and the end.

use std::future::poll_fn;
use std::hash::{BuildHasher, Hasher};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep_until};

use super::heartbeat::{Beat, Heartbeat, spread};
use super::http2::{Conversation, Event, Protocol};
use super::peer::Peer;
use super::settings::{
    BODY_TIMEOUT, HANDSHAKE_TIMEOUT, KEPT_UNSENT_BYTES, LAST_WORD_TIMEOUT, MAX_UNSENT_BYTES, TURN_BYTES,
};
use super::thread::IoThread;
use super::{answer, forward, stream, unary};
use crate::door::head::{Asked, Call, Hot};
use crate::http2::frame::{Frame, HEADER_BYTES, MIN_FRAME_BYTES, PREFACE, Reason};
use crate::metrics::door::ClosedFor;

/// What a read finds room for behind a frame of which all but one byte has come.
const BUFFER_BYTES: usize = TURN_BYTES + HEADER_BYTES + MIN_FRAME_BYTES;

/// Speaks HTTP/2 on a socket until either side ends it.
pub async fn serve(socket: impl AsyncRead + AsyncWrite + Unpin, peer: Rc<Peer>, thread: Rc<IoThread>) {
    let now = Instant::now();
    let conversation = Conversation::new(&thread.settings);
    thread.enter(&conversation);
    let shows_itself_until = now + HANDSHAKE_TIMEOUT;
    let mut connection = Connection {
        socket,
        conversation,
        peer,
        life: Heartbeat::new(now, spread_at_random(thread.settings.max_connection_age)),
        thread,
        rest: Vec::new(),
        unsent: Vec::new(),
        sent: 0,
        has_preface: false,
        holds_back: false,
        heard: false,
        bodies: None,
        timer: Box::pin(sleep_until(shows_itself_until.into())),
        timer_at: shows_itself_until,
        state: State::Opening(shows_itself_until),
    };
    poll_fn(|context| connection.poll(context)).await;
}

impl<S> Drop for Connection<S> {
    /// However it ends, a panic included, its calls end with it.
    fn drop(&mut self) {
        self.thread.leave(&self.conversation);
    }
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Its client has not shown that it speaks HTTP/2, and has until then to.
    Opening(Instant),
    Open,
    /// Its client was told to go.
    Going,
    /// Nothing more is read; the last word is on its way, until then.
    Ending(Instant),
}

struct Connection<S> {
    socket: S,
    conversation: Rc<Conversation>,
    peer: Rc<Peer>,
    thread: Rc<IoThread>,
    /// The front of a frame that has not come whole.
    rest: Vec<u8>,
    /// What goes out now; of it, what the socket has taken.
    unsent: Vec<u8>,
    sent: usize,
    has_preface: bool,
    /// More may have come than was read, because too much lay unsent.
    holds_back: bool,
    /// Something has come since the last beat.
    heard: bool,
    life: Heartbeat,
    /// When to look for bodies that do not come.
    bodies: Option<Instant>,
    timer: Pin<Box<Sleep>>,
    timer_at: Instant,
    state: State,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// All that can be done now; ready when the connection is over.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.conversation.begin_turn();
        let turned = self.poll_turn(context);
        self.conversation.end_turn(context.waker());
        turned
    }

    fn poll_turn(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let has_ended = !self.is_ending() && self.read(context);
        if has_ended && !self.has_preface {
            self.thread.metrics().close(ClosedFor::Handshake);
        }
        if self.keep_time(context).is_break() {
            return Poll::Ready(());
        }
        let sent = self.poll_send(context);
        if has_ended || matches!(sent, Poll::Ready(Err(()))) {
            return Poll::Ready(());
        }
        let is_over = self.conversation.with(|protocol| {
            protocol.strikes.turn();
            protocol.is_over()
        });
        if sent.is_pending() || !(is_over || self.is_ending()) {
            if sent.is_ready() && std::mem::take(&mut self.holds_back) {
                context.waker().wake_by_ref();
            }
            return Poll::Pending;
        }
        if ready!(Pin::new(&mut self.socket).poll_shutdown(context)).is_err() {
            return Poll::Ready(());
        }
        if !self.is_ending() {
            self.state = State::Ending(Instant::now() + LAST_WORD_TIMEOUT);
            if self.keep_time(context).is_break() {
                return Poll::Ready(());
            }
        }
        self.poll_rest(context)
    }

    fn is_ending(&self) -> bool {
        matches!(self.state, State::Ending(_))
    }

    /// Reads to the client's end, and nothing of it: a socket that is closed with something unread is reset, and the reset may
    /// overtake the last word.
    fn poll_rest(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut buffer = self.thread.buffer.take();
        buffer.resize(BUFFER_BYTES, 0);
        let mut room = ReadBuf::new(&mut buffer);
        let read = Pin::new(&mut self.socket).poll_read(context, &mut room);
        let came = room.filled().len();
        self.thread.buffer.set(buffer);
        match ready!(read) {
            Ok(()) if came > 0 => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    }

    /// Reads what has come, at most a turn's worth. True: the client has closed its side, or the socket has failed.
    fn read(&mut self, context: &mut Context<'_>) -> bool {
        // All connections of the thread read into the same memory; what is not read of it is kept.
        let mut buffer = self.thread.buffer.take();
        buffer.resize(BUFFER_BYTES, 0);
        let has_ended = self.read_into(&mut buffer, context);
        self.thread.buffer.set(buffer);
        has_ended
    }

    fn read_into(&mut self, buffer: &mut [u8], context: &mut Context<'_>) -> bool {
        let mut read = 0;
        loop {
            if self.conversation.with(|protocol| protocol.unsent.len()) + self.unsent.len()
                >= MAX_UNSENT_BYTES
            {
                // Its client does not read as fast as it asks.
                self.holds_back = true;
                return false;
            }
            if read >= TURN_BYTES {
                context.waker().wake_by_ref();
                return false;
            }
            let held = self.rest.len();
            let (front, back) = buffer.split_at_mut(held);
            front.copy_from_slice(&self.rest);
            let mut room = ReadBuf::new(back);
            match Pin::new(&mut self.socket).poll_read(context, &mut room) {
                Poll::Pending => return false,
                Poll::Ready(Err(_)) => return true,
                Poll::Ready(Ok(())) => {}
            }
            let came = room.filled().len();
            if came == 0 {
                return true;
            }
            read += came;
            self.heard = true;
            let bytes = buffer.get(..held + came).unwrap_or_default();
            match self.take(bytes) {
                Ok(taken) => {
                    self.rest.clear();
                    self.rest.extend_from_slice(bytes.get(taken..).unwrap_or_default());
                }
                Err(reason) => {
                    self.abort(reason);
                    return false;
                }
            }
        }
    }

    /// Takes the frames at the front of what has come; gives how many bytes they have.
    fn take(&mut self, bytes: &[u8]) -> Result<usize, Reason> {
        let mut rest = bytes;
        if !self.has_preface {
            match rest.split_at_checked(PREFACE.len()) {
                Some((PREFACE, behind)) => rest = behind,
                None if PREFACE.starts_with(rest) => return Ok(0),
                _ => return Err(Reason::Protocol),
            }
            self.has_preface = true;
        }
        let now = Instant::now();
        while let Some((frame, behind)) = Frame::split(rest) {
            if frame.payload.len() > MIN_FRAME_BYTES {
                return Err(Reason::FrameSize);
            }
            match self.conversation.with(|protocol| protocol.frame(&frame, now))? {
                Event::Nothing => {}
                Event::Call(stream, call, has_ended) => self.begin(stream, &call, has_ended, now),
                Event::Data(stream, piece, has_ended) => {
                    unary::go_on(&self.thread, &self.conversation, stream, piece, has_ended);
                }
                Event::Gone(work) => self.thread.abandon(work),
            }
            rest = behind;
        }
        if Frame::length(rest).is_some_and(|length| length > MIN_FRAME_BYTES) {
            return Err(Reason::FrameSize);
        }
        Ok(bytes.len() - rest.len())
    }

    fn begin(&self, stream: u32, call: &Call, has_ended: bool, now: Instant) {
        let place = (&self.thread, &self.conversation);
        match &call.asked {
            Ok(Asked::Hot(Hot::Unary(method), head)) => {
                unary::begin(place, stream, (*method, *head), has_ended, now);
            }
            Ok(Asked::Hot(Hot::Stream(method), head)) => stream::begin(place, stream, (*method, *head)),
            Ok(Asked::Forward(parts)) => forward::begin(place, &self.peer, stream, parts),
            Err(refusal) => answer::turn_away(&self.conversation, stream, refusal),
        }
    }

    /// The connection cannot go on: its client is told why, and its calls end.
    fn abort(&mut self, reason: Reason) {
        match (self.state, reason) {
            (State::Opening(_), _) => self.thread.metrics().close(ClosedFor::Handshake),
            (_, Reason::EnhanceYourCalm) => self.thread.metrics().close(ClosedFor::Flood),
            _ => {}
        }
        self.conversation.with(|protocol| protocol.abort(reason));
        self.state = State::Ending(Instant::now() + LAST_WORD_TIMEOUT);
        self.thread.leave(&self.conversation);
    }

    /// What is due: the handshake's end, bodies, beats, farewells. Break: the connection is over.
    fn keep_time(&mut self, context: &mut Context<'_>) -> std::ops::ControlFlow<()> {
        use std::ops::ControlFlow::{Break, Continue};
        let (has_settings, has_arriving) =
            self.conversation.with(|protocol| (protocol.has_settings(), protocol.has_arriving()));
        if has_settings && matches!(self.state, State::Opening(_)) {
            self.state = State::Open;
        }
        if self.state == State::Open && self.thread.is_draining() {
            self.life.retire(Instant::now());
            self.retire();
        }
        if has_arriving && self.bodies.is_none() {
            self.bodies = Some(Instant::now() + BODY_TIMEOUT);
        }
        loop {
            let due = match self.state {
                State::Opening(until) | State::Ending(until) => until,
                State::Open | State::Going => {
                    self.bodies.map_or(self.life.due(), |at| at.min(self.life.due()))
                }
            };
            if due != self.timer_at {
                self.timer_at = due;
                self.timer.as_mut().reset(due.into());
            }
            if self.timer.as_mut().poll(context).is_pending() {
                return Continue(());
            }
            if let State::Opening(_) = self.state {
                self.thread.metrics().close(ClosedFor::Handshake);
                return Break(());
            }
            if let State::Ending(_) = self.state {
                return Break(());
            }
            self.beat(Instant::now())?;
        }
    }

    fn beat(&mut self, now: Instant) -> std::ops::ControlFlow<()> {
        if self.bodies.is_some_and(|at| at <= now) {
            self.bodies = unary::give_up_late(&self.conversation, now);
        }
        // Its timer is over; another one is set by what is due next.
        if self.unsent.is_empty() {
            self.unsent = Vec::new();
        }
        match self.life.beat(now, std::mem::take(&mut self.heard)) {
            Beat::Nothing => {}
            Beat::Ping => self.conversation.with(Protocol::ping),
            Beat::Retire => self.retire(),
            Beat::Close => {
                self.thread.metrics().close(ClosedFor::Silence);
                return std::ops::ControlFlow::Break(());
            }
        }
        std::ops::ControlFlow::Continue(())
    }

    fn retire(&mut self) {
        self.state = State::Going;
        self.thread.metrics().close(ClosedFor::Age);
        self.conversation.with(Protocol::retire);
    }

    /// Writes all that has gathered. Ready: nothing is left.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ()>> {
        loop {
            if self.sent == self.unsent.len() {
                self.unsent.clear();
                self.unsent.shrink_to(KEPT_UNSENT_BYTES);
                self.sent = 0;
                let unsent = &mut self.unsent;
                self.conversation.with(|protocol| {
                    protocol.go_on();
                    std::mem::swap(unsent, &mut protocol.unsent);
                    protocol.took();
                });
                if self.unsent.is_empty() {
                    return Pin::new(&mut self.socket).poll_flush(context).map_err(|_| ());
                }
            }
            let rest = self.unsent.get(self.sent..).unwrap_or_default();
            match ready!(Pin::new(&mut self.socket).poll_write(context, rest)) {
                Ok(sent) if sent > 0 => self.sent += sent,
                _ => return Poll::Ready(Err(())),
            }
        }
    }
}

/// A connection's own age.
pub fn spread_at_random(age: Duration) -> Duration {
    spread(age, random())
}

/// A number from 0 to 1 that differs from connection to connection.
#[allow(clippy::cast_precision_loss, reason = "any number will do")]
fn random() -> f64 {
    let bits = std::collections::hash_map::RandomState::new().build_hasher().finish();
    bits as f64 / u64::MAX as f64
}
