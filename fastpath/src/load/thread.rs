//! One thread of a run: opens its connections, starts and ends workers, puts calls when they are due, stops in time.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::LocalOptions;
use tokio::sync::watch;
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::call::Ticket;
use super::link::Link;
use super::plan::{Plan, Stop};
use super::pool::Pool;
use super::run::{Ended, Phase, Shared};
use super::schedule::Schedule;
use super::tally::Tally;
use super::timer::Timer;

/// A wake-up costs more than a call: calls that are due within this time go out together.
const TICK: Duration = Duration::from_micros(50);
/// Calls that are late wait for connections to have their turn after so many.
const MOST_AT_ONCE: usize = 1_000;
/// Where nothing is due, the thread looks around all the same.
const IDLE: Duration = Duration::from_secs(1);

/// What a thread tells once it is over.
pub struct Told {
    pub tally: Tally,
    pub ended: Ended,
    pub at: Instant,
}

pub struct Thread {
    pub index: usize,
    pub plan: Arc<Plan>,
    pub shared: Arc<Shared>,
    pub phase: watch::Receiver<Phase>,
}

impl Thread {
    /// # Errors
    /// A runtime or a connection that cannot be had, told by `connected` already; then nothing was sent.
    pub fn run(self, connected: impl FnOnce(Result<(), String>) + 'static) -> Option<Result<Told, String>> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => {
                connected(Err(error.to_string()));
                return None;
            }
        };
        // A task's wake costs no system call; that of the future that the runtime blocks on costs one.
        let task = runtime.spawn_local(async move {
            match self.pool().await {
                Ok(pool) => {
                    connected(Ok(()));
                    Some(self.load(pool).await)
                }
                Err(sentence) => {
                    connected(Err(sentence));
                    None
                }
            }
        });
        runtime.block_on(task).unwrap_or_else(|error| Some(Err(error.to_string())))
    }

    async fn pool(&self) -> Result<Rc<Pool>, String> {
        let pool = Pool::new(self.index, Arc::clone(&self.plan), Arc::clone(&self.shared))?;
        for _ in (self.index..self.plan.connections).step_by(self.plan.threads) {
            let link = Rc::new(Link::new());
            link.connect(&pool).await?;
            spawn_local(Rc::clone(&link).keep_connected(Rc::clone(&pool)));
            pool.links.borrow_mut().push(link);
        }
        Ok(pool)
    }

    async fn load(mut self, pool: Rc<Pool>) -> Result<Told, String> {
        let phase = self.phase.wait_for(|phase| *phase != Phase::Connecting).await;
        let phase = phase.map_or(Phase::Stopped, |phase| *phase);
        let ended = if let Phase::Go(start) = phase {
            pool.start.set(start);
            pool.allow(self.plan.workers.first());
            self.until_over(&pool, start).await?
        } else {
            // Another thread could not connect: no call is made.
            Ended::Cancelled
        };
        if ended != Ended::Finished {
            self.end(&pool).await;
        }
        let tally = Tally::new(self.plan.count_errors, self.plan.most_details)?;
        let tally = pool.tally.replace(tally);
        Ok(Told { tally, ended, at: Instant::now() })
    }

    async fn until_over(&mut self, pool: &Rc<Pool>, start: Instant) -> Result<Ended, String> {
        let mut changes = self.plan.workers.changes().map(|(at, workers)| (start + at, workers)).peekable();
        let mut starts = Starts::new(&self.plan, self.index, start);
        if starts.is_none() {
            pool.put_all();
        }
        let timer = Timer::new().map_err(|error| error.to_string())?;
        let end = self.plan.duration.map(|duration| start + duration);
        let mut cut_short = false;
        let mut deadline = pool.expire(Instant::now());
        loop {
            if pool.crew.borrow().alive == 0 && (pool.has_no_calls() || changes.peek().is_none()) {
                pool.stop();
                // Calls that would have been due later are none.
                return Ok(if cut_short { Ended::TimeUp } else { Ended::Finished });
            }
            let change = changes.peek().map(|(at, _)| *at);
            let next = starts.as_mut().map(|starts| starts.next(&self.plan));
            let wake = [end, change, deadline, next].into_iter().flatten().min();
            let wake = wake.unwrap_or_else(|| Instant::now() + IDLE);
            tokio::select! {
                biased;
                stopped = self.phase.wait_for(|phase| *phase == Phase::Stopped) => {
                    drop(stopped);
                    return Ok(Ended::Cancelled);
                }
                () = pool.ended.notified() => continue,
                slept = timer.sleep_until(wake) => slept.map_err(|error| error.to_string())?,
            }
            let now = Instant::now();
            let is_past = |time: Option<Instant>| time.is_some_and(|time| time <= now);
            if is_past(end) {
                return Ok(Ended::TimeUp);
            }
            if is_past(deadline) {
                deadline = pool.expire(now);
            }
            if is_past(change)
                && let Some((_, workers)) = changes.next()
            {
                pool.allow(workers);
            }
            if let Some(due) = &mut starts
                && !due.put(&self.plan, pool, now)
            {
                cut_short = end.is_some() && due.number < self.plan.total;
                starts = None;
                pool.put_all();
            }
        }
    }

    /// Ends the calls that are under way, as the plan says.
    async fn end(&self, pool: &Rc<Pool>) {
        pool.stop();
        if self.plan.stop == Stop::Wait && timeout(pool.drain(), over(pool)).await.is_ok() {
            return;
        }
        pool.cancel_all(self.plan.stop != Stop::Ignore);
    }
}

/// Waits for the calls that are under way, each until its deadline.
async fn over(pool: &Rc<Pool>) {
    while pool.crew.borrow().alive > 0 {
        let deadline = pool.expire(Instant::now()).unwrap_or_else(|| Instant::now() + IDLE);
        tokio::select! {
            () = pool.ended.notified() => {}
            () = tokio::time::sleep_until(deadline.into()) => {}
        }
    }
}

/// The calls of this thread that are to come.
struct Starts {
    schedule: Schedule,
    start: Instant,
    number: u64,
    index: usize,
    tick: Instant,
}

impl Starts {
    fn new(plan: &Plan, index: usize, start: Instant) -> Option<Self> {
        let pace = plan.pace.as_ref()?;
        let schedule = Schedule::new(pace.rate.clone(), pace.arrivals, plan.duration);
        Some(Self { schedule, start, number: 0, index, tick: start })
    }

    /// The next call of this thread. All threads go through the same schedule.
    fn peek(&mut self, plan: &Plan) -> Option<Ticket> {
        while self.number < plan.total {
            let at = self.schedule.peek()?;
            if plan.thread_of_call(self.number) == self.index {
                return self.start.checked_add(at).map(|due| Ticket { number: self.number, due });
            }
            self.skip();
        }
        None
    }

    fn skip(&mut self) {
        self.schedule.next();
        self.number += 1;
    }

    /// When calls are to be put next; at once where there are no more, so that this is told.
    fn next(&mut self, plan: &Plan) -> Instant {
        self.peek(plan).map_or(self.start, |ticket| ticket.due.max(self.tick))
    }

    /// Puts all calls that are due. Says whether there may be more.
    fn put(&mut self, plan: &Plan, pool: &Pool, now: Instant) -> bool {
        self.tick = now + TICK;
        for _ in 0..MOST_AT_ONCE {
            match self.peek(plan) {
                None => return false,
                Some(ticket) if ticket.due > now => break,
                Some(ticket) => {
                    self.skip();
                    pool.put(ticket, now);
                }
            }
        }
        true
    }
}
