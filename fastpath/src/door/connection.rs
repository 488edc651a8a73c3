//! One connection: handshake, calls as they come, signs of life, age, and the end.

use std::future::poll_fn;
use std::hash::{BuildHasher, Hasher};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use h2::server::{self, SendResponse};
use h2::{Ping, PingPong, Reason, RecvStream};
use http::Request;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Sleep, sleep_until, timeout};

use super::calls::Calls;
use super::head::{Route, route_of};
use super::heartbeat::{Beat, Heartbeat, spread};
use super::payload::Payload;
use super::peer::Peer;
use super::settings::{
    CONNECTION_WINDOW_BYTES, DATA_FRAME_BUDGET_BYTES, HANDSHAKE_TIMEOUT, MAX_HEADER_LIST_BYTES,
    MAX_LOCAL_ERROR_RESETS, PENDING_ACCEPT_RESETS_PER_STREAM, STREAM_WINDOW_BYTES, Settings,
};
use super::thread::IoThread;
use super::wire::Wire;
use super::{answer, forward, stream, unary};
use crate::metrics::door::ClosedFor;

/// Speaks HTTP/2 on a socket until either side ends it.
pub async fn serve(socket: impl AsyncRead + AsyncWrite + Unpin, peer: Rc<Peer>, thread: Rc<IoThread>) {
    let wire = Wire::new(socket);
    let handshake = builder(&thread.settings).handshake(wire.clone());
    let Ok(Ok(mut http)) = timeout(HANDSHAKE_TIMEOUT, handshake).await else {
        return thread.metrics().close(ClosedFor::Handshake);
    };
    wire.gather();
    let now = Instant::now();
    let life = Heartbeat::new(now, spread_at_random(thread.settings.max_connection_age));
    let calls = Calls::new();
    thread.enter(&calls);
    let mut connection = Connection {
        pings: http.ping_pong(),
        http,
        wire,
        peer,
        thread,
        calls,
        timer: Box::pin(sleep_until(life.due().into())),
        life,
        going: false,
    };
    poll_fn(|context| connection.poll(context)).await;
}

impl<S> Drop for Connection<S> {
    /// However it ends, a panic included, its calls end with it.
    fn drop(&mut self) {
        self.thread.leave(&self.calls);
    }
}

fn builder(settings: &Settings) -> server::Builder {
    // h2 cannot say more than 2^31 - 1.
    let windows = settings.max_concurrent_streams.saturating_mul(STREAM_WINDOW_BYTES).min(i32::MAX as u32);
    let mut builder = server::Builder::new();
    builder
        .max_concurrent_streams(settings.max_concurrent_streams)
        .max_header_list_size(MAX_HEADER_LIST_BYTES)
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(windows.max(CONNECTION_WINDOW_BYTES))
        .data_frame_budget(DATA_FRAME_BUDGET_BYTES)
        .max_pending_accept_reset_streams(
            PENDING_ACCEPT_RESETS_PER_STREAM * settings.max_concurrent_streams as usize,
        )
        .max_local_error_reset_streams(Some(MAX_LOCAL_ERROR_RESETS));
    builder
}

struct Connection<S> {
    http: server::Connection<Wire<S>, Payload>,
    pings: Option<PingPong>,
    wire: Wire<S>,
    peer: Rc<Peer>,
    thread: Rc<IoThread>,
    calls: Rc<Calls>,
    life: Heartbeat,
    timer: Pin<Box<Sleep>>,
    /// It was told to go.
    going: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// All that can be done now; ready when the connection is over.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.calls.set_waker(context.waker());
        loop {
            if self.poll_calls(context).is_ready() {
                return Poll::Ready(());
            }
            for stream in self.wire.frames(super::frames::Frames::take_resets) {
                if let Some(token) = self.calls.take(stream) {
                    self.thread.cancel(token);
                }
            }
            match self.poll_life(context) {
                // What h2 was told is written by its next turn.
                Poll::Ready(true) => {}
                Poll::Ready(false) => return Poll::Ready(()),
                Poll::Pending => break,
            }
        }
        match self.wire.poll_send(context) {
            Poll::Ready(Err(_)) => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }

    fn poll_calls(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while let Poll::Ready(accepted) = self.http.poll_accept(context) {
            let Some(Ok((request, respond))) = accepted else { return Poll::Ready(()) };
            self.begin(request, respond, context);
        }
        Poll::Pending
    }

    fn begin(&self, request: Request<RecvStream>, respond: SendResponse<Payload>, context: &mut Context<'_>) {
        let (parts, body) = request.into_parts();
        let place = (&self.thread, &self.calls);
        match route_of(&parts) {
            Ok(Route::Unary(method)) => unary::begin(place, method, &parts, body, respond, context),
            Ok(Route::Stream(method)) => stream::begin(place, method, &parts, body, respond),
            Ok(Route::Forward) => forward::begin(place, &self.peer, parts, body, respond),
            Err(refusal) => answer::turn_away(respond, refusal),
        }
    }

    /// True: h2 was told something. False: the connection is over.
    fn poll_life(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        if self.calls.take_answered() {
            self.wire.frames(super::frames::Frames::answer);
        }
        if !self.going && self.wire.frames(|frames| frames.is_flood()) {
            self.going = true;
            self.thread.metrics().close(ClosedFor::Flood);
            self.http.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
            return Poll::Ready(true);
        }
        if self.thread.is_draining() && !self.going {
            self.life.retire(Instant::now());
            return Poll::Ready(self.retire());
        }
        while self.timer.as_mut().poll(context).is_ready() {
            let heard = self.wire.frames(super::frames::Frames::heard);
            let beat = self.life.beat(Instant::now(), heard);
            self.wire.trim();
            self.timer.as_mut().reset(self.life.due().into());
            match beat {
                Beat::Nothing => {}
                Beat::Ping => return Poll::Ready(self.ping(context)),
                Beat::Retire => return Poll::Ready(self.retire()),
                Beat::Close => {
                    self.thread.metrics().close(ClosedFor::Silence);
                    return Poll::Ready(false);
                }
            }
        }
        Poll::Pending
    }

    /// GOAWAY twice: the first takes no stream away, the second, a round trip later, names the last that is served.
    fn retire(&mut self) -> bool {
        self.going = true;
        self.thread.metrics().close(ClosedFor::Age);
        self.http.graceful_shutdown();
        true
    }

    fn ping(&mut self, context: &mut Context<'_>) -> bool {
        if let Some(pings) = &mut self.pings {
            // The pong of the last one is taken out of the way; that anything comes at all is what counts.
            let _ = pings.poll_pong(context);
            let _ = pings.send_ping(Ping::opaque());
        }
        true
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
