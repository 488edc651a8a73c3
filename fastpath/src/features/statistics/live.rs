//! What a model version sees of its features while it serves: since it was loaded, and in the last hour.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::baseline::Baseline;
use super::figures::{Came, Figures};
use super::plan::Plan;
use super::sampler::{Picks, pick};
use super::sent::{Observer, SentRows};
use super::tally::{Precision, Tally};
use crate::features::fault::{FaultKind, RowsError};
use crate::features::program::{Bits, Program};

/// Ranks are off by 1.33 %, at 5 kB a feature and slice.
const PRECISION: Precision = Precision { sketch: 200, frequent: 0 };
/// The window is the slice of now and those before it, an hour when full.
const SLICE: Duration = Duration::from_mins(10);
const SLICES: usize = 6;

/// Why a request was refused for one of its features.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedFor {
    /// A row lacked it, and it has no default.
    Missing,
    /// A value outside its range, or what its operations or its datatype take.
    Range,
    /// A value that a vocabulary without buckets for others lacks.
    Vocabulary,
    /// Of another type, too many values, not text, there twice …
    Form,
}

impl RefusedFor {
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Missing, "missing"),
        (Self::Range, "range"),
        (Self::Vocabulary, "vocabulary"),
        (Self::Form, "form"),
    ];

    fn of(kind: &FaultKind) -> Self {
        match kind {
            FaultKind::Missing => Self::Missing,
            FaultKind::OutOfRange { .. }
            | FaultKind::Overflow { .. }
            | FaultKind::Beyond { .. }
            | FaultKind::NotANumber
            | FaultKind::NotWhole { .. }
            | FaultKind::SumOverflow => Self::Range,
            FaultKind::NotInVocabulary => Self::Vocabulary,
            _ => Self::Form,
        }
    }
}

/// Calls refused for a feature, in the order of `RefusedFor::ALL`.
pub type Refused = [u64; RefusedFor::ALL.len()];

/// The features of one model version as requests bring them. Shared by all threads; none waits for another on the way
/// of a request.
#[derive(Debug)]
pub struct FeatureStatistics {
    every: u32,
    plan: Plan,
    baseline: Option<Baseline>,
    /// Rows that were decoded, all of them.
    rows: Line,
    /// Rows that were drawn while another thread was looking at some, or reading.
    dropped: Line,
    refused: Box<[[AtomicU64; RefusedFor::ALL.len()]]>,
    loaded: Instant,
    state: Mutex<State>,
}

/// A counter on a cache line of its own: all I/O threads count in it.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Line(AtomicU64);

#[derive(Debug)]
struct State {
    current: Tally,
    /// When the current slice began, and what had come by then.
    began: Instant,
    came_before: Vec<Came>,
    /// The slices of the window that are over, oldest first.
    closed: VecDeque<Arc<Slice>>,
    /// All slices that have left the window.
    old: Arc<Slice>,
    seen: Bits,
}

/// Some span of time.
#[derive(Clone, Debug)]
struct Slice {
    tally: Tally,
    /// For each field.
    came: Vec<Came>,
}

impl Slice {
    fn merge(&mut self, other: &Self) {
        self.tally.merge(&other.tally);
        for (came, other) in self.came.iter_mut().zip(&other.came) {
            came.rows += other.rows;
            came.refused_missing += other.refused_missing;
        }
    }
}

/// What is told of a model version's features.
#[derive(Clone, Debug)]
pub struct Reading {
    /// One row in so many is looked at.
    pub every: u32,
    pub dropped_rows: u64,
    pub baseline_rows: Option<u64>,
    pub since_load: Span,
    pub window: Span,
    /// In the program's order.
    pub features: Vec<FeatureReading>,
}

#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub duration: Duration,
    /// Rows that came, and those that were looked at.
    pub rows: u64,
    pub sampled_rows: u64,
}

#[derive(Clone, Debug)]
pub struct FeatureReading {
    pub since_load: Figures,
    pub window: Figures,
    pub training: Option<Figures>,
    /// Since load, exactly.
    pub refused: Refused,
}

impl FeatureStatistics {
    /// Looks at one row in `every`, which is not 0.
    #[must_use]
    pub fn new(program: &Program, baseline: Option<Baseline>, every: u32) -> Self {
        let plan = Plan::new(program, baseline.as_ref());
        let tally = Tally::new(&plan, PRECISION);
        let came = vec![Came::default(); program.fields.len()];
        let now = Instant::now();
        Self {
            every: every.max(1),
            baseline,
            rows: Line::default(),
            dropped: Line::default(),
            refused: program.fields.iter().map(|_| Default::default()).collect(),
            loaded: now,
            state: Mutex::new(State {
                current: tally.clone(),
                began: now,
                came_before: came.clone(),
                closed: VecDeque::new(),
                old: Arc::new(Slice { tally, came }),
                seen: Bits::new(program.fields.len()),
            }),
            plan,
        }
    }

    /// Counts a request that was refused for one of its features.
    #[cold]
    pub fn refuse(&self, program: &Program, error: &RowsError) {
        let RowsError::Feature { feature, kind, .. } = error else { return };
        let Some(field) = program.fields.iter().position(|field| field.name == *feature) else { return };
        let reason = RefusedFor::of(kind);
        let place = RefusedFor::ALL.iter().position(|(each, _)| *each == reason);
        if let Some(counter) = self.refused.get(field).zip(place).and_then(|(all, place)| all.get(place)) {
            counter.fetch_add(1, Relaxed);
        }
    }

    /// One row in so many is looked at.
    #[must_use]
    pub fn every(&self) -> u32 {
        self.every
    }

