//! How much of what the process has is in use: the figure that a fleet is scaled by.
//!
//! A process can run out of three things, whichever is scarcest in it: the time of its model threads, which slow models
//! take; of its I/O threads, which small models' many calls take; and of its share of the machine's cores. Of each the
//! figure counts what the work needs, without what fuller turns and batches would spare (`slack`): so it rises in
//! proportion to the calls. What calls it refuses for want of them would have taken some too, so that the figure goes on
//! beyond 1.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::time::{ClockId, clock_gettime};

use super::busy::{BusyTime, WorkingTime};
use super::counter::Counter;

/// How often `sample` is called. Ten of it are the window, 5 seconds, as long as that of the models' own ratios.
pub const SAMPLED_EACH: Duration = Duration::from_millis(500);
const SAMPLES: usize = 10;
/// Where nearly all calls are refused, how few are answered says nothing more about how many more there should be.
const MOST_ASKED_FOR: f64 = 10.0;
/// Where a larger share of the calls is refused, turns and batches cannot become fuller: deadlines are too short for it, or
/// callers too few. What is in use is then needed.
const FEW_REFUSED: f64 = 0.01;

/// Calls that ended: those that were answered, and those that there was no capacity for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallCounts {
    pub answered: u64,
    pub refused: u64,
}

impl CallCounts {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { answered: self.answered + other.answered, refused: self.refused + other.refused }
    }
}

/// How model threads were used over the last seconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct ModelsUse {
    /// The share of its threads' time that the busiest model had in use.
    pub in_use: f64,
    /// The largest such share without slack.
    pub needed: f64,
    /// Of the threads of all models.
    pub time: WorkingTime,
}

/// What has been used since the process began, at a moment.
struct Sample {
    at: Instant,
    cpu: Duration,
    io: Vec<(Weak<BusyTime>, WorkingTime)>,
    calls: CallCounts,
}

/// The uses of one process.
pub struct ProcessLoad {
    /// Cores that the process may use.
    cores: f64,
    io_threads: Mutex<Vec<Weak<BusyTime>>>,
    /// Time in which threads waited awake: cores were taken for it that work may have at any time.
    awake_ns: Counter,
    samples: Mutex<VecDeque<Sample>>,
}

impl Default for ProcessLoad {
    /// With the whole cores that the machine, or the control group, leaves to the process; of a part of one, one.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            cores: u32::try_from(cores).map_or(f64::MAX, f64::from),
            io_threads: Mutex::default(),
            awake_ns: Counter::default(),
            samples: Mutex::default(),
        }
    }
}

impl ProcessLoad {
    /// The working time of one more I/O thread, which counts for as long as somebody keeps it.
    #[must_use]
    pub fn io_thread(&self) -> Arc<BusyTime> {
        let busy = Arc::new(BusyTime::new(Instant::now()));
        self.io_threads.lock().push(Arc::downgrade(&busy));
        busy
    }

    /// A thread has waited awake.
    pub fn waited(&self, awake: Duration) {
        self.awake_ns.add(u64::try_from(awake.as_nanos()).unwrap_or(u64::MAX));
    }

    /// To be called every `SAMPLED_EACH`.
    pub fn sample(&self, now: Instant, calls: CallCounts) {
        let sample = self.now(now, calls);
        let mut samples = self.samples.lock();
        samples.truncate(SAMPLES);
        samples.push_front(sample);
    }

