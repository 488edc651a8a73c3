//! What a run has seen so far, and its report.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::connection::Settled;

/// Three digits: a latency is told to one part in a thousand.
const DIGITS: u8 = 3;
/// The longest that a run may take and wait; what is longer counts as this.
const MOST_NS: u64 = 1_800_000_000_000;

#[derive(Debug)]
pub struct Tally {
    /// When the warm-up ends; none: it has not begun.
    from: Option<Instant>,
    /// Sent after the warm-up.
    pub sent: u64,
    pub in_flight: u64,
    ok: u64,
    /// By what is wrong with the answer; calls of the warm-up as well.
    errors: BTreeMap<String, u64>,
    latency_ns: Histogram<u64>,
    lag_ns: Histogram<u64>,
    last_answer: Option<Instant>,
}

impl Tally {
    pub fn new() -> Result<Self, String> {
        let histogram = || Histogram::new_with_bounds(1, MOST_NS, DIGITS).map_err(|error| error.to_string());
        Ok(Self {
            from: None,
            sent: 0,
            in_flight: 0,
            ok: 0,
            errors: BTreeMap::new(),
            latency_ns: histogram()?,
            lag_ns: histogram()?,
            last_answer: None,
        })
    }

    /// Calls that are due from then on count.
    pub fn count_from(&mut self, from: Instant) {
        self.from = Some(from);
    }

    fn counts(&self, due: Instant) -> bool {
        self.from.is_some_and(|from| due >= from)
    }

    /// A call that was due then goes out.
    pub fn sent(&mut self, due: Instant) {
        self.in_flight += 1;
        if self.counts(due) {
            self.sent += 1;
            self.lag_ns.saturating_record(nanos(due.elapsed()));
        }
    }

    /// A call has its answer, or will get none.
    pub fn settled(&mut self, settled: Settled, now: Instant) {
        self.in_flight -= 1;
        match settled.outcome {
            Err(what) => self.error(what, 1),
            Ok(()) if self.counts(settled.due) => {
                self.ok += 1;
                self.latency_ns.saturating_record(nanos(now - settled.due));
                self.last_answer = Some(now);
            }
            Ok(()) => {}
        }
    }

    /// The calls that are in flight are not waited for any more.
    pub fn unanswered(&mut self) {
        self.error("no answer".to_owned(), self.in_flight);
    }

    fn error(&mut self, what: String, calls: u64) {
        *self.errors.entry(what).or_default() += calls;
    }

    /// `duration` is what was scheduled after the warm-up.
    pub fn report(&self, duration: Duration) -> Value {
        let latency_us = |quantile| self.latency_ns.value_at_quantile(quantile) as f64 / 1e3;
        let took = self.from.zip(self.last_answer).map(|(from, last)| last.saturating_duration_since(from));
        let took = took.unwrap_or(duration).max(duration);
        json!({
            "sent": self.sent,
            "ok": self.ok,
            "errors": self.errors,
            "p50_us": latency_us(0.5),
            "p99_us": latency_us(0.99),
            "p99.9_us": latency_us(0.999),
            "max_us": self.latency_ns.max() as f64 / 1e3,
            "lag_p99_us": self.lag_ns.value_at_quantile(0.99) as f64 / 1e3,
            "achieved_rate": self.ok as f64 / took.as_secs_f64(),
        })
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
