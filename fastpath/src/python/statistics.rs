//! What a model version has done so far, in the numbers that `ModelStatistics` asks for.

use pyo3::prelude::*;

use crate::metrics::{Histogram, ModelMetrics};
use crate::status::Code;

/// How often, and for how many nanoseconds together.
type Sum = (u64, u64);

#[pyclass(frozen, get_all, module = "penstock._fastpath")]
pub struct VersionStatistics {
    last_inference_ms: u64,
    rows: u64,
    batches: u64,
    success: Sum,
    fail: Sum,
    queue: Sum,
    compute_input: Sum,
    compute_infer: Sum,
    compute_output: Sum,
    by_batch_rows: Vec<(usize, u64, u64, u64, u64)>,
    judged: u64,
    failed: u64,
}

impl VersionStatistics {
    pub fn of(metrics: &ModelMetrics) -> Self {
        let statistics = &metrics.statistics;
        let sum = |histogram: &Histogram| {
            let seen = histogram.snapshot();
            (seen.count, seen.sum)
        };
        let answered: u64 = Code::ALL.into_iter().map(|code| metrics.requests(code)).sum();
        let successes = metrics.requests(Code::Ok);
        let runs = statistics.runs.get();
        let ran = metrics.batch_rows.snapshot();
        let (judged, failed) = metrics.judged();
        let by_rows = statistics.by_rows().into_iter();
        Self {
            last_inference_ms: statistics.last_ms.get(),
            rows: ran.sum,
            batches: ran.count,
            success: (successes, statistics.success_ns.get()),
            fail: (answered - successes, statistics.fail_ns.get()),
            queue: sum(&metrics.queue),
            compute_input: (runs, metrics.decode.snapshot().sum + statistics.pack_ns.get()),
            compute_infer: (runs, statistics.compute_ns.get()),
            compute_output: sum(&metrics.encode),
            by_batch_rows: by_rows
                .map(|(rows, sums)| (rows, sums.batches, sums.pack_ns, sums.compute_ns, sums.encode_ns))
                .collect(),
            judged,
            failed,
        }
    }
}
