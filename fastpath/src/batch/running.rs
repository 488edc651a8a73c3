//! Batches that a model thread holds, from being taken to the last answer.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Request;
use super::outbox::Mail;
use super::queue::Queue;
use super::ticket::Ticket;
use crate::features::rows::RowBlock;
use crate::metrics::load::{self, Answered};
use crate::metrics::statistics::BatchTimes;
use crate::status::{Code, Status};

/// What the queue knows of a batch that runs, so that its callers can be answered while the model does not.
#[derive(Debug)]
pub(super) struct Run {
    pub started: Instant,
    pub rows: usize,
    pub tickets: Mutex<Vec<Arc<Ticket>>>,
}

/// How long the parts of a batch took that the queue does not see.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunTimes {
    pub pack: Duration,
    pub compute: Duration,
}

/// Requests that run together: their rows, one after the other, are the rows of the batch. Dropping it
/// answers INTERNAL whoever has no answer yet.
pub struct BatchOf<R: Send + 'static> {
    queue: Arc<Queue<R>>,
    run: Arc<Run>,
    load: load::Run,
    requests: Vec<Request<R>>,
    rows: usize,
    ended: bool,
}

impl<R: Send + 'static> BatchOf<R> {
    pub(super) fn new(
        queue: Arc<Queue<R>>,
        run: Arc<Run>,
        load: load::Run,
        requests: Vec<Request<R>>,
    ) -> Self {
        let rows = requests.iter().map(|request| request.block.rows).sum();
        Self { queue, run, load, requests, rows, ended: false }
    }

    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    #[must_use]
    pub fn requests(&self) -> &[Request<R>] {
        &self.requests
    }

    /// What to pack, in the order of the batch's rows.
    #[must_use]
    pub fn blocks(&self) -> Vec<&RowBlock> {
        self.requests.iter().map(|request| &request.block).collect()
    }

    /// When it was taken from the queue; a request's time in the queue ends here.
    #[must_use]
    pub fn taken(&self) -> Instant {
        self.run.started
    }

    /// Answers every caller that still waits with what `encode` makes of its rows of the outputs. The
    /// encode time is measured for the batch and recorded in equal parts for its requests.
    pub fn reply(
        mut self,
        times: RunTimes,
        mut encode: impl FnMut(&Request<R>, Range<usize>) -> Result<Vec<u8>, Box<Status>>,
    ) {
        let began = Instant::now();
        let mut mail = Mail::new(self.queue.metrics());
        let (mut row, mut encoded) = (0, 0);
        for request in &self.requests {
            let rows = row..row + request.block.rows;
            row = rows.end;
            if !request.ticket.is_settled() {
                mail.settle(&request.ticket, encode(request, rows));
                encoded += 1;
            }
        }
        self.record(times, began.elapsed(), encoded);
        drop(mail);
        self.end(true, Vec::new());
    }

    /// Answers every caller that still waits with `status`.
    pub fn fail(mut self, status: &Status) {
        self.answer_all(status);
        self.end(false, Vec::new());
    }

    /// The model raised. Each request of several is put back once, at the front, to run by itself, so that
    /// one that makes the model raise fails alone; a request that was by itself is answered INTERNAL with
    /// `error_id`, under which the log has the details. Runs alone may take as much time as first runs do
    /// and no more: beyond that, all are answered INTERNAL. Gives how many were put back.
    #[allow(clippy::must_use_candidate, reason = "callers that only settle do not care how")]
    pub fn retry_alone(mut self, error_id: &str) -> usize {
        let several = self.requests.len() > 1;
        if several && self.queue.may_rerun() {
            let mut requests = std::mem::take(&mut self.requests);
            requests.retain(|request| !request.ticket.is_settled());
            let count = requests.len();
            self.queue.metrics().rerun.add(count as u64);
            self.end(false, requests);
            return count;
        }
        let sentence = format!("The model raised an error; its id in the server's log is {error_id}.");
        self.answer_all(&Status::new(Code::Internal, sentence));
        self.end(false, Vec::new());
        0
    }

    fn answer_all(&self, status: &Status) {
        let mut mail = Mail::new(self.queue.metrics());
        for request in &self.requests {
            mail.settle(&request.ticket, Err(Box::new(status.clone())));
        }
    }

    fn record(&self, times: RunTimes, encode: Duration, encoded: u32) {
        let metrics = self.queue.metrics();
        metrics.decode.observe_all(self.requests.iter().map(|request| request.decode_ns));
        metrics.queue.observe_all(
            self.requests.iter().map(|request| ns(self.taken().saturating_duration_since(request.enqueued))),
        );
        metrics.pack.observe(ns(times.pack), 1);
        metrics.compute.observe(ns(times.compute), 1);
        if let Some(each) = encode.checked_div(encoded) {
            metrics.encode.observe(ns(each), u64::from(encoded));
        }
        metrics.batch_rows.observe(self.rows as u64, 1);
        let RunTimes { pack, compute } = times;
        metrics.statistics.batch(self.rows, u64::from(encoded), BatchTimes { pack, compute, encode });
    }

    /// The model thread is free again; `again` goes back to the front of the queue.
    fn end(&mut self, learn: bool, again: Vec<Request<R>>) {
        self.ended = true;
        let now = Instant::now();
        let elapsed = now.saturating_duration_since(self.run.started);
        let metrics = self.queue.metrics();
        metrics.busy_ns.add(ns(elapsed));
        let answered =
            learn.then_some(Answered { rows: self.rows, most_rows: self.queue.settings.max_batch_rows });
        metrics.load.end(&self.load, now, answered);
        let alone = self.requests.iter().any(|request| request.alone);
        let sample = learn.then_some((self.rows, elapsed));
        self.queue.end_run(
            &self.run,
            sample,
            if alone { -signed_ns(elapsed) } else { signed_ns(elapsed) },
            again,
        );
    }
}

