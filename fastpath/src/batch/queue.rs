//! The queue of one model version: first in, first out, by rows, with no delay unless one is asked for.
//!
//! One lock guards what waits and which batches run. Under it requests only change place: decoding, packing,
//! answering and freeing happen outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::cost::Cost;
use super::deadline::{Reaper, Sweep};
use super::linger::{self, Linger};
use super::outbox::{Mail, Outbox};
use super::running::{BatchOf, Run};
use super::spin::Spin;
use super::ticket::{Issuer, Ticket};
use super::waiting::Waiting;
use super::{Request, Settings};
use crate::metrics::{ExpiredIn, ModelMetrics};
use crate::status::Status;

/// Model time that requests may run again alone before first runs have earned it.
const RERUN_BURST_NS: i64 = 1_000_000_000;

/// Requests that wait for one model version, and the batches of it that run. Model threads share it.
pub struct Queue<R: Send + 'static> {
    pub(super) settings: Settings,
    pub(super) issuer: Arc<Issuer>,
    pub(super) state: Mutex<State<R>>,
    /// Something waits, or the queue was closed.
    arrived: Condvar,
    /// A full batch waits.
    filled: Condvar,
}

pub(super) struct State<R> {
    pub waiting: Waiting<R>,
    pub running: Vec<Arc<Run>>,
    pub closed: bool,
    pub cost: Cost,
    rerun_credit_ns: i64,
}

/// What a model thread finds when it looks.
enum Outlook {
    Ready,
    /// A batch that is not full waits for more until then.
    Filling(Instant),
    Empty,
}

