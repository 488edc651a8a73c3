//! The requests that wait, in order, and how a batch is taken out of them. No clock, no lock.

use std::collections::VecDeque;
use std::time::Instant;

use super::Request;

/// How many requests of other shapes a batch looks past for rows of its own shape, so that mixed shapes
/// cost no quadratic work.
const LOOK_AHEAD: usize = 256;

/// First in, first out.
pub struct Waiting<R> {
    entries: VecDeque<Entry<R>>,
    rows: usize,
}

/// The deadline stands beside the request so that a sweep reads no ticket, which another core wrote last.
struct Entry<R> {
    deadline: Instant,
    request: Request<R>,
}

impl<R> Default for Waiting<R> {
    fn default() -> Self {
        Self { entries: VecDeque::new(), rows: 0 }
    }
}

impl<R> Waiting<R> {
    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn oldest(&self) -> Option<&Request<R>> {
        self.entries.front().map(|entry| &entry.request)
    }

    pub fn earliest_deadline(&self) -> Option<Instant> {
        self.entries.iter().map(|entry| entry.deadline).min()
    }

    pub fn requests(&self) -> impl Iterator<Item = &Request<R>> {
        self.entries.iter().map(|entry| &entry.request)
    }

    pub fn push_back(&mut self, request: Request<R>) {
        self.rows += request.block.rows;
        self.entries.push_back(Entry { deadline: request.ticket.deadline(), request });
    }

    pub fn push_front(&mut self, request: Request<R>) {
        self.rows += request.block.rows;
        self.entries.push_front(Entry { deadline: request.ticket.deadline(), request });
    }

    /// The oldest request and all behind it that may share its batch, as long as `max_rows` hold them. The
    /// first that would fit but for its size ends the batch, so that large requests are not passed for
    /// ever.
    pub fn take(&mut self, max_rows: usize) -> Vec<Request<R>> {
        let Some(first) = self.entries.pop_front() else { return Vec::new() };
        let (alone, shape_key) = (first.request.alone, first.request.block.shape_key);
        let mut rows = first.request.block.rows;
        let mut taken = Vec::with_capacity(if alone { 1 } else { self.entries.len().min(max_rows) + 1 });
        taken.push(first.request);
        let mut passed = Vec::new();
        while !alone && rows < max_rows && passed.len() < LOOK_AHEAD {
            let Some(entry) = self.entries.pop_front() else { break };
            if entry.request.alone || entry.request.block.shape_key != shape_key {
                passed.push(entry);
            } else if rows + entry.request.block.rows > max_rows {
                self.entries.push_front(entry);
                break;
            } else {
                rows += entry.request.block.rows;
                taken.push(entry.request);
            }
        }
        for entry in passed.into_iter().rev() {
            self.entries.push_front(entry);
        }
        self.rows -= rows;
        taken
    }

    /// Takes out what is dead by its deadline and request; the others keep their order.
    pub fn remove(&mut self, is_dead: impl Fn(Instant, &Request<R>) -> bool) -> Vec<Request<R>> {
        let mut dead = Vec::new();
        if !self.entries.iter().any(|entry| is_dead(entry.deadline, &entry.request)) {
            return dead;
        }
        for _ in 0..self.entries.len() {
            let Some(entry) = self.entries.pop_front() else { break };
            if is_dead(entry.deadline, &entry.request) {
                self.rows -= entry.request.block.rows;
                dead.push(entry.request);
            } else {
                self.entries.push_back(entry);
            }
        }
        dead
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::fixtures::{Inbox, block, issuer, ms};
    use super::super::ticket::Ticket;
    use super::*;

    /// Requests of (token, rows, shape key).
    fn waiting(requests: &[(u64, usize, u64)]) -> Waiting<()> {
        let (inbox, issuer, now) = (Inbox::new(), issuer(), Instant::now());
        let mut waiting = Waiting::default();
        for &(token, rows, shape_key) in requests {
            let deadline = now + ms(token);
            let ticket = Ticket::new(Arc::clone(&inbox) as _, token, (now, deadline), Arc::clone(&issuer));
            let block = block(rows, shape_key);
            waiting.push_back(Request {
                block,
                reply: (),
                ticket,
                enqueued: now,
                decode_ns: 0,
                alone: false,
            });
        }
        waiting
    }

    fn tokens(requests: &[Request<()>]) -> Vec<u64> {
        requests.iter().map(|request| request.ticket.token()).collect()
    }

    #[test]
    fn a_batch_takes_the_oldest_requests_as_long_as_their_rows_fit() {
        let mut waiting = waiting(&[(1, 3, 0), (2, 5, 0), (3, 1, 0)]);
        assert_eq!(tokens(&waiting.take(8)), [1, 2]);
        assert_eq!(tokens(&waiting.take(8)), [3]);
        assert_eq!((waiting.rows(), waiting.take(8).len()), (0, 0));
    }

    #[test]
    fn a_large_request_is_not_overtaken_by_small_ones_behind_it() {
        let mut waiting = waiting(&[(1, 3, 0), (2, 6, 0), (3, 1, 0)]);
        assert_eq!(tokens(&waiting.take(8)), [1]);
        assert_eq!(tokens(&waiting.take(8)), [2, 3]);
    }

    #[test]
    fn a_request_with_more_rows_than_a_batch_runs_by_itself() {
        let mut waiting = waiting(&[(1, 20, 0), (2, 1, 0)]);
        assert_eq!(tokens(&waiting.take(8)), [1]);
        assert_eq!(waiting.rows(), 1);
    }

    #[test]
    fn only_equal_shapes_share_a_batch_and_the_others_keep_their_order() {
        let mut waiting = waiting(&[(1, 1, 7), (2, 1, 8), (3, 1, 7), (4, 1, 8), (5, 1, 7)]);
        assert_eq!(tokens(&waiting.take(8)), [1, 3, 5]);
        assert_eq!(waiting.rows(), 2);
        assert_eq!(tokens(&waiting.take(8)), [2, 4]);
    }

    #[test]
    fn a_request_flagged_alone_shares_with_nobody_before_or_behind_it() {
        let mut waiting = waiting(&[(1, 1, 0), (2, 1, 0)]);
        let mut flagged = waiting.take(1);
        flagged[0].alone = true;
        waiting.push_front(flagged.remove(0));
        assert_eq!(tokens(&waiting.take(8)), [1]);
        let mut flagged = self::waiting(&[(9, 1, 0)]).take(1);
        flagged[0].alone = true;
        waiting.push_back(flagged.remove(0));
        assert_eq!(tokens(&waiting.take(8)), [2]);
        assert_eq!(tokens(&waiting.take(8)), [9]);
    }

    #[test]
    fn looking_past_other_shapes_has_an_end() {
        let mut requests = vec![(0, 1, 7)];
        requests.extend((1..=LOOK_AHEAD as u64).map(|token| (token, 1, 8)));
        requests.push((1000, 1, 7));
        assert_eq!(tokens(&waiting(&requests).take(2000)), [0]);
    }

    #[test]
    fn removing_the_dead_frees_their_rows_and_keeps_the_order_of_the_living() {
        let mut waiting = waiting(&[(1, 1, 0), (2, 2, 0), (3, 3, 0), (4, 4, 0)]);
        let dead = waiting.remove(|_, request| request.ticket.token() % 2 == 0);
        assert_eq!((tokens(&dead), waiting.rows()), (vec![2, 4], 4));
        assert_eq!(tokens(&waiting.take(8)), [1, 3]);
    }
}
