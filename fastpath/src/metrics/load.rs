//! The share of model-thread time in use over a recent window, known at any moment without anyone asking
//! regularly.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::busy::WorkingTime;
use super::slack::Turns;

/// Slots of half a second: fine enough that the window's length wavers by 10 %, few enough to add up in no
/// time.
const SLOT: Duration = Duration::from_millis(500);
/// Ten slots, five seconds: long enough to smooth single batches, short enough that an autoscaler which
/// looks every 15 s sees the present.
const SLOTS: usize = 10;

/// A model thread's run in progress, given back to `end`.
#[derive(Debug, PartialEq, Eq)]
pub struct Run(u64);

/// A run that the model answered.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    pub rows: usize,
    /// Rows that a batch may have.
    pub most_rows: usize,
}

/// Busy and available model-thread time in the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    pub busy: Duration,
    /// The part of it that fuller batches would have spared.
    pub slack: Duration,
    pub available: Duration,
}

/// The busy time of the model threads of one model version.
#[derive(Debug)]
pub struct Load {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    created: Instant,
    instances: usize,
    /// Busy time of the runs that ended, by the slot in which they were busy; slot `n` lies at `n % SLOTS`.
    busy: [Duration; SLOTS],
    /// What of that was slack, by the slot in which the run ended.
    slack: [Duration; SLOTS],
    batches: Turns,
    /// The slot that the last change fell into, counted from `created`.
    slot: u64,
    running: Vec<(u64, Instant)>,
    next_run: u64,
}

impl Load {
    #[must_use]
    pub fn new(instances: usize, created: Instant) -> Self {
        Self {
            state: Mutex::new(State {
                created,
                instances,
                busy: [Duration::ZERO; SLOTS],
                slack: [Duration::ZERO; SLOTS],
                batches: Turns::default(),
                slot: 0,
                running: Vec::with_capacity(instances),
                next_run: 0,
            }),
        }
    }

    pub fn set_instances(&self, instances: usize) {
        self.state.lock().instances = instances;
    }

    /// A model thread takes a batch.
    pub fn begin(&self, now: Instant) -> Run {
        let mut state = self.state.lock();
        let run = state.next_run;
        state.next_run += 1;
        state.running.push((run, now));
        Run(run)
    }

    /// It is free again. `answered`: none where the model gave no answer.
    pub fn end(&self, run: &Run, now: Instant, answered: Option<Answered>) {
        let mut state = self.state.lock();
        let Some(place) = state.running.iter().position(|(each, _)| *each == run.0) else { return };
        let (_, began) = state.running.swap_remove(place);
        state.advance(now);
        state.add(began, now);
        if let Some(answered) = answered {
            let fixed = state.batches.learn(answered.rows as u64, now.saturating_duration_since(began));
            let place = place_of(state.slot);
            state.slack[place] += fixed.mul_f64(answered.room());
        }
    }

    /// What the window holds at `now`, runs in progress included.
    #[must_use]
    pub fn window(&self, now: Instant) -> Window {
        let mut state = self.state.lock();
        state.advance(now);
        let opened = state.slot_start(state.oldest());
        let ended: Duration = state.busy.iter().sum();
        let in_progress: Duration =
            state.running.iter().map(|(_, began)| now.saturating_duration_since(opened.max(*began))).sum();
        let length = now.saturating_duration_since(opened);
        let available = length.saturating_mul(u32::try_from(state.instances).unwrap_or(u32::MAX));
        Window { busy: ended + in_progress, slack: state.slack.iter().sum(), available }
    }
}

impl State {
    fn slot_of(&self, at: Instant) -> u64 {
        let slots = at.saturating_duration_since(self.created).as_millis() / SLOT.as_millis();
        u64::try_from(slots).unwrap_or(u64::MAX)
    }

    fn slot_start(&self, slot: u64) -> Instant {
        self.created + SLOT.saturating_mul(u32::try_from(slot).unwrap_or(u32::MAX))
    }

    /// The oldest slot in the window.
    fn oldest(&self) -> u64 {
        (self.slot + 1).saturating_sub(SLOTS as u64)
    }

    /// Empties the slots that time has passed over.
    fn advance(&mut self, now: Instant) {
        let slot = self.slot_of(now);
        let first_new = (self.slot + 1).max((slot + 1).saturating_sub(SLOTS as u64));
        for passed in first_new..=slot {
            self.busy[place_of(passed)] = Duration::ZERO;
            self.slack[place_of(passed)] = Duration::ZERO;
        }
        self.slot = self.slot.max(slot);
    }

    /// Spreads a run over the slots that it touched.
    fn add(&mut self, began: Instant, ended: Instant) {
        let first = self.slot_of(began).max(self.oldest());
        for slot in first..=self.slot {
            let (from, to) = (self.slot_start(slot), self.slot_start(slot + 1));
            self.busy[place_of(slot)] += ended.min(to).saturating_duration_since(began.max(from));
        }
    }
}

