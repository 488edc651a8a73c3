//! What a run of the load generator has seen, as Python asks for it.

use std::collections::BTreeMap;

use pyo3::prelude::*;

use crate::client::failure::Code;
use crate::load::run::{Ended, Outcome};
use crate::load::tally::Tally;

#[pyclass(frozen, module = "penstock._fastpath")]
pub struct LoadOutcome(pub Outcome);

impl LoadOutcome {
    fn tally(&self) -> &Tally {
        &self.0.tally
    }
}

#[pymethods]
impl LoadOutcome {
    #[getter]
    fn ended(&self) -> &'static str {
        match self.0.ended {
            Ended::Finished => "normal",
            Ended::TimeUp => "timeout",
            Ended::Cancelled => "cancel",
        }
    }

    #[getter]
    fn took_ns(&self) -> u128 {
        self.0.took.as_nanos()
    }

    #[getter]
    fn count(&self) -> u64 {
        self.tally().count()
    }

    #[getter]
    fn sum_ns(&self) -> u128 {
        self.tally().sum_ns
    }

    #[getter]
    fn fastest_ns(&self) -> u64 {
        self.tally().fastest_ns
    }

    #[getter]
    fn slowest_ns(&self) -> u64 {
        self.tally().slowest_ns
    }

    #[getter]
    fn latencies(&self) -> u64 {
        self.tally().latency_ns.len()
    }

    #[getter]
    fn answer_bytes(&self) -> u64 {
        self.tally().answer_bytes
    }

    #[getter]
    fn unsent(&self) -> u64 {
        self.tally().unsent
    }

    #[getter]
    fn statuses(&self) -> BTreeMap<&'static str, u64> {
        let counts = Code::ALL.into_iter().zip(self.tally().codes);
        counts.filter(|(_, calls)| *calls > 0).map(|(code, calls)| (code.name(), calls)).collect()
    }

    #[getter]
    fn errors(&self) -> Vec<(&'static str, &str, u64)> {
        let errors = self.tally().errors.iter();
        errors.map(|error| (error.code.name(), error.message.as_str(), error.calls)).collect()
    }

    fn latency_ns(&self, quantile: f64) -> u64 {
        let tally = self.tally();
        // What the histogram has rounded up is no slower than the slowest.
        tally.latency_ns.value_at_quantile(quantile).min(tally.slowest_ns)
    }

    fn lag_ns(&self, quantile: f64) -> u64 {
        self.tally().lag_ns.value_at_quantile(quantile)
    }

    fn buckets(&self, edges_ns: Vec<u64>) -> Vec<u64> {
        self.tally().buckets(&edges_ns)
    }

    /// `(ended_ns, latency_ns, code, place of its error or -1)` of each.
    fn details(&self) -> Vec<(u64, u64, &'static str, i64)> {
        let details = self.tally().details.iter();
        details
            .map(|detail| {
                let error = detail.error.map_or(-1, i64::from);
                (detail.ended_ns, detail.latency_ns, detail.code.name(), error)
            })
            .collect()
    }
}