impl<R: Send + 'static> Queue<R> {
    /// An open queue whose deadlines `reaper` keeps.
    #[must_use]
    pub fn new(settings: Settings, metrics: Arc<ModelMetrics>, reaper: &Reaper) -> Arc<Self> {
        let issuer = Issuer { metrics, alarm: reaper.alarm(), cancelled: AtomicBool::new(false) };
        let state = State {
            waiting: Waiting::default(),
            running: Vec::with_capacity(settings.instances),
            closed: false,
            cost: Cost::default(),
            rerun_credit_ns: RERUN_BURST_NS,
        };
        let queue = Arc::new(Self {
            settings,
            issuer: Arc::new(issuer),
            state: Mutex::new(state),
            arrived: Condvar::new(),
            filled: Condvar::new(),
        });
        let swept: Arc<dyn Sweep> = Arc::clone(&queue) as _;
        reaper.watch(&swept);
        queue
    }

    /// A ticket for a request that will be pushed to this queue, which came at `began`; `token` names the call to its
    /// outbox.
    #[must_use]
    pub fn ticket(
        &self,
        outbox: Arc<dyn Outbox>,
        token: u64,
        began: Instant,
        deadline: Instant,
    ) -> Arc<Ticket> {
        Ticket::new(outbox, token, (began, deadline), Arc::clone(&self.issuer))
    }

    /// Queues a request. On an error its ticket is settled and counted, and the caller of this function owes
    /// the answer: no outbox is told. A request that was cancelled meanwhile is taken and dropped.
    ///
    /// # Errors
    /// `Unavailable`: closed (see `is_closed`), full, or too late to be answered in time; the last two with
    /// pushback. `DeadlineExceeded`: the deadline has passed at `now`.
    pub fn push(&self, request: Request<R>, now: Instant) -> Result<(), Status> {
        let mut refusal = None;
        self.push_all(std::iter::once(request), now, |_, status| refusal = Some(status));
        refusal.map_or(Ok(()), Err)
    }

    /// Queues requests in order, with one lock and one wake for all; each is admitted by itself. `refuse` is told of
    /// those that `push` would give an error for, after the others were queued and with no lock held.
    pub fn push_all(
        &self,
        requests: impl Iterator<Item = Request<R>>,
        now: Instant,
        mut refuse: impl FnMut(Request<R>, Status),
    ) {
        let mut refused = Vec::new();
        // What a request holds may close this queue when it goes, which takes the lock.
        let mut gone = Vec::new();
        let mut earliest: Option<Instant> = None;
        let mut state = self.state.lock();
        for request in requests {
            if let Err((status, shed)) = self.admit(&state, &request, now) {
                refused.push((request, status, shed));
            // Under the lock: a cancel after this is seen by the sweep that it asks for, which needs the lock.
            } else if !request.ticket.is_settled() {
                let deadline = request.ticket.deadline();
                earliest = Some(earliest.map_or(deadline, |earliest| earliest.min(deadline)));
                state.waiting.push_back(request);
            } else {
                gone.push(request);
            }
        }
        let full = state.waiting.rows() >= self.settings.max_batch_rows;
        self.metrics().queue_rows.set(state.waiting.rows() as u64);
        drop(state);
        if let Some(earliest) = earliest {
            self.arrived.notify_one();
            if full && !self.settings.max_queue_delay.is_zero() {
                self.filled.notify_one();
            }
            self.issuer.alarm.set(earliest);
        }
        for (request, status, shed) in refused {
            if let Err(status) = self.refuse(&request.ticket, status, shed) {
                refuse(request, status);
            }
        }
    }

    /// Waits for the next batch; none once the queue is closed and empty. Called by model threads.
    pub fn next_batch(self: &Arc<Self>) -> Option<BatchOf<R>> {
        while self.wait() {
            if let Some(batch) = self.try_next(Instant::now()) {
                return Some(batch);
            }
        }
        None
    }

    /// Waits until a batch can be taken; false once the queue is closed and empty. A model thread that needs
    /// something else before it can run, such as an interpreter's lock, waits here, gets that, and then calls
    /// `try_next`: what arrives in between joins the batch. Another thread may have been quicker.
    pub fn wait(&self) -> bool {
        let mut state = self.state.lock();
        loop {
            match self.outlook(&state, Instant::now()) {
                Outlook::Ready => return true,
                Outlook::Filling(until) => {
                    self.filled.wait_until(&mut state, until);
                }
                Outlook::Empty if state.closed => return false,
                Outlook::Empty => self.arrived.wait(&mut state),
            }
        }
    }

    /// Waits a moment for more requests where that pays (see `linger`). Called after `wait`.
    pub fn linger(&self, linger: &mut Linger) {
        let Some(mut wait) = linger.begin(self.len()) else { return };
        while wait.goes_on(self.len(), self.len_rows() >= self.settings.max_batch_rows) {
            std::thread::sleep(linger::STEP);
        }
        linger.end(&wait);
    }

    /// Waits awake for a moment where that pays (see `spin`), and gives how long. Called before `wait`.
    pub fn spin(&self, spin: &mut Spin) -> Duration {
        spin.wait(|| self.metrics().queue_rows.get() > 0)
    }

    fn len(&self) -> usize {
        self.state.lock().waiting.requests().count()
    }

    /// The batch that a model thread would get at `now` without waiting.
    pub fn try_next(self: &Arc<Self>, now: Instant) -> Option<BatchOf<R>> {
        loop {
            let state = self.state.lock();
            if !matches!(self.outlook(&state, now), Outlook::Ready) {
                return None;
            }
            if let Some(batch) = self.begin(state, now) {
                return Some(batch);
            }
        }
    }

    fn outlook(&self, state: &State<R>, now: Instant) -> Outlook {
        let Some(oldest) = state.waiting.oldest() else { return Outlook::Empty };
        let until = oldest.enqueued + self.settings.max_queue_delay;
        let full = oldest.alone || state.waiting.rows() >= self.settings.max_batch_rows;
        if state.closed || full || until <= now { Outlook::Ready } else { Outlook::Filling(until) }
    }

    /// Takes the next batch out of the queue and registers it as running. None where all of it had expired or
    /// was cancelled.
    fn begin(self: &Arc<Self>, mut state: MutexGuard<State<R>>, now: Instant) -> Option<BatchOf<R>> {
        let taken = state.waiting.take(self.settings.max_batch_rows);
        let rows = taken.iter().map(|request| request.block.rows).sum();
        let run = Arc::new(Run { started: now, rows, tickets: Mutex::default() });
        // Locked before others can find the run, so that none finds it without its tickets.
        let mut tickets = run.tickets.lock();
        state.running.push(Arc::clone(&run));
        self.metrics().queue_rows.set(state.waiting.rows() as u64);
        drop(state);
        let mut live = taken;
        let dead: Vec<_> = live
            .extract_if(.., |request| request.ticket.is_settled() || request.ticket.deadline() <= now)
            .collect();
        tickets.extend(live.iter().map(|request| Arc::clone(&request.ticket)));
        drop(tickets);
        if !dead.is_empty() {
            let mut mail = Mail::new(self.metrics());
            for request in &dead {
                self.expire(&mut mail, &request.ticket, ExpiredIn::Queue);
            }
        }
        if live.is_empty() {
            self.end_run(&run, None, 0, Vec::new());
            return None;
        }
        let load = self.metrics().load.begin(now);
        Some(BatchOf::new(Arc::clone(self), run, load, live))
    }

    /// Refuses new requests; what was accepted is still served, and then `next_batch` ends.
    pub fn close(&self) {
        self.state.lock().closed = true;
        self.arrived.notify_all();
        self.filled.notify_all();
    }

    /// Whether a refusal means that this version is going, and another may have taken its place.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Rows that wait.
    #[must_use]
    pub fn len_rows(&self) -> usize {
        self.state.lock().waiting.rows()
    }

    /// When the batch that runs longest was taken: a model that hangs shows here.
    #[must_use]
    pub fn oldest_run(&self) -> Option<Instant> {
        self.state.lock().running.iter().map(|run| run.started).min()
    }

    /// A batch of `rows` held its model thread for `elapsed`. The queue learns this from its own batches;
    /// warm-up may teach it before the first.
    pub fn learn_cost(&self, rows: usize, elapsed: Duration) {
        self.state.lock().cost.learn(rows, elapsed);
    }

    pub(super) fn metrics(&self) -> &ModelMetrics {
        &self.issuer.metrics
    }

    /// Whether first runs have earned the time to run requests again alone.
    pub(super) fn may_rerun(&self) -> bool {
        self.state.lock().rerun_credit_ns > 0
    }

    #[cfg(test)]
    pub(super) fn set_rerun_credit(&self, ns: i64) {
        self.state.lock().rerun_credit_ns = ns;
    }

    /// A run is over: `sample` is its rows and time where the model answered, `earned_ns` what it adds to the
    /// credit for reruns, `again` what goes back to the front.
    pub(super) fn end_run(
        &self,
        run: &Arc<Run>,
        sample: Option<(usize, Duration)>,
        earned_ns: i64,
        again: Vec<Request<R>>,
    ) {
        let put_back = !again.is_empty();
        let mut state = self.state.lock();
        state.running.retain(|each| !Arc::ptr_eq(each, run));
        if let Some((rows, elapsed)) = sample {
            state.cost.learn(rows, elapsed);
        }
        state.rerun_credit_ns = state.rerun_credit_ns.saturating_add(earned_ns).min(RERUN_BURST_NS);
        for mut request in again.into_iter().rev() {
            request.alone = true;
            state.waiting.push_front(request);
        }
        self.metrics().queue_rows.set(state.waiting.rows() as u64);
        drop(state);
        if put_back {
            // Whoever was cancelled while it was in neither place leaves with the next sweep.
            self.issuer.cancelled.store(true, Ordering::SeqCst);
            self.issuer.alarm.set_now();
            self.arrived.notify_all();
            self.filled.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::super::fixtures::{Bench, SETTINGS, ms, tokens};
    use super::super::running::RunTimes;
    use super::*;
    use crate::status::Code;

    #[test]
    fn an_idle_model_takes_what_is_there_at_once() {
        let bench = Bench::new(SETTINGS);
        assert!(bench.push(1, 1).is_ok());
        assert_eq!(tokens(&bench.take(0)), [1]);
        assert!(bench.queue.try_next(bench.at(0)).is_none());
    }

    #[test]
    fn with_a_delay_a_batch_waits_until_it_is_full_or_its_oldest_request_is_that_old() {
        let bench = Bench::new(Settings { max_queue_delay: ms(5), ..SETTINGS });
        assert!(bench.push_at(1, 1, 0, 1_000).is_ok());
        assert!(bench.queue.try_next(bench.at(4)).is_none());
        assert_eq!(tokens(&bench.take(5)), [1]);
        assert!(bench.push_at(2, 4, 10, 1_000).is_ok());
        assert!(bench.push_at(3, 4, 10, 1_000).is_ok());
        assert_eq!(tokens(&bench.take(10)), [2, 3]);
    }

    #[test]
    fn a_closed_queue_refuses_and_serves_what_it_had_and_then_ends() {
        let bench = Bench::new(SETTINGS);
        assert!(bench.push(1, 1).is_ok());
        bench.queue.close();
        assert_eq!(bench.push(2, 1).err().map(|status| status.code), Some(Code::Unavailable));
        assert!(bench.queue.is_closed());
        let batch = bench.queue.next_batch();
        assert_eq!(batch.as_ref().map(tokens), Some(vec![1]));
        assert!(bench.queue.next_batch().is_none());
    }

    #[test]
    fn a_cancelled_or_expired_request_is_not_part_of_a_batch() {
        let bench = Bench::new(SETTINGS);
        let cancelled = bench.push(1, 1);
        assert!(bench.push_at(2, 1, 0, 5).is_ok());
        assert!(bench.push(3, 1).is_ok());
        assert!(cancelled.is_ok_and(|ticket| ticket.cancel()));
        let batch = bench.take(5);
        assert_eq!(tokens(&batch), [3]);
        assert_eq!(bench.inbox.codes(), [(2, Code::DeadlineExceeded)]);
        assert_eq!(bench.metrics.expired(ExpiredIn::Queue).get(), 1);
    }

    #[test]
    fn a_queue_of_nothing_but_dead_requests_gives_no_batch() {
        let bench = Bench::new(SETTINGS);
        assert!(bench.push(1, 1).is_ok_and(|ticket| ticket.cancel()));
        assert!(bench.queue.try_next(bench.at(0)).is_none());
        assert_eq!((bench.queue.len_rows(), bench.queue.oldest_run()), (0, None));
    }

    #[test]
    fn a_request_cancelled_before_it_is_queued_takes_no_room() {
        let bench = Bench::new(SETTINGS);
        let ticket = bench.ticket(1, 1_000);
        ticket.cancel();
        assert!(bench.queue.push(bench.request(ticket, 8), bench.start).is_ok());
        assert_eq!(bench.queue.len_rows(), 0);
    }

    #[test]
    fn a_model_thread_that_waits_is_woken_by_a_request_and_by_the_end() {
        // Whether the thread waits already when it is woken is chance, so it gets many.
        for _ in 0..100 {
            let bench = Bench::new(SETTINGS);
            let (ended, end) = mpsc::channel();
            let queue = Arc::clone(&bench.queue);
            std::thread::spawn(move || {
                while let Some(batch) = queue.next_batch() {
                    batch.reply(RunTimes::default(), |_, _| Ok(Vec::new()));
                }
                ended.send(())
            });
            std::thread::yield_now();
            assert!(bench.push(1, 2).is_ok());
            while bench.inbox.answers().is_empty() {
                std::thread::yield_now();
            }
            bench.queue.close();
            assert!(end.recv_timeout(Duration::from_secs(30)).is_ok(), "it still waits");
        }
    }

    #[test]
    fn the_rows_that_wait_are_a_gauge() {
        let bench = Bench::new(SETTINGS);
        assert!(bench.push(1, 5).is_ok() && bench.push(2, 6).is_ok());
        assert_eq!((bench.queue.len_rows(), bench.metrics.queue_rows.get()), (11, 11));
        let _batch = bench.take(0);
        assert_eq!((bench.queue.len_rows(), bench.metrics.queue_rows.get()), (6, 6));
    }
}
