//! What statistics of features cost: the 40-feature row of benches/decode.rs decoded with and without them, in turns.
//!
//! `cargo run --release --example feature_statistics_cost` prints the medians of 21 turns each. With a form, the rows, how many rows
//! one is looked at of (0: none) and the requests it only decodes so many, for a tool that counts instructions.

#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a measurement prints, and ends where its input is wrong"
)]

#[path = "../benches/decode.rs"]
#[allow(dead_code, reason = "the rows and the model are what is wanted of it")]
mod decode;

use std::hint::black_box;
use std::time::Instant;

use fastpath::engine::Model;
use fastpath::features::statistics::Observer;
use fastpath::wire::predict_request::PredictRequest;

const TURNS: usize = 21;
/// Of each turn, so that it takes some milliseconds and several rows are looked at.
const TURN_ROWS: usize = 12_800;
const EVERY: [u32; 4] = [0, 1_000, 200, 10];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |text: &String| text.parse::<usize>().expect("a number");
    let model = decode::model();
    if let [form, rows, every, requests] = arguments.as_slice() {
        let (rows, every) = (number(rows), u32::try_from(number(every)).expect("a small number"));
        let statistics = (every > 0).then(|| decode::statistics(&model, every));
        let observer = statistics.as_ref().map(|statistics| statistics as &dyn Observer);
        return run(&model, &request(form, rows), rows, observer, number(requests));
    }
    for form in ["examples", "columns"] {
        for rows in [1, 64] {
            compare(&model, form, rows);
        }
    }
}

/// One line for a form: nanoseconds a row without statistics, and what each rate adds.
fn compare(model: &Model, form: &str, rows: usize) {
    let message = request(form, rows);
    let statistics = EVERY.map(|every| (every > 0).then(|| decode::statistics(model, every)));
    let mut times = EVERY.map(|_| Vec::with_capacity(TURNS));
    for _ in 0..TURNS {
        for (times, statistics) in times.iter_mut().zip(&statistics) {
            let observer = statistics.as_ref().map(|statistics| statistics as &dyn Observer);
            let began = Instant::now();
            run(model, &message, rows, observer, TURN_ROWS / rows);
            times.push(began.elapsed().as_secs_f64() * 1e9 / TURN_ROWS as f64);
        }
    }
    let median = |mut times: Vec<f64>| {
        times.sort_unstable_by(f64::total_cmp);
        times[TURNS / 2]
    };
    let [without, rest @ ..] = times.map(median);
    print!("{form:9} {rows:3} rows: {without:7.1} ns a row");
    for (every, with) in EVERY.iter().skip(1).zip(rest) {
        print!(", one in {every}: {:+.1} %", (with / without - 1.0) * 100.0);
    }
    println!();
}

fn run(model: &Model, message: &[u8], rows: usize, observer: Option<&dyn Observer>, requests: usize) {
    for _ in 0..requests {
        let request = PredictRequest::parse(black_box(message)).expect("a request");
        black_box(model.decode_predict_watched(&request, rows, observer).expect("rows"));
    }
}

fn request(form: &str, rows: usize) -> Vec<u8> {
    if form == "columns" { decode::columns_request(rows) } else { decode::examples_request(rows) }
}
