//! One thread of a run: opens its connections, starts and ends workers, puts calls when they are due, stops in time.

use std::future::pending;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::LocalOptions;
use tokio::sync::watch;
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::{sleep_until, timeout};

use super::link::Link;
use super::plan::{Plan, Stop};
use super::pool::{Ending, Pool, Ticket};
use super::run::{Ended, Phase, Shared};
use super::schedule::Schedule;
use super::tally::Tally;
use super::timer::Timer;
use super::worker;
use super::workers;

/// A wake-up costs more than a call: calls that are due within this time go out together.
const TICK: Duration = Duration::from_micros(50);
/// Calls that are late wait for connections to have their turn after so many.
const MOST_AT_ONCE: usize = 1_000;
/// For calls without a deadline, once no more begin.
const DRAIN: Duration = Duration::from_mins(1);

/// What a thread tells once it is connected, and once it is over.
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
            match self.links().await {
                Ok(links) => {
                    connected(Ok(()));
                    Some(self.load(links).await)
                }
                Err(sentence) => {
                    connected(Err(sentence));
                    None
                }
            }
        });
        runtime.block_on(task).unwrap_or_else(|error| Some(Err(error.to_string())))
    }

    async fn links(&self) -> Result<Vec<Rc<Link>>, String> {
        let mut links = Vec::new();
        for _ in (self.index..self.plan.connections).step_by(self.plan.threads) {
            links.push(Link::open(Arc::clone(&self.plan)).await?);
        }
        Ok(links)
    }

    async fn load(mut self, links: Vec<Rc<Link>>) -> Result<Told, String> {
        let start = match self.phase.wait_for(|phase| *phase != Phase::Connecting).await.as_deref() {
            Ok(Phase::Go(start)) => *start,
            _ => Instant::now(),
        };
        let pool = Rc::new(Pool::new(Arc::clone(&self.plan), Arc::clone(&self.shared), links, start)?);
        let mut tasks = Tasks { pool: Rc::clone(&pool), index: self.index, started: 0, handles: Vec::new() };
        let first = self.plan.workers.first();
        tasks.allow(first);
        let ended = self.until_over(&pool, &mut tasks).await?;
        if ended != Ended::Finished {
            self.end(&pool, &tasks).await;
        }
        for link in &pool.links {
            link.close();
        }
        let tally = Tally::new(self.plan.count_errors, self.plan.most_details)?;
        let tally = pool.tally.replace(tally);
        Ok(Told { tally, ended, at: Instant::now() })
    }

    async fn until_over(&mut self, pool: &Rc<Pool>, tasks: &mut Tasks) -> Result<Ended, String> {
        let mut changes = self.plan.workers.changes().peekable();
        let mut starts = Starts::new(&self.plan, self.index)?;
        if starts.is_none() {
            pool.put_all();
        }
        let end = self.plan.duration.map(|duration| pool.start + duration);
        let mut cut_short = false;
        loop {
            if pool.alive.get() == 0 && (pool.has_no_calls() || changes.peek().is_none()) {
                pool.stop();
                // Calls that would have been due later are none.
                return Ok(if cut_short { Ended::TimeUp } else { Ended::Finished });
            }
            let change = changes.peek().map(|(at, _)| pool.start + *at);
            tokio::select! {
                biased;
                () = until(end) => return Ok(Ended::TimeUp),
                stopped = self.phase.wait_for(|phase| *phase == Phase::Stopped) => {
                    drop(stopped);
                    return Ok(Ended::Cancelled);
                }
                () = until(change) => {
                    if let Some((_, workers)) = changes.next() {
                        tasks.allow(workers);
                    }
                }
                more = due(&self.plan, &mut starts, pool) => {
                    if !more? {
                        let made = starts.take().map_or(0, |starts| starts.number);
                        cut_short = end.is_some() && made < self.plan.total;
                        pool.put_all();
                    }
                    if self.plan.pace.is_some_and(|pace| pace.unbounded) {
                        tasks.add(pool.waiting());
                    }
                }
                () = pool.ended.notified() => {}
            }
        }
    }

    /// Ends the calls that are under way, as the plan says.
    async fn end(&self, pool: &Rc<Pool>, tasks: &Tasks) {
        pool.stop();
        if self.plan.stop == Stop::Wait {
            let limit = self.plan.timeout.map_or(DRAIN, |timeout| timeout + DRAIN);
            if timeout(limit, tasks.over()).await.is_ok() {
                return;
            }
        }
        pool.ending.set(if self.plan.stop == Stop::Ignore { Ending::Forgotten } else { Ending::Counted });
        for task in &tasks.handles {
            task.abort();
        }
        tasks.over().await;
    }
}

