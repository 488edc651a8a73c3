//! How answers leave: in bulk, once a batch and outbox, because a wake of another thread per call would
//! cost a good part of the call.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ticket::Ticket;
use crate::metrics::ModelMetrics;
use crate::status::{Code, Status};

/// The outcome of one call. Errors are boxed so that an answer is small.
#[derive(Debug)]
pub struct Answer {
    pub token: u64,
    pub result: Result<Vec<u8>, Box<Status>>,
}

/// One end that calls came from: an event loop, an I/O thread. Called from model threads and the reaper, with
/// no lock held; it must not panic and must not wait.
pub trait Outbox: Send + Sync {
    fn deliver(&self, answers: Vec<Answer>);
}

/// Answers being gathered. Sent when dropped, so that a claimed ticket is answered whatever happens.
pub(super) struct Mail<'m> {
    metrics: &'m ModelMetrics,
    /// A linear search: there are as many outboxes as I/O threads.
    bags: Vec<(Arc<dyn Outbox>, Vec<Answer>)>,
    /// By code: how many calls, and how long they had waited when `made` was.
    counts: [(u64, Duration); Code::ALL.len()],
    made: Instant,
}

impl<'m> Mail<'m> {
    pub fn new(metrics: &'m ModelMetrics) -> Self {
        Self { metrics, bags: Vec::new(), counts: Default::default(), made: Instant::now() }
    }

    /// Claims the ticket and keeps the answer for sending. False, and the result is dropped, where the ticket
    /// was settled before.
    pub fn settle(&mut self, ticket: &Ticket, result: Result<Vec<u8>, Box<Status>>) -> bool {
        let won = ticket.claim();
        if won {
            let code = result.as_ref().err().map_or(Code::Ok, |status| status.code);
            if let Some((count, waited)) =
                Code::ALL.iter().position(|each| *each == code).and_then(|place| self.counts.get_mut(place))
            {
                *count += 1;
                *waited += self.made.saturating_duration_since(ticket.began());
            }
            self.bag(ticket.outbox()).push(Answer { token: ticket.token(), result });
        }
        won
    }

    fn bag(&mut self, outbox: &Arc<dyn Outbox>) -> &mut Vec<Answer> {
        let found =
            self.bags.iter().position(|(each, _)| std::ptr::addr_eq(Arc::as_ptr(each), Arc::as_ptr(outbox)));
        let place = found.unwrap_or_else(|| {
            self.bags.push((Arc::clone(outbox), Vec::new()));
            self.bags.len() - 1
        });
        &mut self.bags[place].1
    }
}

impl Drop for Mail<'_> {
    /// Counts first, so that a caller who has its answer finds itself counted.
    fn drop(&mut self) {
        let since = self.made.elapsed();
        for (code, (count, waited)) in
            Code::ALL.into_iter().zip(self.counts).filter(|(_, (count, _))| *count > 0)
        {
            let since = since.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX));
            self.metrics.settle(code, count, waited.saturating_add(since));
        }
        for (outbox, answers) in self.bags.drain(..) {
            outbox.deliver(answers);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{Inbox, issuer};
    use super::*;

    #[test]
    fn answers_reach_each_outbox_in_one_delivery_and_in_order() {
        let (left, right, issuer) = (Inbox::new(), Inbox::new(), issuer());
        let mut mail = Mail::new(&issuer.metrics);
        for token in 0..6 {
            let inbox = if token % 2 == 0 { &left } else { &right };
            let ticket = Ticket::new(
                Arc::clone(inbox) as _,
                token,
                (Instant::now(), Instant::now()),
                Arc::clone(&issuer),
            );
            assert!(mail.settle(&ticket, Ok(Vec::new())));
        }
        assert!(left.answers().is_empty());
        drop(mail);
        assert_eq!((left.deliveries(), right.deliveries()), (1, 1));
        assert_eq!(left.codes(), [(0, Code::Ok), (2, Code::Ok), (4, Code::Ok)]);
        assert_eq!(issuer.metrics.requests(Code::Ok), 6);
    }

    #[test]
    fn an_answer_to_a_settled_call_is_dropped_and_not_counted() {
        let (inbox, issuer) = (Inbox::new(), issuer());
        let ticket =
            Ticket::new(Arc::clone(&inbox) as _, 1, (Instant::now(), Instant::now()), Arc::clone(&issuer));
        ticket.cancel();
        assert!(!Mail::new(&issuer.metrics).settle(&ticket, Ok(Vec::new())));
        assert_eq!(inbox.deliveries(), 0);
        assert_eq!(issuer.metrics.requests(Code::Ok), 0);
    }
}
