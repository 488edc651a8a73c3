//! The fast door before the 40-feature row of benches/decode.rs, with a model that answers zeros on one thread: all that a
//! request costs but Python and torch, for tools that count instructions or take samples.
//!
//! `feature_door FILE` writes a request to FILE, as h2load sends it with `-d`, prints the port and serves Predict until its
//! standard input ends; then it prints how many rows ran in how many batches. docs/performance.md says how it is used.

#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a measurement prints, and ends where its input is wrong"
)]

#[path = "../benches/decode.rs"]
#[allow(dead_code, reason = "the rows and the model are what is wanted of it")]
mod decode;

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use fastpath::batch::{BufferPool, RunTimes};
use fastpath::door::{Door, Settings, Upstream};
use fastpath::engine::reply::{Batch, OutputTensor};
use fastpath::engine::run::tensors;
use fastpath::engine::{Engine, Route, Timeouts, Version};
use fastpath::grpc::Encoding;

/// The extension's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The server's default.
const STATISTICS_EVERY: u32 = 250;
const TIMEOUT: Duration = Duration::from_mins(5);

fn main() {
    let file = std::env::args().nth(1).expect("usage: feature_door FILE");
    std::fs::write(file, framed(&request())).expect("the file can be written");
    let timeouts = Timeouts { default: TIMEOUT, max: TIMEOUT };
    let engine = Engine::start(timeouts, "example").expect("a thread");
    let engine = Arc::new(engine.with_feature_statistics(STATISTICS_EVERY));
    let version = engine.add_version(decode::model());
    engine.routes.add(Route::to(Arc::clone(&version)));
    let upstream = Upstream::Unix(PathBuf::from("/nowhere"));
    let door = Door::open("127.0.0.1:0", &engine, settings(), &upstream, None).expect("a port");
    let serving = Arc::clone(&version);
    let model = thread::spawn(move || run(&serving));
    println!("{}", door.address().port());
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    door.stop(Duration::ZERO);
    version.queue.close();
    let (rows, batches) = model.join().expect("the model's thread");
    println!("{rows} rows in {batches} batches");
}

/// A `PredictRequest` of one row for the model.
fn request() -> Vec<u8> {
    [b"\x0a\x05bench", decode::examples_request(1).as_slice()].concat()
}

/// A message as gRPC sends it.
fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("a small message");
    [&[0], length.to_be_bytes().as_slice(), message].concat()
}

/// The server's defaults, with one I/O thread as on two cores.
fn settings() -> Settings {
    Settings {
        io_threads: 1,
        pin_threads: false,
        max_receive_bytes: 4 << 20,
        max_concurrent_streams: 100,
        max_stream_in_flight: 32,
        max_connections: 1_000,
        max_connection_age: Duration::from_hours(1),
        response_encoding: Encoding::Identity,
    }
}

/// Answers zeros until the version is gone; gives the rows and the batches.
fn run(version: &Arc<Version>) -> (usize, usize) {
    let pool: Arc<BufferPool> = Arc::default();
    let (mut all, mut batches) = (0, 0);
    while let Some(batch) = version.queue.next_batch() {
        let packed = tensors(&version.model, &batch.blocks(), &pool).expect("rows that fit together");
        let rows = batch.rows();
        let scores = vec![0; 4 * rows];
        let outputs = [OutputTensor { dims: &[], data: &scores }];
        drop(packed);
        let times = RunTimes::default();
        let answers = Batch {
            outputs: &outputs,
            rows,
            pack: times.pack,
            compute: times.compute,
            taken: batch.taken(),
            max_send_bytes: 4 << 20,
        };
        batch.reply(times, |request, rows| answers.encode(request, rows));
        (all, batches) = (all + rows, batches + 1);
    }
    (all, batches)
}
