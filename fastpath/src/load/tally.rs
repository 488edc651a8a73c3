//! What a run has seen: every answer's status and size, and how long each call took.

use std::collections::HashMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::client::Failure;
use crate::client::failure::Code;

/// Three digits: a latency is told to one part in a thousand.
const DIGITS: u8 = 3;
/// Half an hour; what takes longer counts as this.
const MOST_NS: u64 = 1_800_000_000_000;
/// Errors that are told apart. A server that puts a number into each would fill the memory.
const MOST_ERRORS: usize = 1_000;
const OTHER_ERRORS: &str = "(one of more errors than are told apart)";

/// One call that is over.
#[derive(Debug)]
pub struct Settled {
    /// From when it was due.
    pub latency: Duration,
    /// When it ended, from the start of the run.
    pub ended: Duration,
    /// The answer's size.
    pub result: Result<usize, Failure>,
}

/// The same, to be kept by the million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detail {
    pub ended_ns: u64,
    pub latency_ns: u64,
    pub code: Code,
    /// Its place among `errors`; none: it was answered.
    pub error: Option<u32>,
}

#[derive(Debug)]
pub struct Error {
    pub code: Code,
    pub message: String,
    pub calls: u64,
}

pub struct Tally {
    /// By the code's number.
    pub codes: [u64; 17],
    pub errors: Vec<Error>,
    places: HashMap<(u8, String), u32>,
    /// Of calls that were answered; of all where errors count.
    pub latency_ns: Histogram<u64>,
    /// Not rounded, as the histogram's are; 0 where there is none.
    pub fastest_ns: u64,
    pub slowest_ns: u64,
    /// Of all calls.
    pub sum_ns: u128,
    pub answer_bytes: u64,
    /// How late calls with a schedule were sent.
    pub lag_ns: Histogram<u64>,
    /// Calls that were due, and not sent when the run was stopped.
    pub unsent: u64,
    pub details: Vec<Detail>,
    most_details: usize,
    count_errors: bool,
    /// What others were told: calls, and those that failed.
    published: (u64, u64),
}

impl Tally {
    /// # Errors
    /// No memory for the histograms.
    pub fn new(count_errors: bool, most_details: usize) -> Result<Self, String> {
        let histogram = || Histogram::new_with_bounds(1, MOST_NS, DIGITS).map_err(|error| error.to_string());
        Ok(Self {
            codes: [0; 17],
            errors: Vec::new(),
            places: HashMap::new(),
            latency_ns: histogram()?,
            fastest_ns: 0,
            slowest_ns: 0,
            sum_ns: 0,
            answer_bytes: 0,
            lag_ns: histogram()?,
            unsent: 0,
            details: Vec::new(),
            most_details,
            count_errors,
            published: (0, 0),
        })
    }

