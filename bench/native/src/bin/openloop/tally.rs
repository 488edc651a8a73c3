//! What a run has seen so far, and its report.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// Three digits: a latency is told to one part in a thousand.
const DIGITS: u8 = 3;
/// The longest that a run may take and wait; what is longer counts as this.
const MOST_NS: u64 = 1_800_000_000_000;

#[derive(Debug)]
pub struct Tally {
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
            sent: 0,
            in_flight: 0,
            ok: 0,
            errors: BTreeMap::new(),
            latency_ns: histogram()?,
            lag_ns: histogram()?,
            last_answer: None,
        })
    }

    /// A call went out so much later than its schedule says.
    pub fn sent(&mut self, lag: Duration) {
        self.sent += 1;
        self.lag_ns.saturating_record(nanos(lag));
    }

    /// A right answer, so long after its call's scheduled start.
    pub fn ok(&mut self, latency: Duration, now: Instant) {
        self.ok += 1;
        self.latency_ns.saturating_record(nanos(latency));
        self.last_answer = Some(now);
    }

    pub fn error(&mut self, what: String, calls: u64) {
        *self.errors.entry(what).or_default() += calls;
    }

    /// `start` is the end of the warm-up, `duration` what was scheduled after it.
    pub fn report(&self, start: Instant, duration: Duration) -> Value {
        let latency_us = |quantile| self.latency_ns.value_at_quantile(quantile) as f64 / 1e3;
        let last = self.last_answer.map_or(duration, |last| last.saturating_duration_since(start));
        json!({
            "sent": self.sent,
            "ok": self.ok,
            "errors": self.errors,
            "p50_us": latency_us(0.5),
            "p99_us": latency_us(0.99),
            "p99.9_us": latency_us(0.999),
            "max_us": self.latency_ns.max() as f64 / 1e3,
            "lag_p99_us": self.lag_ns.value_at_quantile(0.99) as f64 / 1e3,
            "achieved_rate": self.ok as f64 / last.max(duration).as_secs_f64(),
        })
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
