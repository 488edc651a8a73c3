//! The queue and the encoding of answers, of 1 and of 64 requests with one row each.
//!
//! `queue`: requests are pushed with one lock, taken as one batch and settled; what they hold is made before.
//! `encode`: the messages of one score each, one after the other.

#![allow(clippy::expect_used, reason = "a benchmark ends where its input is wrong")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fastpath::batch::{Answer, Outbox, Queue, Reaper, Request, RunTimes, Settings};
use fastpath::features::{Column, RowBlock};
use fastpath::metrics::ModelMetrics;
use fastpath::wire::datatype::Datatype;
use fastpath::wire::infer_response::{self, OutputRows};
use fastpath::wire::predict_response;
use smallvec::smallvec;

const REQUESTS: [usize; 2] = [1, 64];
/// Of one row: 32 FP32 values.
const ROW_BYTES: usize = 128;
const SETTINGS: Settings = Settings {
    max_batch_rows: 1_024,
    max_queue_delay: Duration::ZERO,
    queue_capacity_rows: 65_536,
    instances: 1,
};

/// Where answers go to be freed.
struct Sink;

impl Outbox for Sink {
    fn deliver(&self, answers: Vec<Answer>) {
        drop(black_box(answers));
    }
}

fn request(queue: &Queue<()>, sink: &Arc<dyn Outbox>, token: usize) -> Request<()> {
    let now = Instant::now();
    let ticket = queue.ticket(Arc::clone(sink), token as u64, now, now + Duration::from_mins(5));
    let columns = smallvec![Column::Fixed { data: vec![0; ROW_BYTES], dims: smallvec![] }];
    let block = RowBlock { rows: 1, groups: 1, columns, shape_key: 0 };
    Request { block, reply: (), ticket, enqueued: now, decode_ns: 1_000, alone: false }
}

fn queue(criterion: &mut Criterion) {
    let reaper = Reaper::start().expect("a thread");
    let queue = Queue::new(SETTINGS, Arc::new(ModelMetrics::new("bench", 1, 1)), &reaper);
    let sink: Arc<dyn Outbox> = Arc::new(Sink);
    let mut group = criterion.benchmark_group("queue");
    for requests in REQUESTS {
        group.throughput(Throughput::Elements(requests as u64));
        group.bench_function(BenchmarkId::new("push, take, settle", requests), |bench| {
            bench.iter_batched(
                || (0..requests).map(|token| request(&queue, &sink, token)).collect::<Vec<_>>(),
                |made| {
                    let now = Instant::now();
                    queue.push_all(made.into_iter(), now, |_, status| panic!("{status:?}"));
                    let batch = queue.try_next(now).expect("requests wait");
                    assert_eq!(batch.rows(), requests);
                    batch.reply(RunTimes::default(), |_, _| Ok(Vec::new()));
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    let score = 0.5_f32.to_le_bytes();
    let outputs = [OutputRows { name: "score", datatype: Datatype::Fp32, rows: 1, dims: &[1], data: &score }];
    for requests in REQUESTS {
        group.throughput(Throughput::Elements(requests as u64));
        group.bench_function(BenchmarkId::new("ModelInfer", requests), |bench| {
            bench.iter(|| {
                for _ in 0..requests {
                    black_box(infer_response::encode("fraud", "1", "", black_box(&outputs)));
                }
            });
        });
        group.bench_function(BenchmarkId::new("Predict", requests), |bench| {
            bench.iter(|| {
                for _ in 0..requests {
                    black_box(predict_response::encode("features", "1", "", black_box(&outputs)).into_vec());
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, queue, encode);
criterion_main!(benches);