    /// Looks at rows that were drawn, unless another thread is looking: waiting would hold up a request.
    #[cold]
    fn look(&self, picks: &Picks, sent: &SentRows<'_, '_>, now: Instant) {
        let Some(mut state) = self.state.try_lock() else {
            self.dropped.0.fetch_add(picks.len() as u64, Relaxed);
            return;
        };
        self.turn(&mut state, now);
        let State { current, seen, .. } = &mut *state;
        for row in picks {
            current.look(&self.plan, sent, *row, seen);
        }
    }

    /// Begins a new slice where the current one is over.
    fn turn(&self, state: &mut State, now: Instant) {
        let passed = now.saturating_duration_since(state.began).as_secs() / SLICE.as_secs();
        if passed == 0 {
            return;
        }
        let came = self.came();
        let empty = || Tally::new(&self.plan, PRECISION);
        let tally = std::mem::replace(&mut state.current, empty());
        let since = came.iter().zip(&state.came_before).map(|(now, before)| difference(*now, *before));
        state.closed.push_back(Arc::new(Slice { tally, came: since.collect() }));
        // Nothing came in the slices between.
        let between = usize::try_from(passed - 1).unwrap_or(usize::MAX).min(SLICES);
        let nothing = Arc::new(Slice { tally: empty(), came: vec![Came::default(); came.len()] });
        state.closed.extend(std::iter::repeat_n(nothing, between));
        state.came_before = came;
        state.began += SLICE * u32::try_from(passed).unwrap_or(u32::MAX);
        while state.closed.len() >= SLICES {
            if let Some(oldest) = state.closed.pop_front() {
                Arc::make_mut(&mut state.old).merge(&oldest);
            }
        }
    }

    /// What has come for each field since load.
    fn came(&self) -> Vec<Came> {
        let rows = self.rows.0.load(Relaxed);
        let missing =
            self.refused.iter().map(|reasons| reasons.first().map_or(0, |count| count.load(Relaxed)));
        missing.map(|refused_missing| Came { rows, refused_missing }).collect()
    }

    /// What has been seen so far. Holds the state for as long as copying the current slice takes.
    #[must_use]
    pub fn read(&self, now: Instant) -> Reading {
        let (mut window, closed, old, began) = {
            let mut state = self.state.lock();
            self.turn(&mut state, now);
            let since = self.came().into_iter().zip(&state.came_before);
            let came = since.map(|(now, before)| difference(now, *before)).collect();
            let slice = Slice { tally: state.current.clone(), came };
            (slice, state.closed.clone(), Arc::clone(&state.old), state.began)
        };
        for slice in &closed {
            window.merge(slice);
        }
        let mut all = Slice::clone(&old);
        all.merge(&window);
        let age = now.saturating_duration_since(self.loaded);
        let slices = SLICE * u32::try_from(closed.len()).unwrap_or(0);
        let windowed = (now.saturating_duration_since(began) + slices).min(age);
        Reading {
            every: self.every,
            dropped_rows: self.dropped.0.load(Relaxed),
            baseline_rows: self.baseline.as_ref().map(|baseline| baseline.rows),
            since_load: span(&all, age),
            window: span(&window, windowed),
            features: Vec::new(),
        }
        .with_features(self, &all, &window)
    }

    fn refused_of(&self, field: usize) -> Refused {
        let load = |reasons: &[AtomicU64; RefusedFor::ALL.len()]| {
            let mut counts = Refused::default();
            for (count, reason) in counts.iter_mut().zip(reasons) {
                *count = reason.load(Relaxed);
            }
            counts
        };
        self.refused.get(field).map(load).unwrap_or_default()
    }

    /// Bytes held for all features.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let state = self.state.lock();
        let closed: usize = state.closed.iter().map(|slice| slice.tally.size_bytes()).sum();
        state.current.size_bytes() + closed + state.old.tally.size_bytes()
    }
}

impl Observer for FeatureStatistics {
    #[inline]
    fn observe(&self, sent: &SentRows<'_, '_>) {
        self.rows.0.fetch_add(sent.rows as u64, Relaxed);
        let picks = pick(self.every, sent.rows);
        if !picks.is_empty() {
            self.look(&picks, sent, Instant::now());
        }
    }
}

impl Reading {
    fn with_features(mut self, of: &FeatureStatistics, all: &Slice, window: &Slice) -> Self {
        let training = |name: &str| of.baseline.as_ref().and_then(|baseline| baseline.features.get(name));
        let rows = self.baseline_rows.unwrap_or(0);
        self.features = (0..all.tally.fields.len())
            .map(|field| {
                let trained = of.plan.fields.get(field).and_then(|plan| training(&plan.name));
                let figures = |slice: &Slice| {
                    let came = slice.came.get(field).copied().unwrap_or_default();
                    let tally = slice.tally.fields.get(field);
                    tally.map(|tally| Figures::of(slice.tally.rows, tally, came, trained)).unwrap_or_default()
                };
                FeatureReading {
                    since_load: figures(all),
                    window: figures(window),
                    training: trained.map(|trained| Figures::of_training(rows, trained)),
                    refused: of.refused_of(field),
                }
            })
            .collect();
        self
    }
}

fn span(slice: &Slice, duration: Duration) -> Span {
    let rows = slice.came.first().map_or(0, |came| came.rows);
    Span { duration, rows, sampled_rows: slice.tally.rows }
}

fn difference(now: Came, before: Came) -> Came {
    Came {
        rows: now.rows.saturating_sub(before.rows),
        refused_missing: now.refused_missing.saturating_sub(before.refused_missing),
    }
}
