//! Whether a request may join the queue: room for its rows, and time before its deadline.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cost::Fit;
use super::queue::{Queue, State};
use super::running::Run;
use super::ticket::Ticket;
use super::{Request, Settings};
use crate::metrics::{ExpiredIn, ShedFor};
use crate::status::{Code, Status};

/// The hint where nothing is known of the model's cost yet: the order of a queue that is full of work.
const UNKNOWN_PUSHBACK_MS: i32 = 100;
/// A caller told to stay away longer than this would miss that the rush is over.
const MAX_PUSHBACK_MS: i32 = 5_000;

/// What is before a request when it arrives.
#[derive(Clone, Copy, Debug)]
pub struct Backlog {
    pub waiting_rows: usize,
    /// Until a model thread is free; zero where one waits for work.
    pub busy_for: Duration,
    /// Whether a model thread would take the request at once.
    pub idle: bool,
    pub fit: Option<Fit>,
}

/// The version is going: it takes nothing new.
pub fn closed() -> Status {
    Status::new(Code::Unavailable, "The model version is being taken out of service; try again.")
}

pub fn expired_on_arrival() -> Status {
    Status::new(Code::DeadlineExceeded, "The deadline had passed when the request arrived.")
}

impl Backlog {
    /// # Errors
    /// UNAVAILABLE with pushback where the rows would overfill the queue. An empty queue takes any request.
    pub fn check_room(&self, settings: &Settings, rows: usize) -> Result<(), Status> {
        if self.waiting_rows == 0 || self.waiting_rows.saturating_add(rows) <= settings.queue_capacity_rows {
            return Ok(());
        }
        let capacity_rows = settings.queue_capacity_rows;
        Err(Status::overloaded(
            format!("The model's queue is full: {} of {capacity_rows} rows wait.", self.waiting_rows),
            self.pushback_ms(settings),
        ))
    }

    /// # Errors
    /// UNAVAILABLE with pushback where the answer is expected later than `left` from now. A request that a
    /// model thread would take at once is always tried: were it refused for a cost that one slow run made
    /// look high, no run would ever correct that cost.
    pub fn check_time(&self, settings: &Settings, rows: usize, left: Duration) -> Result<(), Status> {
        let Some(fit) = self.fit else { return Ok(()) };
        if self.idle || self.answered_in(settings, &fit, rows) <= left {
            return Ok(());
        }
        Err(Status::overloaded(
            format!("The deadline cannot be met: {} rows wait for the model.", self.waiting_rows),
            self.pushback_ms(settings),
        ))
    }

    /// The running batch, then the full batches that wait, shared by the instances, then the request's own.
    fn answered_in(&self, settings: &Settings, fit: &Fit, rows: usize) -> Duration {
        let max_rows = settings.max_batch_rows.max(1);
        let rounds = (self.waiting_rows / max_rows) / settings.instances.max(1);
        let before = fit.batch(max_rows).saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX));
        let own_rows = rows.max(max_rows.min(self.waiting_rows % max_rows + rows));
        self.busy_for.saturating_add(before).saturating_add(fit.batch(own_rows))
    }

    /// When the queue will have run empty.
    fn pushback_ms(&self, settings: &Settings) -> i32 {
        let Some(fit) = self.fit else { return UNKNOWN_PUSHBACK_MS };
        let drained = self.answered_in(settings, &fit, 0).as_millis();
        i32::try_from(drained).unwrap_or(MAX_PUSHBACK_MS).clamp(1, MAX_PUSHBACK_MS)
    }
}