    /// The scarcest of what is needed: the threads of the busiest model, the busiest I/O thread, or the cores; times the
    /// calls that were asked for, over those that were answered.
    #[must_use]
    pub fn ratio(&self, models: ModelsUse, now: Instant, calls: CallCounts) -> f64 {
        let latest = self.now(now, calls);
        let samples = self.samples.lock();
        let Some(before) = samples.back() else { return models.needed };
        let length = latest.at.saturating_duration_since(before.at).as_secs_f64();
        if length <= 0.0 {
            return models.needed;
        }
        let cpu = latest.cpu.saturating_sub(before.cpu).as_secs_f64() / self.cores / length;
        let (mut in_use, mut needed, mut all) = (models.in_use, models.needed, models.time);
        for (thread, time) in &latest.io {
            let known = before.io.iter().find(|(each, _)| each.ptr_eq(thread));
            let time = time.since(known.map_or_else(WorkingTime::default, |(_, known)| *known));
            in_use = in_use.max(time.busy.as_secs_f64() / length);
            needed = needed.max(time.needed().as_secs_f64() / length);
            all = all.and(time);
        }
        // Threads that waste no turns waste no cores.
        needed = needed.max(cpu * all.needed_share()).min(1.0);
        in_use = in_use.max(cpu).min(1.0).max(needed);
        let refused = refused(before.calls, latest.calls);
        let used = needed + (in_use - needed) * (refused.share / FEW_REFUSED).min(1.0);
        used * refused.asked_for
    }

    fn now(&self, now: Instant, calls: CallCounts) -> Sample {
        let mut threads = self.io_threads.lock();
        threads.retain(|thread| thread.strong_count() > 0);
        let io = threads
            .iter()
            .filter_map(|thread| Some((Weak::clone(thread), thread.upgrade()?.until(now))))
            .collect();
        let cpu = cpu_time().saturating_sub(Duration::from_nanos(self.awake_ns.get()));
        Sample { at: now, cpu, io, calls }
    }
}

/// User and system time of all threads of this process.
#[must_use]
pub fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

/// Calls refused between two moments.
struct Refused {
    /// Of all calls.
    share: f64,
    /// How many times those that were answered were asked for.
    asked_for: f64,
}

