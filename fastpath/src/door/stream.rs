//! A stream of requests of a hot method: requests in, an answer each, in their order unless one says otherwise.
//!
//! A request counts until its answer has been written, so a caller who does not read stops being read. A request that
//! fails is answered with an error of its own, and the stream goes on.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::request::Parts;
use tokio::time::sleep_until;

use super::answer;
use super::body::NoMessage;
use super::calls::Calls;
use super::head::Head;
use super::payload::Payload;
use super::stream_body::StreamBody;
use super::stream_calls::StreamCalls;
use super::thread::IoThread;
use crate::engine::Method;
use crate::engine::stream::RequestHead;
use crate::grpc::ending;
use crate::status::{Code, Status};

/// Serves a stream in a task of its own, which ends with its caller.
pub fn begin(
    (thread, calls): (&Rc<IoThread>, &Rc<Calls>),
    method: Method,
    parts: &Parts,
    body: RecvStream,
    respond: SendResponse<Payload>,
) {
    let head = match Head::read(&parts.headers, thread.settings.response_encoding) {
        Ok(head) => head,
        Err(refusal) => return answer::turn_away(respond, refusal),
    };
    let stream = respond.stream_id().as_u32();
    let calls_of_stream = Rc::new(StreamCalls::new(method));
    let serving = Serving {
        method,
        deadline: head.timeout.map(|timeout| Instant::now() + timeout),
        head,
        owner: Rc::clone(calls),
        calls: calls_of_stream,
        thread: Rc::clone(thread),
    };
    thread.enter_stream(&serving.calls);
    calls.run(stream, async move { serving.run(body, respond).await });
}

struct Serving {
    method: Method,
    head: Head,
    deadline: Option<Instant>,
    thread: Rc<IoThread>,
    owner: Rc<Calls>,
    calls: Rc<StreamCalls>,
}

impl Drop for Serving {
    /// Whoever ends the stream, what waits for it in the queue goes too.
    fn drop(&mut self) {
        for token in self.calls.tokens() {
            self.thread.cancel(token);
        }
        self.thread.leave_stream(&self.calls);
    }
}

impl Serving {
    async fn run(&self, body: RecvStream, mut respond: SendResponse<Payload>) {
        let Ok(mut stream) = respond.send_response(answer::head(self.head.answer_encoding), false) else {
            return;
        };
        let max_bytes = self.thread.settings.max_receive_bytes;
        let mut body = StreamBody::new(body, self.head.encoding, max_bytes, &self.thread.unfinished);
        match self.converse(&mut body, &mut stream).await {
            Some(Ok(())) => answer::end(&mut stream, ending::ok()),
            Some(Err(status)) => answer::end(&mut stream, ending::trailers(&status)),
            None => {}
        }
    }

    /// Reads and writes until nothing more is to be written: how the stream ends; none where its caller has gone.
    async fn converse(
        &self,
        body: &mut StreamBody,
        stream: &mut SendStream<Payload>,
    ) -> Option<Result<(), Box<Status>>> {
        let reading = poll_fn(|context| self.poll_read(body, context));
        let writing = async {
            while let Some(message) = poll_fn(|context| self.calls.poll_answer(context)).await {
                let message = Payload::Message(answer::framed(message, self.head.answer_encoding));
                if !answer::write(stream, message, &self.owner).await {
                    return None;
                }
                self.calls.written();
            }
            Some(self.calls.end())
        };
        tokio::pin!(reading, writing);
        let mut read_all = false;
        let mut late = Box::pin(sleep_until(self.deadline.unwrap_or_else(far_future).into()));
        poll_fn(|context| {
            if !read_all && reading.as_mut().poll(context).is_ready() {
                read_all = true;
            }
            if let Poll::Ready(end) = writing.as_mut().poll(context) {
                return Poll::Ready(end);
            }
            late.as_mut().poll(context).map(|()| Some(Err(Box::new(too_late()))))
        })
        .await
    }

    /// Reads as long as there is room; ready once nothing more is to be read.
    fn poll_read(&self, body: &mut StreamBody, context: &mut Context<'_>) -> Poll<()> {
        let end = loop {
            if self.thread.is_draining() {
                let status = Status::new(Code::Unavailable, "the server is stopping");
                break Err(Box::new(status));
            }
            if self.calls.is_full(self.thread.settings.max_stream_in_flight, context) {
                body.hold(context);
                return Poll::Pending;
            }
            match ready!(body.poll_message(context)) {
                Ok(Some(message)) => self.accept(&message),
                // To a caller who is gone nothing can be written, and that ends the stream.
                Ok(None) | Err(NoMessage::Gone) => break Ok(()),
                Err(NoMessage::Refused(status)) => break Err(status),
            }
        };
        self.calls.end_with(end);
        Poll::Ready(())
    }

    fn accept(&self, message: &[u8]) {
        let number = self.calls.open(RequestHead::read(self.method, message));
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let place = (&self.calls, number);
        if let Some(token) = self.thread.submit_of_stream(self.method, message, left, place) {
            self.calls.keep(number, token);
        }
    }
}

fn too_late() -> Status {
    Status::new(Code::DeadlineExceeded, "The stream's deadline has passed.")
}

/// Streams without a deadline end with their callers.
fn far_future() -> Instant {
    const YEAR: std::time::Duration = std::time::Duration::from_hours(24 * 365);
    Instant::now() + YEAR
}
