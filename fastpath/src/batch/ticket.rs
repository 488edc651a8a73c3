//! The right to answer a call, which exactly one party gets.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::deadline::Alarm;
use super::outbox::{Answer, Outbox};
use crate::metrics::ModelMetrics;
use crate::status::{Code, Status};

/// What the tickets of one queue share.
pub(super) struct Issuer {
    pub metrics: Arc<ModelMetrics>,
    pub alarm: Arc<Alarm>,
    /// Whether tickets were cancelled since the queue last looked for them.
    pub cancelled: AtomicBool,
}

/// A call that waits for its one answer. Shared by the door, which may cancel it, the queue and the reaper.
pub struct Ticket {
    outbox: Arc<dyn Outbox>,
    token: u64,
    began: Instant,
    deadline: Instant,
    settled: AtomicBool,
    issuer: Arc<Issuer>,
}

impl Ticket {
    /// `began` is when the call came.
    pub(super) fn new(
        outbox: Arc<dyn Outbox>,
        token: u64,
        (began, deadline): (Instant, Instant),
        issuer: Arc<Issuer>,
    ) -> Arc<Self> {
        issuer.metrics.open();
        Arc::new(Self { outbox, token, began, deadline, settled: AtomicBool::new(false), issuer })
    }

    /// When the call came.
    #[must_use]
    pub fn began(&self) -> Instant {
        self.began
    }

    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The call is gone: its caller went away. No answer is delivered, and the rows that wait for it leave
    /// the queue within milliseconds. False: it was answered before.
    pub fn cancel(&self) -> bool {
        let won = self.claim();
        if won {
            self.issuer.metrics.cancel(self.began.elapsed());
            self.issuer.cancelled.store(true, Ordering::SeqCst);
            self.issuer.alarm.set_now();
        }
        won
    }

    /// True once, for the first who asks; that party counts the outcome and delivers the answer.
    pub(super) fn claim(&self) -> bool {
        !self.settled.swap(true, Ordering::SeqCst)
    }

    /// Whether nobody waits for an answer any more.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.settled.load(Ordering::SeqCst)
    }

    pub(super) fn outbox(&self) -> &Arc<dyn Outbox> {
        &self.outbox
    }

    /// What names the call to its outbox.
    #[must_use]
    pub fn token(&self) -> u64 {
        self.token
    }
}

impl Drop for Ticket {
    /// A request that was lost on the way, by a panic for one, is answered all the same.
    fn drop(&mut self) {
        if !*self.settled.get_mut() {
            self.issuer.metrics.settle(Code::Internal, 1, self.began.elapsed());
            let status = Status::new(Code::Internal, "The server lost the request.");
            self.outbox.deliver(vec![Answer { token: self.token, result: Err(Box::new(status)) }]);
        }
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Ticket")
            .field("token", &self.token)
            .field("deadline", &self.deadline)
            .field("settled", &self.is_settled())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{Inbox, issuer};
    use super::*;

    #[test]
    fn a_ticket_is_claimed_once() {
        let ticket = Ticket::new(Inbox::new(), 1, (Instant::now(), Instant::now()), issuer());
        assert!(ticket.claim());
        assert!(!ticket.claim());
        assert!(!ticket.cancel());
    }

    #[test]
    fn a_cancelled_call_gets_no_answer_and_is_counted_once() {
        let (inbox, issuer) = (Inbox::new(), issuer());
        let ticket =
            Ticket::new(Arc::clone(&inbox) as _, 1, (Instant::now(), Instant::now()), Arc::clone(&issuer));
        assert!(ticket.cancel());
        assert!(!ticket.cancel());
        drop(ticket);
        assert!(inbox.answers().is_empty());
        assert_eq!(issuer.metrics.requests(Code::Cancelled), 1);
        assert_eq!(issuer.metrics.in_flight(), 0);
    }

    #[test]
    fn a_lost_ticket_is_answered_internal() {
        let (inbox, issuer) = (Inbox::new(), issuer());
        drop(Ticket::new(Arc::clone(&inbox) as _, 7, (Instant::now(), Instant::now()), Arc::clone(&issuer)));
        assert_eq!(inbox.codes(), [(7, Code::Internal)]);
        assert_eq!(issuer.metrics.in_flight(), 0);
    }
}