    /// Calls that are over.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.codes.iter().sum()
    }

    /// Calls that are over since the last time, and those that failed.
    pub fn unpublished(&mut self) -> (u64, u64) {
        let [ok, failed @ ..] = &self.codes;
        let failed: u64 = failed.iter().sum();
        let before = std::mem::replace(&mut self.published, (ok + failed, failed));
        (ok + failed - before.0, failed - before.1)
    }

    pub fn sent(&mut self, lag: Duration) {
        self.lag_ns.saturating_record(nanos(lag));
    }

    pub fn settled(&mut self, call: Settled) {
        let latency_ns = nanos(call.latency);
        self.sum_ns += u128::from(latency_ns);
        let (code, error) = match call.result {
            Ok(bytes) => {
                self.answer_bytes = self.answer_bytes.saturating_add(bytes as u64);
                (Code::Ok, None)
            }
            Err(failure) => (failure.code, Some(self.error(failure.code, failure.message, 1))),
        };
        if let Some(calls) = self.codes.get_mut(code as usize) {
            *calls += 1;
        }
        if error.is_none() || self.count_errors {
            self.latency_ns.saturating_record(latency_ns);
            let none = self.slowest_ns == 0 && self.fastest_ns == 0;
            self.fastest_ns = if none { latency_ns } else { self.fastest_ns.min(latency_ns) };
            self.slowest_ns = self.slowest_ns.max(latency_ns);
        }
        if self.details.len() < self.most_details {
            self.details.push(Detail { ended_ns: nanos(call.ended), latency_ns, code, error });
        }
    }

    fn error(&mut self, code: Code, message: String, calls: u64) -> u32 {
        let mut key = (code as u8, message);
        if self.places.len() >= MOST_ERRORS && !self.places.contains_key(&key) {
            OTHER_ERRORS.clone_into(&mut key.1);
        }
        let next = u32::try_from(self.errors.len()).unwrap_or(u32::MAX);
        let message = key.1.clone();
        let place = *self.places.entry(key).or_insert(next);
        if place == next {
            self.errors.push(Error { code, message, calls: 0 });
        }
        if let Some(error) = self.errors.get_mut(place as usize) {
            error.calls += calls;
        }
        place
    }

    /// Takes in what another thread has seen.
    pub fn add(&mut self, other: Self) {
        for (mine, theirs) in self.codes.iter_mut().zip(other.codes) {
            *mine += theirs;
        }
        let places: Vec<u32> = other
            .errors
            .into_iter()
            .map(|error| self.error(error.code, error.message, error.calls))
            .collect();
        // Both have the same bounds.
        let _ = self.latency_ns.add(&other.latency_ns);
        let _ = self.lag_ns.add(&other.lag_ns);
        self.fastest_ns = match (self.fastest_ns, other.fastest_ns) {
            (0, only) | (only, 0) => only,
            (mine, theirs) => mine.min(theirs),
        };
        self.slowest_ns = self.slowest_ns.max(other.slowest_ns);
        self.sum_ns += other.sum_ns;
        self.answer_bytes = self.answer_bytes.saturating_add(other.answer_bytes);
        self.unsent += other.unsent;
        let there = |place: u32| places.get(place as usize).copied();
        self.details.extend(
            other.details.into_iter().map(|detail| Detail { error: detail.error.and_then(there), ..detail }),
        );
    }

    /// In the order in which calls ended.
    pub fn sort(&mut self) {
        self.details.sort_by_key(|detail| detail.ended_ns);
        self.details.truncate(self.most_details);
    }

    /// Calls by latency: as many as are above each of `edges_ns` but the first and up to the next one, those up to the
    /// first at its own place. Edges ascend.
    #[must_use]
    pub fn buckets(&self, edges_ns: &[u64]) -> Vec<u64> {
        let mut counts = vec![0; edges_ns.len()];
        let last = edges_ns.len().saturating_sub(1);
        for value in self.latency_ns.iter_recorded() {
            // Rounded down, so that the fastest is no slower than it was, and the slowest no slower than the last edge.
            let latency_ns = self.latency_ns.lowest_equivalent(value.value_iterated_to());
            let place = edges_ns.partition_point(|edge| *edge < latency_ns).min(last);
            if let Some(count) = counts.get_mut(place) {
                *count += value.count_since_last_iteration();
            }
        }
        counts
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(count_errors: bool, calls: &[(u64, Result<usize, &str>)]) -> Tally {
        let mut tally = Tally::new(count_errors, 3).unwrap();
        for (ms, result) in calls {
            tally.settled(Settled {
                latency: Duration::from_millis(*ms),
                ended: Duration::from_millis(100 - ms),
                result: result.map_err(|message| Failure::new(Code::Unavailable, message)),
            });
        }
        tally
    }

    #[test]
    fn every_answer_counts_by_its_status_and_size_and_an_error_has_no_latency_unless_asked() {
        let calls = [(1, Ok(10)), (2, Err("gone")), (3, Ok(5))];
        let seen = tally(false, &calls);
        assert_eq!((seen.codes[0], seen.codes[14], seen.answer_bytes), (2, 1, 15));
        assert_eq!((seen.latency_ns.len(), seen.count(), seen.sum_ns), (2, 3, 6_000_000));
        assert_eq!((seen.fastest_ns, seen.slowest_ns), (1_000_000, 3_000_000));
        assert_eq!(tally(true, &calls).latency_ns.len(), 3);
    }

    #[test]
    fn what_threads_have_seen_adds_up_and_errors_keep_their_calls() {
        let mut all = tally(false, &[(9, Err("gone")), (1, Ok(1))]);
        all.add(tally(false, &[(5, Err("full")), (4, Err("gone")), (2, Ok(1))]));
        all.sort();
        let errors: Vec<_> = all.errors.iter().map(|error| (error.message.as_str(), error.calls)).collect();
        assert_eq!(errors, [("gone", 2), ("full", 1)]);
        let details: Vec<_> = all
            .details
            .iter()
            .map(|detail| (detail.latency_ns / 1_000_000, detail.error.map(|place| errors[place as usize].0)))
            .collect();
        assert_eq!(details, [(9, Some("gone")), (5, Some("full")), (4, Some("gone"))]);
        assert_eq!((all.fastest_ns, all.slowest_ns), (1_000_000, 2_000_000));
    }

    #[test]
    fn errors_that_all_differ_are_bounded() {
        let mut seen = Tally::new(false, 0).unwrap();
        for number in 0..2_000 {
            seen.settled(Settled {
                latency: Duration::ZERO,
                ended: Duration::ZERO,
                result: Err(Failure::new(Code::Internal, number.to_string())),
            });
        }
        assert_eq!((seen.errors.len(), seen.count()), (MOST_ERRORS + 1, 2_000));
        assert_eq!(seen.errors.last().unwrap().calls, 1_000);
    }

    #[test]
    fn every_latency_is_in_one_bucket() {
        let calls: Vec<_> = (1..=10).map(|ms| (ms, Ok(0))).collect();
        let seen = tally(false, &calls);
        assert_eq!(seen.buckets(&[1_000_000, 5_500_000, 10_000_000]).iter().sum::<u64>(), 10);
        assert_eq!(seen.buckets(&[2_500_000, 5_500_000, 10_000_000]), [2, 3, 5]);
    }
}