/// The calls of this thread that are to come.
struct Starts {
    schedule: Schedule,
    timer: Timer,
    number: u64,
    index: usize,
    tick: Option<Instant>,
}

impl Starts {
    fn new(plan: &Plan, index: usize) -> Result<Option<Self>, String> {
        let Some(pace) = plan.pace else { return Ok(None) };
        Ok(Some(Self {
            schedule: Schedule::new(pace.rate, pace.arrivals, plan.duration),
            timer: Timer::new().map_err(|error| error.to_string())?,
            number: 0,
            index,
            tick: None,
        }))
    }

    /// The next call of this thread. All threads go through the same schedule.
    fn peek(&mut self, plan: &Plan, start: Instant) -> Option<Ticket> {
        while self.number < plan.total {
            let at = self.schedule.peek()?;
            if plan.thread_of_call(self.number) == self.index {
                return start.checked_add(at).map(|due| Ticket { number: self.number, due });
            }
            self.skip();
        }
        None
    }

    fn skip(&mut self) {
        self.schedule.next();
        self.number += 1;
    }
}

/// Waits until a call is due, and puts all that are. Says whether there may be more.
async fn due(plan: &Plan, starts: &mut Option<Starts>, pool: &Pool) -> Result<bool, String> {
    let Some(starts) = starts else { return pending().await };
    let Some(first) = starts.peek(plan, pool.start) else { return Ok(false) };
    let wake = starts.tick.map_or(first.due, |tick| first.due.max(tick));
    starts.timer.sleep_until(wake).await.map_err(|error| error.to_string())?;
    let now = Instant::now();
    starts.tick = Some(now + TICK);
    for _ in 0..MOST_AT_ONCE {
        match starts.peek(plan, pool.start) {
            None => return Ok(false),
            Some(ticket) if ticket.due > now => break,
            Some(ticket) => {
                starts.skip();
                pool.put(ticket);
            }
        }
    }
    Ok(true)
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time.into()).await,
        None => pending().await,
    }
}

/// The workers of this thread.
struct Tasks {
    pool: Rc<Pool>,
    index: usize,
    /// Numbers of workers that have been looked at, of all threads.
    started: usize,
    handles: Vec<AbortHandle>,
}

impl Tasks {
    /// Starts or ends workers until there are so many in all threads.
    fn allow(&mut self, workers: usize) {
        self.pool.allowed.set(workers);
        if workers < self.started {
            // Those that are ended here are started anew when there are more again.
            self.started = workers;
            self.pool.reconsider();
        }
        for worker in self.started..workers {
            if self.pool.plan.thread_of(worker) == self.index {
                self.start(worker);
            }
        }
        self.started = workers;
    }

    /// So many more, where all are busy.
    fn add(&mut self, workers: usize) {
        for _ in 0..workers.min(workers::MOST.saturating_sub(self.handles.len())) {
            // Whose number is this thread's, whatever the number of threads.
            let place = self.handles.len() % self.pool.links.len().max(1);
            self.pool.allowed.set(usize::MAX);
            self.start(place * self.pool.plan.threads + self.index);
        }
    }

    fn start(&mut self, worker: usize) {
        let work = worker::start(Rc::clone(&self.pool), worker);
        self.handles.push(spawn_local(work).abort_handle());
    }

    async fn over(&self) {
        while self.pool.alive.get() > 0 {
            self.pool.ended.notified().await;
        }
    }
}
