//! The book of a stream: its requests in their order, the answers that may be written, and how it ends.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use crate::engine::Method;
use crate::engine::stream::{RequestHead, encode_answer};
use crate::status::Status;

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

impl StreamCalls {
    /// Of a stream that begins.
    pub fn new(method: Method) -> Self {
        Self { method, state: RefCell::default() }
    }

    /// A request has come; gives its number.
    pub fn open(&self, head: RequestHead) -> u64 {
        let mut state = self.state.borrow_mut();
        state.open += 1;
        state.requests.push_back(Request { head, token: None, answer: Answer::Awaited });
        state.first + state.requests.len() as u64 - 1
    }

    pub fn keep(&self, number: u64, token: u64) {
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
            // It may stay here for long behind one that is awaited.
            request.head = RequestHead::default();
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
    pub fn poll_answer(&self, context: &Context<'_>) -> Poll<Option<Vec<u8>>> {
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
    pub fn written(&self) {
        let mut state = self.state.borrow_mut();
        state.open = state.open.saturating_sub(1);
        state.wake();
    }

    pub fn is_full(&self, max: usize, context: &Context<'_>) -> bool {
        let mut state = self.state.borrow_mut();
        state.waiting = Some(context.waker().clone());
        state.open >= max
    }

    pub fn end_with(&self, end: Result<(), Box<Status>>) {
        let mut state = self.state.borrow_mut();
        state.ended.get_or_insert(end);
        state.wake();
    }

    pub fn end(&self) -> Result<(), Box<Status>> {
        self.state.borrow_mut().ended.take().unwrap_or(Ok(()))
    }

    pub fn tokens(&self) -> Vec<u64> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Code;

    fn head(id: &str, unordered: bool) -> RequestHead {
        RequestHead { id: id.to_owned(), unordered }
    }

    /// The answers that may be written now, each with its wrapping taken off.
    fn written(calls: &StreamCalls) -> Vec<Vec<u8>> {
        let context = Context::from_waker(Waker::noop());
        let mut written = Vec::new();
        while let Poll::Ready(Some(message)) = calls.poll_answer(&context) {
            calls.written();
            written.push(message[2..].to_vec());
        }
        written
    }

    #[test]
    fn answers_come_in_the_order_of_their_requests() {
        let calls = StreamCalls::new(Method::Predict);
        let numbers: Vec<_> = (0..3).map(|_| calls.open(head("", false))).collect();
        calls.answer(numbers[2], Ok(vec![2]));
        assert!(written(&calls).is_empty());
        calls.answer(numbers[0], Ok(vec![0]));
        assert_eq!(written(&calls), [[0]]);
        calls.answer(numbers[1], Ok(vec![1]));
        assert_eq!(written(&calls), [[1], [2]]);
    }

    #[test]
    fn an_unordered_request_waits_for_nobody_and_holds_nobody_up() {
        let calls = StreamCalls::new(Method::Predict);
        let (first, second, third) =
            (calls.open(head("", false)), calls.open(head("", true)), calls.open(head("", false)));
        calls.answer(second, Ok(vec![1]));
        assert_eq!(written(&calls), [[1]]);
        calls.answer(third, Ok(vec![2]));
        calls.answer(first, Ok(vec![0]));
        assert_eq!(written(&calls), [[0], [2]]);
    }

    #[test]
    fn a_request_takes_room_until_its_answer_is_written() {
        let calls = StreamCalls::new(Method::Predict);
        let context = Context::from_waker(Waker::noop());
        let number = calls.open(head("", false));
        assert!(calls.is_full(1, &context));
        calls.answer(number, Ok(vec![0]));
        assert!(calls.is_full(1, &context));
        assert_eq!(written(&calls).len(), 1);
        assert!(!calls.is_full(1, &context));
    }

    #[test]
    fn the_stream_ends_when_all_that_was_read_is_answered_and_says_how() {
        let calls = StreamCalls::new(Method::ModelInfer);
        let context = Context::from_waker(Waker::noop());
        let number = calls.open(head("", false));
        calls.end_with(Err(Box::new(Status::new(Code::Unavailable, "the server is stopping"))));
        assert!(calls.poll_answer(&context).is_pending());
        calls.answer(number, Ok(vec![0]));
        assert_eq!(written(&calls).len(), 1);
        assert_eq!(calls.poll_answer(&context), Poll::Ready(None));
        assert_eq!(calls.end().unwrap_err().code, Code::Unavailable);
    }

    #[test]
    fn requests_without_an_answer_are_what_a_caller_who_goes_leaves_behind() {
        let calls = StreamCalls::new(Method::Predict);
        let (first, second) = (calls.open(head("", false)), calls.open(head("", false)));
        calls.keep(first, 7);
        calls.keep(second, 8);
        calls.answer(first, Ok(vec![0]));
        assert_eq!(calls.tokens(), [8]);
    }
}
