//! How the calls of a thread end: by an answer, with their connection, by their deadline, with the run.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::Instant;

use h2::Reason;

use super::call::{Key, Ticket};
use super::http2::connection::End;
use super::link::Link;
use super::pool::Pool;
use super::run::Sample;
use super::tally::Settled;
use crate::client::Failure;
use crate::client::failure::Code;

/// As grpc-go, and so ghz, words them.
const CLOSED: &str = "grpc: the client connection is closing";
const TOO_LATE: &str = "context deadline exceeded";
/// How often a call is sent again that the server surely did not see.
const MAX_UNSEEN: u32 = 5;

/// What became of a call.
type Outcome = Result<usize, Failure>;

impl Pool {
    /// Settles calls that are over by what a connection has read, then has their workers go on.
    pub fn settle_all(&self, link: &Link, over: &mut Vec<(u32, End)>) {
        if over.is_empty() {
            return;
        }
        let now = Instant::now();
        let mut workers = Vec::with_capacity(over.len());
        for (index, end) in over.drain(..) {
            workers.extend(self.over(link, index, end, now));
        }
        self.go_on(&workers);
    }

    fn go_on(&self, workers: &[usize]) {
        self.publish();
        let now = Instant::now();
        for worker in workers {
            self.next(*worker, now);
        }
        self.tell_end();
    }

    /// Gives the worker whose call it was, unless that is sent again.
    fn over(&self, link: &Link, index: u32, end: End, now: Instant) -> Option<usize> {
        let failure = match end {
            End::Answered => return self.answered(index, now),
            End::Reset(code) => {
                let reason = Reason::from(code);
                Failure::new(Code::of_reset(reason), format!("The call was reset: {reason}."))
            }
            End::Refused => Failure::new(Code::Unavailable, "The server refused the call's stream."),
            End::Left => Failure::new(Code::Unavailable, "The server ended the connection."),
        };
        if matches!(end, End::Refused | End::Left)
            && let Some(key) = self.calls.borrow_mut().put_back(index, MAX_UNSEEN)
        {
            link.begin_again(key);
            return None;
        }
        self.end(index, Err(failure), now)
    }

    fn answered(&self, index: u32, now: Instant) -> Option<usize> {
        let call = self.calls.borrow_mut().remove(index);
        let mut call = call?;
        let result = call.answer.result().map(|(bytes, messages)| {
            if call.answer.is_kept() {
                self.shared.sample(Sample { number: call.ticket.number, messages });
            }
            bytes
        });
        self.settle(call.ticket, result, now);
        Some(call.worker)
    }

    fn end(&self, index: u32, outcome: Outcome, now: Instant) -> Option<usize> {
        let call = self.calls.borrow_mut().remove(index)?;
        self.settle(call.ticket, outcome, now);
        Some(call.worker)
    }

    /// Calls end with their connection.
    pub fn lose(&self, lost: &[u32], reason: &str) {
        let now = Instant::now();
        let failure = || Failure::new(Code::Unavailable, format!("The connection was lost: {reason}."));
        let workers: Vec<usize> =
            lost.iter().filter_map(|index| self.end(*index, Err(failure()), now)).collect();
        self.go_on(&workers);
    }

    /// Calls end that have waited for a connection.
    pub fn fail(&self, waiting: &VecDeque<Key>, sentence: &str) {
        let now = Instant::now();
        let mut workers = Vec::new();
        for key in waiting {
            let is_there = self.calls.borrow_mut().find(*key).is_some();
            if is_there {
                workers.extend(self.end(key.index, Err(Failure::new(Code::Unavailable, sentence)), now));
            }
        }
        self.go_on(&workers);
    }

    /// Calls end whose deadline has passed; gives when the next one's does.
    pub fn expire(&self, now: Instant) -> Option<Instant> {
        let mut workers = Vec::new();
        let next = loop {
            let first = self.calls.borrow().first().and_then(|(index, call)| Some((index, call.deadline?)));
            match first {
                Some((index, deadline)) if deadline <= now => {
                    self.cancel(index);
                    workers.extend(self.end(index, Err(Failure::new(Code::DeadlineExceeded, TOO_LATE)), now));
                }
                first => break first.map(|(_, deadline)| deadline),
            }
        };
        if !workers.is_empty() {
            self.go_on(&workers);
        }
        // Calls that begin from now on have as much time.
        next.or_else(|| now.checked_add(self.plan.timeout?))
    }

    /// Resets a call's stream.
    fn cancel(&self, index: u32) {
        let call =
            self.calls.borrow_mut().get_mut(index).map(|call| (call.worker, call.connection, call.stream));
        let Some((worker, connection, stream)) = call else { return };
        let wire = self.link_of(worker).and_then(|link| link.find(connection));
        if let Some(wire) = wire {
            wire.connection.borrow_mut().cancel(stream);
            wire.wake();
        }
    }

    /// Calls under way end; they count, or are as if they had not been.
    pub fn cancel_all(&self, counted: bool) {
        let all = self.calls.borrow().all();
        let now = Instant::now();
        for index in all {
            self.cancel(index);
            let call = self.calls.borrow_mut().remove(index);
            let Some(call) = call else { continue };
            if counted {
                self.settle(call.ticket, Err(Failure::new(Code::Cancelled, CLOSED)), now);
            }
            self.crew.borrow_mut().end(call.worker);
        }
        self.publish();
        self.tell_end();
    }

    fn settle(&self, ticket: Ticket, result: Outcome, now: Instant) {
        if self.plan.skip_first > 0 {
            // Which answers are the first is for all threads to say.
            if result.is_err() {
                self.shared.failed.fetch_add(1, Ordering::Relaxed);
            }
            if self.shared.settled.fetch_add(1, Ordering::Relaxed) < self.plan.skip_first {
                return;
            }
        }
        let latency = now.saturating_duration_since(ticket.due);
        let ended = now.saturating_duration_since(self.start.get());
        self.tally.borrow_mut().settled(Settled { latency, ended, result });
    }

    /// Tells whoever looks on.
    fn publish(&self) {
        if self.plan.skip_first == 0 {
            let (settled, failed) = self.tally.borrow_mut().unpublished();
            self.shared.settled.fetch_add(settled, Ordering::Relaxed);
            self.shared.failed.fetch_add(failed, Ordering::Relaxed);
        }
    }
}
