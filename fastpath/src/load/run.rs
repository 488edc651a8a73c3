//! A run: its threads, from the first connection to the last answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::plan::Plan;
use super::random::SplitMix;
use super::tally::Tally;
use super::thread::{Thread, Told};

/// Why a run is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ended {
    /// All calls were made.
    Finished,
    TimeUp,
    Cancelled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Connecting,
    Go(Instant),
    Stopped,
}

/// What all threads count together.
#[derive(Debug, Default)]
pub struct Shared {
    /// The number of the next call, where there is no schedule.
    pub next: AtomicU64,
    pub settled: AtomicU64,
    pub failed: AtomicU64,
    samples: Mutex<Vec<Sample>>,
}

/// The answer to a call, as far as it is looked at.
#[derive(Debug)]
pub struct Sample {
    pub number: u64,
    pub messages: Vec<Bytes>,
}

impl Sample {
    /// Whether the answer to this call is one: to the first call, and to one of each further `every`, at places that look
    /// random, so that messages that calls take in turn all have theirs, however many they are.
    #[must_use]
    pub fn is_of(number: u64, every: u64) -> bool {
        let (Some(round), Some(place)) = (number.checked_div(every), number.checked_rem(every)) else {
            return false;
        };
        let chosen = if round == 0 { 0 } else { SplitMix::new(round).below(every) };
        place == chosen
    }
}

/// Samples that nobody has taken; more are not kept.
const MOST_SAMPLES: usize = 10_000;

impl Shared {
    pub fn sample(&self, sample: Sample) {
        let mut samples = self.samples.lock();
        if samples.len() < MOST_SAMPLES {
            samples.push(sample);
        }
    }
}

/// A run under way.
pub struct Running {
    start: Instant,
    shared: Arc<Shared>,
    phase: watch::Sender<Phase>,
    threads: Vec<JoinHandle<Option<Result<Told, String>>>>,
}

/// Gives the answers that are sampled, also once the run is over.
pub struct Samples(Arc<Shared>);

impl Samples {
    /// Those since the last time.
    #[must_use]
    pub fn take(&self) -> Vec<Sample> {
        std::mem::take(&mut self.0.samples.lock())
    }
}

/// A run that is over.
pub struct Outcome {
    pub tally: Tally,
    pub ended: Ended,
    /// From the first call's start to the last answer.
    pub took: Duration,
}

impl Running {
    /// Opens all connections, then begins.
    ///
    /// # Errors
    /// A sentence that says what cannot be, or which address cannot be reached.
    pub fn start(plan: Plan) -> Result<Self, String> {
        let plan = Arc::new(plan.checked()?);
        let shared = Arc::new(Shared::default());
        let (phase, receiver) = watch::channel(Phase::Connecting);
        let (connected, connections) = mpsc::channel();
        let mut threads = Vec::new();
        for index in 0..plan.threads {
            let thread = Thread {
                index,
                plan: Arc::clone(&plan),
                shared: Arc::clone(&shared),
                phase: receiver.clone(),
            };
            let connected = connected.clone();
            let run = move || thread.run(move |result| drop(connected.send(result)));
            let spawned = std::thread::Builder::new().name(format!("load-{index}")).spawn(run);
            threads.push(spawned.map_err(|error| error.to_string())?);
        }
        drop(connected);
        // A thread that ends without a word has dropped its end, and its error is found by `wait`.
        let failed = connections.iter().take(plan.threads).find_map(Result::err);
        let start = Instant::now();
        let running = Self { start, shared, phase, threads };
        if let Some(sentence) = failed {
            running.stop();
            drop(running.wait());
            return Err(sentence);
        }
        running.phase.send_replace(Phase::Go(start));
        Ok(running)
    }

    /// Calls that are over, and those among them that failed.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.shared.settled.load(Ordering::Relaxed), self.shared.failed.load(Ordering::Relaxed))
    }

    #[must_use]
    pub fn samples(&self) -> Samples {
        Samples(Arc::clone(&self.shared))
    }

    #[must_use]
    pub fn is_over(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }

    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Ends the run early; what becomes of the calls under way is the plan's to say.
    pub fn stop(&self) {
        self.phase.send_replace(Phase::Stopped);
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// A thread that could not go on.
    pub fn wait(self) -> Result<Outcome, String> {
        let mut whole: Option<Outcome> = None;
        for thread in self.threads {
            let told = thread.join().map_err(|_| "A thread of the load ended with a panic.".to_owned())?;
            let Some(told) = told else { continue };
            let Told { tally, ended, at } = told?;
            let took = at.saturating_duration_since(self.start);
            match &mut whole {
                None => whole = Some(Outcome { tally, ended, took }),
                Some(whole) => {
                    whole.tally.add(tally);
                    whole.ended = whole.ended.max(ended);
                    whole.took = whole.took.max(took);
                }
            }
        }
        let mut whole = whole.ok_or_else(|| "The load had no thread.".to_owned())?;
        whole.tally.sort();
        Ok(whole)
    }
}
