//! What the Open Inference Protocol's `ModelStatistics` says of a model version, and no histogram holds: sums over its
//! requests, and over its batches by their size.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use super::counter::{Counter, Gauge};

/// How long the parts of one batch took.
#[derive(Clone, Copy, Debug, Default)]
pub struct BatchTimes {
    pub pack: Duration,
    pub compute: Duration,
    /// Of all its answers together.
    pub encode: Duration,
}

/// Batches of one size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchSums {
    pub batches: u64,
    pub pack_ns: u64,
    pub compute_ns: u64,
    pub encode_ns: u64,
}

/// Durations are sums in nanoseconds.
#[derive(Debug, Default)]
pub struct Statistics {
    /// From their first byte to their answer: requests answered OK, and all others.
    pub success_ns: Counter,
    pub fail_ns: Counter,
    /// A request takes part in the whole run of its batch, so a batch of three counts three times.
    pub pack_ns: Counter,
    pub compute_ns: Counter,
    /// Requests that `pack_ns` and `compute_ns` add up.
    pub runs: Counter,
    /// Milliseconds since 1970 when the last batch began to be answered; 0: none was.
    pub last_ms: Gauge,
    by_rows: Mutex<BTreeMap<usize, BatchSums>>,
}

impl Statistics {
    /// A batch of `rows` rows in `requests` requests has run.
    pub fn batch(&self, rows: usize, requests: u64, times: BatchTimes) {
        let (pack, compute, encode) = (ns(times.pack), ns(times.compute), ns(times.encode));
        self.pack_ns.add(pack.saturating_mul(requests));
        self.compute_ns.add(compute.saturating_mul(requests));
        self.runs.add(requests);
        // The wall clock, because people read it; nothing is timed by it.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.last_ms.set(u64::try_from(now.as_millis()).unwrap_or(u64::MAX));
        let mut by_rows = self.by_rows.lock();
        let sums = by_rows.entry(rows).or_default();
        sums.batches += 1;
        sums.pack_ns += pack;
        sums.compute_ns += compute;
        sums.encode_ns += encode;
    }

    /// By batch size in rows, the smallest first; there are at most `max_batch_rows`.
    #[must_use]
    pub fn by_rows(&self) -> Vec<(usize, BatchSums)> {
        self.by_rows.lock().iter().map(|(rows, sums)| (*rows, *sums)).collect()
    }
}

pub(super) fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_counts_once_by_its_size_and_for_each_of_its_requests() {
        let statistics = Statistics::default();
        let times = |micros| BatchTimes {
            pack: Duration::from_micros(micros),
            compute: Duration::from_micros(10 * micros),
            encode: Duration::from_micros(3),
        };
        statistics.batch(8, 3, times(1));
        statistics.batch(8, 1, times(2));
        statistics.batch(1, 1, times(1));
        assert_eq!((statistics.runs.get(), statistics.compute_ns.get()), (5, 60_000));
        let sums =
            |batches, pack_ns, encode_ns| BatchSums { batches, pack_ns, compute_ns: 10 * pack_ns, encode_ns };
        assert_eq!(statistics.by_rows(), [(1, sums(1, 1_000, 3_000)), (8, sums(2, 3_000, 6_000))]);
        assert!(statistics.last_ms.get() > 1_700_000_000_000);
    }
}
