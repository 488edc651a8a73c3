//! A stream of requests of a hot method: requests in, an answer each, in their order unless one says otherwise.
//!
//! A request counts until its answer has been written, so a caller who does not read stops being read. A request that
//! fails is answered with an error of its own, and the stream goes on.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::request::Parts;
use tokio::time::sleep_until;

use super::answer;
use super::body::{NoMessage, cut_off, poll_piece};
use super::calls::Calls;
use super::head::Head;
use super::payload::Payload;
use super::thread::IoThread;
use crate::engine::Method;
use crate::engine::stream::{RequestHead, encode_answer};
use crate::grpc::{Deframer, ending};
use crate::status::{Code, Status};

/// The requests of a stream that have no answer yet, and the answers that are not written yet.
pub struct StreamCalls {
    method: Method,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    /// Requests that have not been answered in their turn; the first has number `first`.
    requests: VecDeque<Request>,
    first: u64,
    /// Answers to be written.
    answers: VecDeque<Vec<u8>>,
    /// Requests whose answer has not been written.
    open: usize,
    /// Nothing more is read; why the stream ends, where it does not end well.
    ended: Option<Result<(), Box<Status>>>,
    waiting: Option<Waker>,
}

struct Request {
    head: RequestHead,
    token: Option<u64>,
    answer: Answer,
}

enum Answer {
    Awaited,
    /// It waits for those before it.
    Here(Vec<u8>),
    /// It was not to wait.
    Gone,
}

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
    let calls_of_stream = Rc::new(StreamCalls { method, state: RefCell::default() });
    let serving = Serving {
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
    async fn run(&self, mut body: RecvStream, mut respond: SendResponse<Payload>) {
        let Ok(mut stream) = respond.send_response(answer::head(self.head.answer_encoding), false) else {
            return;
        };
        match self.converse(&mut body, &mut stream).await {
            Some(Ok(())) => answer::end(&mut stream, ending::ok()),
            Some(Err(status)) => answer::end(&mut stream, ending::trailers(&status)),
            None => {}
        }
    }

    /// Reads and writes until nothing more is to be written: how the stream ends; none where its caller has gone.
    async fn converse(
        &self,
        body: &mut RecvStream,
        stream: &mut SendStream<Payload>,
    ) -> Option<Result<(), Box<Status>>> {
        let mut deframer = Deframer::new(self.thread.settings.max_receive_bytes);
        let reading = poll_fn(|context| self.poll_read(body, &mut deframer, context));
        let writing = async {
            while let Some(message) = poll_fn(|context| self.calls.poll_answer(context)).await {
                let message = Payload::Message(answer::framed(message, self.head.answer_encoding));
                if !answer::write(stream, message).await {
                    return None;
                }
                self.owner.answer();
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
    fn poll_read(
        &self,
        body: &mut RecvStream,
        deframer: &mut Deframer,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        let end = loop {
            if self.thread.is_draining() {
                let status = Status::new(Code::Unavailable, "the server is stopping");
                break Err(Box::new(status));
            }
            if self.calls.is_full(self.thread.settings.max_stream_in_flight, context) {
                return Poll::Pending;
            }
            match self.next(body, deframer, context) {
                Poll::Ready(Ok(Some(message))) => self.accept(&message),
                Poll::Ready(Ok(None)) => break Ok(()),
                Poll::Ready(Err(NoMessage::Refused(status))) => break Err(status),
                // Its task is ended with it.
                Poll::Ready(Err(NoMessage::Gone)) | Poll::Pending => return Poll::Pending,
            }
        };
        self.calls.end_with(end);
        Poll::Ready(())
    }

    /// The next message; none at the end of the body.
    fn next(
        &self,
        body: &mut RecvStream,
        deframer: &mut Deframer,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, NoMessage>> {
        loop {
            if let Some(frame) = deframer.next_frame()? {
                let message = self.head.encoding.open(frame, self.thread.settings.max_receive_bytes)?;
                return Poll::Ready(Ok(Some(message)));
            }
            match std::task::ready!(poll_piece(body, context)) {
                Some(Ok(piece)) => deframer.push(piece),
                Some(Err(())) => return Poll::Ready(Err(NoMessage::Gone)),
                None if deframer.is_empty() => return Poll::Ready(Ok(None)),
                None => return Poll::Ready(Err(cut_off().into())),
            }
        }
    }

    fn accept(&self, message: &[u8]) {
        let number = self.calls.open(RequestHead::read(self.calls.method, message));
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let place = (&self.calls, number);
        if let Some(token) = self.thread.submit_of_stream(self.calls.method, message, left, place) {
            self.calls.keep(number, token);
        }
    }
}

impl StreamCalls {
    /// A request has come; gives its number.
    fn open(&self, head: RequestHead) -> u64 {
        let mut state = self.state.borrow_mut();
        state.open += 1;
        state.requests.push_back(Request { head, token: None, answer: Answer::Awaited });
        state.first + state.requests.len() as u64 - 1
    }

    fn keep(&self, number: u64, token: u64) {
        if let Some(request) = self.state.borrow_mut().request(number) {
            request.token = Some(token);
        }
    }

    /// The answer to a request.
    pub fn answer(&self, number: u64, outcome: Result<Vec<u8>, Box<Status>>) {
        let mut state = self.state.borrow_mut();
        let Some(request) = state.request(number) else { return };
        request.token = None;
        let message = encode_answer(self.method, &request.head, outcome);
        if request.head.unordered {
            request.answer = Answer::Gone;
            state.answers.push_back(message);
        } else {
            request.answer = Answer::Here(message);
        }
        while let Some(Request { answer: Answer::Here(_) | Answer::Gone, .. }) = state.requests.front() {
            if let Some(Request { answer: Answer::Here(message), .. }) = state.requests.pop_front() {
                state.answers.push_back(message);
            }
            state.first += 1;
        }
        state.wake();
    }

    /// The next answer to write; none when there will be no more.
    fn poll_answer(&self, context: &Context<'_>) -> Poll<Option<Vec<u8>>> {
        let mut state = self.state.borrow_mut();
        if let Some(message) = state.answers.pop_front() {
            return Poll::Ready(Some(message));
        }
        if state.open == 0 && state.ended.is_some() {
            return Poll::Ready(None);
        }
        state.waiting = Some(context.waker().clone());
        Poll::Pending
    }

    /// An answer was written: there is room for a request.
    fn written(&self) {
        let mut state = self.state.borrow_mut();
        state.open = state.open.saturating_sub(1);
        state.wake();
    }

    fn is_full(&self, max: usize, context: &Context<'_>) -> bool {
        let mut state = self.state.borrow_mut();
        state.waiting = Some(context.waker().clone());
        state.open >= max
    }

    fn end_with(&self, end: Result<(), Box<Status>>) {
        let mut state = self.state.borrow_mut();
        state.ended.get_or_insert(end);
        state.wake();
    }

    fn end(&self) -> Result<(), Box<Status>> {
        self.state.borrow_mut().ended.take().unwrap_or(Ok(()))
    }

    fn tokens(&self) -> Vec<u64> {
        self.state.borrow().requests.iter().filter_map(|request| request.token).collect()
    }

    /// Has the stream's task look around.
    pub fn wake(&self) {
        self.state.borrow_mut().wake();
    }
}

impl State {
    fn request(&mut self, number: u64) -> Option<&mut Request> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.requests.get_mut(place)
    }

    fn wake(&mut self) {
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
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