fn place_of(slot: u64) -> usize {
    usize::try_from(slot % SLOTS as u64).unwrap_or(0)
}

impl Answered {
    /// The share of a full batch that was left.
    fn room(self) -> f64 {
        let left = self.most_rows.saturating_sub(self.rows);
        // Rows are far below 2^52.
        #[allow(clippy::cast_precision_loss, reason = "rows are far below 2^52")]
        let room = left as f64 / self.most_rows.max(1) as f64;
        room
    }
}

impl Window {
    /// Busy over available time, 0 to 1; 0 where no time is available.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        if self.available.is_zero() {
            return 0.0;
        }
        (self.busy.as_secs_f64() / self.available.as_secs_f64()).min(1.0)
    }

    /// For want of better, as if model threads had a core while they have a batch.
    #[must_use]
    pub fn working_time(&self) -> WorkingTime {
        WorkingTime { busy: self.busy, cpu: self.busy, slack: self.slack }
    }

    /// The same without slack: how much of the time the same rows would take in full batches.
    #[must_use]
    pub fn needed_ratio(&self) -> f64 {
        let needed = self.busy.saturating_sub(self.slack);
        Self { busy: needed, ..*self }.ratio()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn ratio_at(load: &Load, now: Instant) -> f64 {
        load.window(now).ratio()
    }

    fn assert_near(left: f64, right: f64) {
        assert!((left - right).abs() < 1e-9, "{left} is not {right}");
    }

    #[test]
    fn half_the_time_busy_is_a_ratio_of_a_half() {
        let start = Instant::now();
        let load = Load::new(1, start);
        for n in 0..100 {
            let run = load.begin(start + ms(100 * n));
            load.end(&run, start + ms(100 * n + 50), None);
        }
        assert_near(ratio_at(&load, start + ms(10_000)), 0.5);
    }

    #[test]
    fn a_model_with_two_instances_is_half_loaded_by_one_busy_thread() {
        let start = Instant::now();
        let load = Load::new(2, start);
        let run = load.begin(start);
        load.end(&run, start + ms(4_000), None);
        assert_near(ratio_at(&load, start + ms(4_000)), 0.5);
    }

    #[test]
    fn a_run_that_has_not_ended_counts_and_one_that_hangs_loads_the_whole_window() {
        let start = Instant::now();
        let load = Load::new(1, start);
        let _run = load.begin(start + ms(1_000));
        assert_near(ratio_at(&load, start + ms(2_000)), 0.5);
        assert_near(ratio_at(&load, start + ms(60_000)), 1.0);
    }

    #[test]
    fn an_idle_model_forgets_its_load_in_five_seconds_with_nobody_asking() {
        let start = Instant::now();
        let load = Load::new(1, start);
        let run = load.begin(start);
        load.end(&run, start + ms(3_000), None);
        assert!(ratio_at(&load, start + ms(4_000)) > 0.7);
        assert_near(ratio_at(&load, start + ms(8_500)), 0.0);
    }

    #[test]
    fn a_run_longer_than_the_window_counts_only_what_lies_in_it() {
        let start = Instant::now();
        let load = Load::new(1, start);
        let run = load.begin(start);
        load.end(&run, start + ms(20_000), None);
        assert_near(ratio_at(&load, start + ms(20_000)), 1.0);
        assert_near(ratio_at(&load, start + ms(22_000)), 2.5 / 4.5);
    }

    #[test]
    fn what_fuller_batches_would_spare_is_not_needed() {
        let start = Instant::now();
        let load = Load::new(1, start);
        for n in 0..1_000 {
            let (began, rows) = (start + ms(10 * n), 1 + usize::from(n % 2 == 0));
            let run = load.begin(began);
            load.end(&run, began + ms(4 + rows as u64), Some(Answered { rows, most_rows: 1_000 }));
        }
        let window = load.window(start + ms(10_000));
        assert!((window.ratio() - 0.55).abs() < 0.01, "{window:?}");
        assert!((window.needed_ratio() - 0.15).abs() < 0.01, "{window:?}");
    }

    #[test]
    fn in_full_batches_there_is_no_slack() {
        let start = Instant::now();
        let load = Load::new(1, start);
        for n in 0..1_000 {
            let (began, rows) = (start + ms(10 * n), 8 - usize::from(n % 100 == 0));
            let run = load.begin(began);
            load.end(&run, began + ms(5), Some(Answered { rows, most_rows: 8 }));
        }
        let window = load.window(start + ms(10_000));
        assert!((window.needed_ratio() - window.ratio()).abs() < 0.01, "{window:?}");
    }

    #[test]
    fn no_model_is_no_load() {
        assert_near(Window::default().ratio(), 0.0);
    }
}