impl<R: Send + 'static> Queue<R> {
    /// None of the counter where the deadline has passed already.
    pub(super) fn admit(
        &self,
        state: &State<R>,
        request: &Request<R>,
        now: Instant,
    ) -> Result<(), (Status, Option<ShedFor>)> {
        if state.closed {
            return Err((closed(), Some(ShedFor::Closed)));
        }
        let left = request.ticket.deadline().saturating_duration_since(now);
        if left.is_zero() {
            return Err((expired_on_arrival(), None));
        }
        let backlog = self.backlog(state, now);
        let rows = request.block.rows;
        backlog.check_room(&self.settings, rows).map_err(|status| (status, Some(ShedFor::Capacity)))?;
        backlog.check_time(&self.settings, rows, left).map_err(|status| (status, Some(ShedFor::Deadline)))
    }

    fn backlog(&self, state: &State<R>, now: Instant) -> Backlog {
        let fit = state.cost.fit();
        let free = state.running.len() < self.settings.instances;
        let busy_for = fit.filter(|_| !free).and_then(|fit| {
            let left = |run: &Arc<Run>| {
                fit.batch(run.rows).saturating_sub(now.saturating_duration_since(run.started))
            };
            state.running.iter().map(left).min()
        });
        Backlog {
            waiting_rows: state.waiting.rows(),
            busy_for: busy_for.unwrap_or(Duration::ZERO),
            idle: free && state.waiting.is_empty(),
            fit,
        }
    }

    pub(super) fn refuse(
        &self,
        ticket: &Ticket,
        status: Status,
        shed: Option<ShedFor>,
    ) -> Result<(), Status> {
        if !ticket.claim() {
            return Ok(());
        }
        self.metrics().settle(status.code, 1, ticket.began().elapsed());
        match shed {
            Some(reason) => self.metrics().shed(reason).add(1),
            None => self.metrics().expired(ExpiredIn::Queue).add(1),
        }
        Err(status)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{Bench, SETTINGS, ms};
    use super::*;

    /// 10 ms a batch of 8, 1 ms of it whatever the rows.
    const FIT: Fit = Fit { row_ns: 1_125_000.0, batch_ns: 1_000_000.0 };

    fn backlog(waiting_rows: usize) -> Backlog {
        Backlog { waiting_rows, busy_for: ms(5), idle: false, fit: Some(FIT) }
    }

    #[test]
    fn the_queue_before_a_request_counts_against_its_deadline() {
        // 5 ms running, two batches of 10 ms, then 2.125 ms for one row.
        assert!(backlog(16).check_time(&SETTINGS, 1, ms(28)).is_ok());
        assert!(backlog(16).check_time(&SETTINGS, 1, ms(27)).is_err());
    }

    #[test]
    fn instances_share_the_queue() {
        let settings = Settings { instances: 2, ..SETTINGS };
        assert!(backlog(16).check_time(&settings, 1, ms(18)).is_ok());
        assert!(backlog(16).check_time(&SETTINGS, 1, ms(18)).is_err());
    }

    #[test]
    fn nothing_is_refused_for_time_while_the_cost_is_unknown_or_a_model_thread_is_idle() {
        let unknown = Backlog { fit: None, ..backlog(31) };
        let idle = Backlog { idle: true, ..backlog(0) };
        assert!(unknown.check_time(&SETTINGS, 1, ms(0)).is_ok());
        assert!(idle.check_time(&SETTINGS, 8, ms(1)).is_ok());
    }

    #[test]
    fn pushback_is_the_time_in_which_the_queue_runs_empty() {
        let pushback = |backlog: Backlog| backlog.check_room(&SETTINGS, 8).err().and_then(|s| s.pushback_ms);
        assert_eq!(pushback(backlog(32)), Some(5 + 4 * 10 + 1));
        assert_eq!(pushback(Backlog { fit: None, ..backlog(32) }), Some(UNKNOWN_PUSHBACK_MS));
        assert_eq!(pushback(Backlog { busy_for: ms(60_000), ..backlog(32) }), Some(MAX_PUSHBACK_MS));
        assert_eq!(pushback(backlog(24)), None);
    }

    #[test]
    fn an_empty_queue_takes_a_request_larger_than_its_capacity() {
        assert!(backlog(0).check_room(&SETTINGS, 100).is_ok());
    }

    fn outcome(pushed: Result<Arc<Ticket>, Status>) -> Option<(Code, bool)> {
        pushed.err().map(|status| (status.code, status.pushback_ms.is_some()))
    }

    /// 10 ms a batch, whatever its rows.
    fn bench_of_known_cost() -> Bench {
        let bench = Bench::new(SETTINGS);
        bench.queue.learn_cost(8, ms(10));
        bench
    }

    #[test]
    fn a_full_queue_refuses_unavailable_with_pushback_and_counts_it() {
        let bench = Bench::new(SETTINGS);
        for token in 0..4 {
            assert!(bench.push(token, 8).is_ok());
        }
        assert_eq!(outcome(bench.push(4, 1)), Some((Code::Unavailable, true)));
        assert_eq!(bench.metrics.shed(ShedFor::Capacity).get(), 1);
        assert_eq!(bench.metrics.in_flight(), 4);
        assert!(bench.inbox.answers().is_empty());
    }

    #[test]
    fn a_deadline_that_cannot_be_met_is_refused_unavailable_and_one_that_can_is_taken() {
        let bench = bench_of_known_cost();
        assert!(bench.push(1, 8).is_ok());
        let _running = bench.take(0);
        assert!(bench.push(2, 8).is_ok());
        assert_eq!(outcome(bench.push_at(3, 1, 0, 29)), Some((Code::Unavailable, true)));
        assert!(bench.push_at(3, 1, 0, 30).is_ok());
        assert_eq!(bench.metrics.shed(ShedFor::Deadline).get(), 1);
    }

    #[test]
    fn an_idle_model_tries_even_what_looks_too_slow_so_that_a_wrong_cost_is_corrected() {
        let bench = bench_of_known_cost();
        assert!(bench.push_at(1, 1, 0, 1).is_ok());
    }

    #[test]
    fn before_the_first_run_no_deadline_is_refused() {
        let bench = Bench::new(SETTINGS);
        assert!(bench.push(1, 8).is_ok());
        assert!(bench.push_at(2, 8, 0, 1).is_ok());
    }

    #[test]
    fn a_deadline_that_has_passed_is_refused_deadline_exceeded() {
        let bench = Bench::new(SETTINGS);
        assert_eq!(outcome(bench.push_at(1, 1, 10, 10)), Some((Code::DeadlineExceeded, false)));
        assert_eq!(bench.metrics.requests(Code::DeadlineExceeded), 1);
    }
}
