//! What happens to a stream while its call is under way: messages that follow at intervals, and an early end. As ghz does it.

use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::time::sleep_until;

use super::body::Body;
use super::call::Key;
use super::plan::Streams;
use super::pool::Pool;
use super::wire::Wire;

pub struct Script {
    key: Key,
    wire: Rc<Wire>,
    begun: Instant,
    what: What,
}

enum What {
    /// Messages follow until there are no more, or time is up; then this side is closed.
    Follow { body: Body, interval: Duration, end: Option<Instant> },
    /// Once time is up, the next message that comes is the last.
    CutShort(Duration),
}

/// That of a call which has begun; `body` is what was not sent. None where nothing is left to do.
#[must_use]
pub fn of(streams: &Streams, body: Body, key: Key, wire: &Rc<Wire>) -> Option<Script> {
    let begun = Instant::now();
    let what = match (streams.interval, streams.call_duration) {
        (Some(interval), duration) if streams.requests && !body.is_over() => {
            let end = duration.and_then(|duration| begun.checked_add(duration));
            What::Follow { body, interval, end }
        }
        (_, Some(duration)) if streams.answers && !streams.requests => What::CutShort(duration),
        _ => return None,
    };
    Some(Script { key, wire: Rc::clone(wire), begun, what })
}

impl Script {
    /// Ends with the call at the latest.
    pub async fn run(self, pool: Rc<Pool>) {
        let Self { key, wire, begun, what } = self;
        match what {
            What::CutShort(duration) => {
                sleep_until((begun + duration).into()).await;
                if let Some(call) = pool.calls.borrow_mut().find(key) {
                    call.answer.end_with_next();
                }
            }
            What::Follow { mut body, interval, end } => {
                let mut at = begun;
                loop {
                    at += interval;
                    let is_late = end.is_some_and(|end| end <= at);
                    sleep_until(end.map_or(at, |end| end.min(at)).into()).await;
                    if !follow(&pool, &wire, key, &mut body, is_late) {
                        return;
                    }
                }
            }
        }
    }
}

/// Sends the next message, or closes this side. Says whether the call goes on sending.
fn follow(pool: &Pool, wire: &Wire, key: Key, body: &mut Body, is_late: bool) -> bool {
    let mut calls = pool.calls.borrow_mut();
    let Some(call) = calls.find(key).filter(|call| call.connection == wire.number && !call.is_closed) else {
        return false;
    };
    if !is_late {
        let mut random = pool.random.borrow_mut();
        let next = body.next(&pool.plan, &mut pool.filling(call.ticket, call.worker, &mut random));
        let next = next.unwrap_or_default();
        call.unsent = if call.unsent.is_empty() { next } else { joined(&call.unsent, &next) };
    }
    call.closes = is_late || body.is_over();
    let goes_on = !call.closes;
    wire.connection.borrow_mut().send(key.index, call);
    wire.wake();
    goes_on
}

fn joined(first: &Bytes, second: &Bytes) -> Bytes {
    let mut both = BytesMut::with_capacity(first.len() + second.len());
    both.extend_from_slice(first);
    both.extend_from_slice(second);
    both.freeze()
}