fn refused(before: CallCounts, after: CallCounts) -> Refused {
    let refused = after.refused.saturating_sub(before.refused);
    let answered = after.answered.saturating_sub(before.answered);
    if refused == 0 {
        return Refused { share: 0.0, asked_for: 1.0 };
    }
    #[allow(clippy::cast_precision_loss, reason = "counts of a few seconds are far below 2^52")]
    let [refused, answered] = [refused as f64, answered as f64];
    let all = answered + refused;
    Refused { share: refused / all, asked_for: (all / answered.max(1.0)).min(MOST_ASKED_FOR) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_CALLS: CallCounts = CallCounts { answered: 0, refused: 0 };

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    /// Any number of cores that CPU time in a test cannot fill.
    fn process() -> ProcessLoad {
        ProcessLoad { cores: 1e9, ..ProcessLoad::default() }
    }

    /// Model threads without slack.
    fn models(ratio: f64) -> ModelsUse {
        ModelsUse { in_use: ratio, needed: ratio, time: WorkingTime::default() }
    }

    fn near(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-6
    }

    #[test]
    fn before_the_first_sample_the_models_ratio_is_all_that_is_known() {
        assert!(near(process().ratio(models(0.25), Instant::now(), NO_CALLS), 0.25));
    }

    #[test]
    fn the_busiest_io_thread_counts_where_models_are_less_busy() {
        let (process, start) = (process(), Instant::now());
        let threads = [process.io_thread(), process.io_thread()];
        process.sample(start, NO_CALLS);
        for (thread, cpu) in threads.iter().zip([3, 1]) {
            thread.did(1);
            thread.turn(seconds(cpu));
        }
        assert!(near(process.ratio(models(0.1), start + seconds(5), NO_CALLS), 0.6));
        assert!(near(process.ratio(models(0.7), start + seconds(5), NO_CALLS), 0.7));
    }

    #[test]
    fn a_full_thread_that_tells_of_no_units_counts_though_it_never_waits() {
        let (process, start) = (process(), Instant::now());
        let thread = process.io_thread();
        thread.begin(start);
        process.sample(start, NO_CALLS);
        assert!(process.ratio(models(0.0), start + seconds(5), NO_CALLS) > 0.99);
    }

    #[test]
    fn a_thread_that_ended_counts_no_more() {
        let (process, start) = (process(), Instant::now());
        let thread = process.io_thread();
        process.sample(start, NO_CALLS);
        drop(thread);
        assert!(near(process.ratio(models(0.0), start + seconds(5), NO_CALLS), 0.0));
    }

    #[test]
    fn cores_in_use_count_and_time_spent_waiting_awake_does_not() {
        let process = ProcessLoad { cores: 1.0, ..ProcessLoad::default() };
        let start = Instant::now();
        process.sample(start, NO_CALLS);
        let before = cpu_time();
        let worked = || cpu_time().saturating_sub(before);
        while worked() < Duration::from_millis(20) {
            std::hint::spin_loop();
        }
        let ratio = process.ratio(models(0.0), start + seconds(1), NO_CALLS);
        assert!(ratio > 0.019, "{ratio}");
        // Other tests' threads work meanwhile, so that no more than what was taken off can be told.
        process.waited(seconds(3600));
        assert!(near(process.ratio(models(0.0), start + seconds(1), NO_CALLS), 0.0));
    }

    #[test]
    fn what_was_refused_counts_as_if_it_had_been_answered() {
        let (process, start) = (process(), Instant::now());
        process.sample(start, CallCounts { answered: 1_000, refused: 500 });
        let later = CallCounts { answered: 1_100, refused: 550 };
        assert!(near(process.ratio(models(1.0), start + seconds(5), later), 1.5));
        let hardly_any = CallCounts { answered: 1_000, refused: 1_000 };
        assert!(near(process.ratio(models(1.0), start + seconds(5), hardly_any), MOST_ASKED_FOR));
    }

    #[test]
    fn what_is_older_than_the_window_is_forgotten() {
        let (process, start) = (process(), Instant::now());
        let thread = process.io_thread();
        thread.did(1);
        thread.turn(seconds(4));
        for n in 0..10 {
            process.sample(start + SAMPLED_EACH * n, NO_CALLS);
        }
        for n in 10..21 {
            process.sample(start + SAMPLED_EACH * n, NO_CALLS);
        }
        assert!(near(process.ratio(models(0.0), start + SAMPLED_EACH * 20, NO_CALLS), 0.0));
        assert_eq!(process.samples.lock().len(), SAMPLES + 1);
    }

    #[test]
    fn slack_counts_only_where_calls_are_refused_all_the_same() {
        let (process, start) = (process(), Instant::now());
        let before = CallCounts { answered: 1_000, refused: 0 };
        process.sample(start, before);
        let time = WorkingTime { busy: seconds(4), cpu: seconds(4), slack: seconds(3) };
        let models = ModelsUse { in_use: 0.8, needed: 0.2, time };
        let at =
            |answered, refused| process.ratio(models, start + seconds(5), CallCounts { answered, refused });
        assert!(near(at(2_000, 0), 0.2));
        assert!(near(at(2_990, 10), 0.5 * 1.005_025), "{}", at(2_990, 10));
        assert!(near(at(2_000, 1_000), 0.8 * 2.0));
    }

    #[test]
    fn of_the_cores_in_use_the_share_counts_that_threads_need() {
        let process = ProcessLoad { cores: 1.0, ..ProcessLoad::default() };
        let start = Instant::now();
        process.sample(start, NO_CALLS);
        let before = cpu_time();
        while cpu_time().saturating_sub(before) < Duration::from_millis(20) {
            std::hint::spin_loop();
        }
        let all = process.ratio(models(0.0), start + seconds(1), NO_CALLS);
        let time = WorkingTime { busy: seconds(4), cpu: seconds(4), slack: seconds(4) };
        let none = process.ratio(ModelsUse { time, ..models(0.0) }, start + seconds(1), NO_CALLS);
        assert!(all > 0.019 && near(none, 0.0), "{all}, {none}");
    }
}
