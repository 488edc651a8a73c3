//! A stream of requests of a hot method: requests in, an answer each, in their order unless one says otherwise.
//!
//! A request counts until its answer has been written, so a caller who does not read stops being read. A request that
//! fails is answered with an error of its own, and the stream goes on.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::time::sleep_until;

use super::answer;
use super::head::Head;
use super::http2::{Conversation, Ending, Handle};
use super::stream_body::{NoMessage, StreamBody};
use super::stream_calls::StreamCalls;
use super::thread::IoThread;
use crate::engine::Method;
use crate::engine::stream::RequestHead;
use crate::grpc::ending;
use crate::status::{Code, Status};

/// Serves a stream in a task of its own, which ends with its caller.
pub fn begin(
    (thread, conversation): (&Rc<IoThread>, &Rc<Conversation>),
    stream: u32,
    (method, head): (Method, Head),
) {
    let serving = Serving {
        method,
        deadline: head.timeout.map(|timeout| Instant::now() + timeout),
        head,
        calls: Rc::new(StreamCalls::new(method)),
        thread: Rc::clone(thread),
    };
    thread.enter_stream(&serving.calls);
    let handle = Rc::new(conversation.handle(stream));
    conversation.run(stream, async move { serving.run(handle).await });
}

struct Serving {
    method: Method,
    head: Head,
    deadline: Option<Instant>,
    thread: Rc<IoThread>,
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
    async fn run(&self, handle: Rc<Handle>) {
        if handle.send_answer_head(self.head.answer_encoding).is_err() {
            return;
        }
        let max_bytes = self.thread.settings.max_receive_bytes;
        let mut body =
            StreamBody::new(Rc::clone(&handle), self.head.encoding, max_bytes, &self.thread.unfinished);
        match self.converse(&mut body, &handle).await {
            Some(Ok(())) => handle.end(Ending::Ok),
            Some(Err(status)) => handle.end(Ending::Trailers(&ending::trailers(&status))),
            None => {}
        }
    }

    /// Reads and writes until nothing more is to be written: how the stream ends; none where its caller has gone.
    async fn converse(&self, body: &mut StreamBody, handle: &Handle) -> Option<Result<(), Box<Status>>> {
        let reading = poll_fn(|context| self.poll_read(body, context));
        let writing = async {
            while let Some(message) = poll_fn(|context| self.calls.poll_answer(context)).await {
                let mut message = answer::framed(message, self.head.answer_encoding);
                if !answer::write(handle, &mut message).await {
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
                body.hold();
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
