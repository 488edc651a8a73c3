//! A unary call of a hot method: its message is gathered where it does not come whole, and the engine takes it.

use std::rc::Rc;
use std::time::Instant;

use super::answer;
use super::body::UnaryBody;
use super::head::Head;
use super::http2::{Arriving, Conversation, Work};
use super::settings::BODY_TIMEOUT;
use super::thread::{IoThread, UnaryCall};
use crate::engine::Method;
use crate::status::{Code, Status};

/// A call begins, whose body is still to come unless it has ended.
pub fn begin(
    (thread, conversation): (&Rc<IoThread>, &Rc<Conversation>),
    stream: u32,
    (method, head): (Method, Head),
    has_ended: bool,
    now: Instant,
) {
    let body = UnaryBody::new(thread.settings.max_receive_bytes, &thread.unfinished);
    let arriving = Arriving { method, head, body, since: now };
    conversation.with(|protocol| protocol.set_work(stream, Work::Arrives(arriving)));
    if has_ended {
        go_on(thread, conversation, stream, &[], true);
    }
}

/// More of a call's body has come: nearly always all of it.
pub fn go_on(
    thread: &Rc<IoThread>,
    conversation: &Rc<Conversation>,
    stream: u32,
    piece: &[u8],
    has_ended: bool,
) {
    if has_ended {
        let work = conversation.with(|protocol| protocol.set_work(stream, Work::Nobody));
        if let Work::Arrives(arriving) = work {
            finish(thread, conversation, stream, arriving, piece);
        }
        return;
    }
    let pushed =
        conversation.with(|protocol| protocol.arriving(stream).map_or(Ok(()), |call| call.body.push(piece)));
    if let Err(status) = pushed {
        answer::refuse(conversation, stream, &status);
    }
}

fn finish(
    thread: &Rc<IoThread>,
    conversation: &Rc<Conversation>,
    stream: u32,
    Arriving { method, head, mut body, .. }: Arriving,
    last: &[u8],
) {
    match body.finish(last, head.encoding) {
        Ok(message) => {
            let conversation = Rc::clone(conversation);
            let waiting = UnaryCall { stream, encoding: head.answer_encoding, conversation };
            thread.submit_unary(method, &message, head.timeout, waiting);
        }
        Err(status) => answer::refuse(conversation, stream, &status),
    }
}

/// Refuses calls whose bodies have not come in time; gives when the next one is to be looked for.
pub fn give_up_late(conversation: &Rc<Conversation>, now: Instant) -> Option<Instant> {
    let (late, next) = conversation.with(|protocol| {
        let mut late = Vec::new();
        let mut next: Option<Instant> = None;
        for (stream, arriving) in protocol.all_arriving() {
            let until = arriving.since + BODY_TIMEOUT;
            if until <= now {
                late.push(stream);
            } else {
                next = Some(next.map_or(until, |next| next.min(until)));
            }
        }
        (late, next)
    });
    for stream in late {
        answer::refuse(conversation, stream, &too_slow());
    }
    next
}

fn too_slow() -> Status {
    let sentence = format!("The request's body did not come within {} s.", BODY_TIMEOUT.as_secs());
    Status::new(Code::DeadlineExceeded, sentence)
}