impl<R: Send + 'static> Drop for BatchOf<R> {
    fn drop(&mut self) {
        if !self.ended {
            self.answer_all(&Status::new(Code::Internal, "The model gave no answer."));
            self.end(false, Vec::new());
        }
    }
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn signed_ns(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{Bench, SETTINGS, tokens};
    use super::*;

    fn bench(requests: u64) -> Bench {
        let bench = Bench::new(SETTINGS);
        for token in 0..requests {
            assert!(bench.push(token, 2).is_ok());
        }
        bench
    }

    #[test]
    fn each_caller_gets_what_encode_makes_of_its_own_rows() {
        let bench = bench(3);
        bench.take(0).reply(RunTimes::default(), |_, rows| Ok(format!("{rows:?}").into_bytes()));
        let answers: Vec<_> =
            bench.inbox.answers().into_iter().map(|(token, bytes)| (token, bytes.ok())).collect();
        let expected = ["0..2", "2..4", "4..6"].map(|rows| Some(rows.as_bytes().to_vec()));
        assert_eq!(answers, (0..).zip(expected).collect::<Vec<_>>());
        assert_eq!(bench.inbox.deliveries(), 1);
    }

    #[test]
    fn a_request_whose_encoding_fails_fails_alone() {
        let bench = bench(2);
        bench.take(0).reply(RunTimes::default(), |_, rows| match rows.start {
            0 => Err(Box::new(Status::new(Code::ResourceExhausted, "too large"))),
            _ => Ok(Vec::new()),
        });
        assert_eq!(bench.inbox.codes(), [(0, Code::ResourceExhausted), (1, Code::Ok)]);
    }

    #[test]
    fn a_caller_who_left_while_the_model_ran_is_not_encoded_and_its_neighbours_are() {
        let bench = bench(2);
        let batch = bench.take(0);
        batch.requests()[0].ticket.cancel();
        let mut encoded = Vec::new();
        batch.reply(RunTimes::default(), |_, rows| {
            encoded.push(rows.start);
            Ok(Vec::new())
        });
        assert_eq!(encoded, [2]);
        assert_eq!(bench.inbox.tokens(), [1]);
    }

    #[test]
    fn a_batch_that_is_dropped_answers_internal_in_one_delivery() {
        let bench = bench(2);
        drop(bench.take(0));
        assert_eq!(bench.inbox.codes(), [(0, Code::Internal), (1, Code::Internal)]);
        assert_eq!((bench.inbox.deliveries(), bench.metrics.in_flight()), (1, 0));
    }

    #[test]
    fn an_encode_that_panics_leaves_nobody_waiting() {
        let bench = bench(3);
        let batch = bench.take(0);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            batch.reply(RunTimes::default(), |_, rows| {
                assert!(rows.start < 2, "told to");
                Ok(Vec::new())
            });
        }));
        assert!(panicked.is_err());
        let mut codes = bench.inbox.codes();
        codes.sort_by_key(|(token, _)| *token);
        assert_eq!(codes, [(0, Code::Ok), (1, Code::Internal), (2, Code::Internal)]);
    }

    #[test]
    fn a_poisoned_request_fails_alone_and_with_the_error_id() {
        let bench = bench(3);
        assert_eq!(bench.take(0).retry_alone("first"), 3);
        assert!(bench.inbox.answers().is_empty());
        assert!(bench.push(9, 1).is_ok());
        for token in 0..3 {
            let batch = bench.take(0);
            assert_eq!(tokens(&batch), [token]);
            if token == 1 {
                assert_eq!(batch.retry_alone("4f2a"), 0);
            } else {
                batch.reply(RunTimes::default(), |_, _| Ok(Vec::new()));
            }
        }
        assert_eq!(bench.inbox.codes(), [(0, Code::Ok), (1, Code::Internal), (2, Code::Ok)]);
        let sentence = "The model raised an error; its id in the server's log is 4f2a.";
        assert!(bench.inbox.answers().iter().any(|(_, r)| r.as_ref().is_err_and(|s| s.message == sentence)));
        assert_eq!(tokens(&bench.take(0)), [9]);
    }

    #[test]
    fn a_request_that_ran_by_itself_is_not_run_again() {
        let bench = bench(1);
        assert_eq!(bench.take(0).retry_alone("4f2a"), 0);
        assert_eq!(bench.inbox.codes(), [(0, Code::Internal)]);
        assert!(bench.queue.try_next(bench.at(0)).is_none());
    }

    #[test]
    fn a_storm_of_poisoned_requests_is_not_run_again_beyond_the_time_of_first_runs() {
        let bench = bench(2);
        bench.queue.set_rerun_credit(0);
        assert_eq!(bench.take(0).retry_alone("4f2a"), 0);
        assert_eq!(bench.inbox.codes(), [(0, Code::Internal), (1, Code::Internal)]);
    }

    #[test]
    fn runs_alone_spend_the_credit_and_first_runs_earn_it() {
        let bench = bench(2);
        let reply = |batch: BatchOf<()>| batch.reply(RunTimes::default(), |_, _| Ok(Vec::new()));
        assert_eq!(bench.take(0).retry_alone("4f2a"), 2);
        bench.queue.set_rerun_credit(1);
        reply(bench.take(0));
        assert!(!bench.queue.may_rerun());
        reply(bench.take(0));
        bench.queue.set_rerun_credit(0);
        assert!(bench.push(3, 1).is_ok());
        reply(bench.take(0));
        assert!(bench.queue.may_rerun());
    }

    #[test]
    fn a_batch_is_recorded_once_and_its_requests_each() {
        let bench = bench(3);
        let times = RunTimes { pack: Duration::from_micros(3), compute: Duration::from_millis(2) };
        bench.take(4).reply(times, |_, _| Ok(Vec::new()));
        let counts = [
            (&bench.metrics.decode, 3, 3_000),
            (&bench.metrics.queue, 3, 12_000_000),
            (&bench.metrics.pack, 1, 3_000),
            (&bench.metrics.compute, 1, 2_000_000),
            (&bench.metrics.batch_rows, 1, 6),
        ];
        for (histogram, count, sum) in counts {
            let snapshot = histogram.snapshot();
            assert_eq!((snapshot.count, snapshot.sum), (count, sum));
        }
        assert_eq!(bench.metrics.encode.snapshot().count, 3);
        assert_eq!(bench.metrics.requests(Code::Ok), 3);
        assert_eq!(bench.metrics.in_flight(), 0);
    }
}
