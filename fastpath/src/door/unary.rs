//! A unary call of a hot method: its body is gathered, and the engine takes it.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::request::Parts;
use tokio::time::timeout;

use super::answer;
use super::body::{NoMessage, UnaryBody};
use super::calls::Calls;
use super::head::Head;
use super::payload::Payload;
use super::settings::BODY_TIMEOUT;
use super::thread::{IoThread, UnaryCall};
use crate::engine::Method;
use crate::status::{Code, Status};

/// A call whose body is not complete.
struct Arriving {
    method: Method,
    head: Head,
    body: UnaryBody,
    respond: SendResponse<Payload>,
}

/// Takes a call as far as it has come: nearly always its whole body is there already, and no task is made for it.
pub fn begin(
    (thread, calls): (&Rc<IoThread>, &Rc<Calls>),
    method: Method,
    parts: &Parts,
    body: RecvStream,
    respond: SendResponse<Payload>,
    context: &mut Context<'_>,
) {
    let head = match Head::read(&parts.headers, thread.settings.response_encoding) {
        Ok(head) => head,
        Err(refusal) => return answer::turn_away(respond, refusal),
    };
    let body = UnaryBody::new(body, thread.settings.max_receive_bytes, &thread.unfinished);
    let mut arriving = Arriving { method, head, body, respond };
    match arriving.poll(thread, context) {
        Poll::Ready(message) => arriving.finish(message, thread, calls),
        Poll::Pending => {
            let stream = arriving.respond.stream_id().as_u32();
            let (thread, owner) = (Rc::clone(thread), Rc::clone(calls));
            calls.run(stream, async move {
                let message = timeout(BODY_TIMEOUT, poll_fn(|context| arriving.poll(&thread, context))).await;
                let message = message.unwrap_or_else(|_| Err(too_slow().into()));
                arriving.finish(message, &thread, &owner);
            });
        }
    }
}

impl Arriving {
    fn poll(&mut self, thread: &IoThread, context: &mut Context<'_>) -> Poll<Result<Bytes, NoMessage>> {
        self.body.poll_message(self.head.encoding, thread.settings.max_receive_bytes, context)
    }

    fn finish(mut self, message: Result<Bytes, NoMessage>, thread: &Rc<IoThread>, calls: &Rc<Calls>) {
        match message {
            Ok(message) => {
                let call = UnaryCall {
                    stream: self.respond.stream_id().as_u32(),
                    respond: self.respond,
                    encoding: self.head.answer_encoding,
                    calls: Rc::clone(calls),
                };
                thread.submit_unary(self.method, &message, self.head.timeout, call);
            }
            Err(NoMessage::Refused(status)) => answer::refuse(&mut self.respond, &status),
            Err(NoMessage::Gone) => {}
        }
    }
}

fn too_slow() -> Status {
    let sentence = format!("The request's body did not come within {} s.", BODY_TIMEOUT.as_secs());
    Status::new(Code::DeadlineExceeded, sentence)
}
