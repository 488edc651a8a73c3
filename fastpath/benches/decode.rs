//! Decoding and packing the 40-feature row: 20 floats standardized, 15 strings hashed, 5 lists of 20 ints hashed,
//! about 1.6 kB as tf.Example. The figure to reach is 1 µs a row on one core.

#![allow(clippy::expect_used, reason = "a benchmark ends where its input is wrong")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fastpath::engine::Model;
use fastpath::engine::run::tensors;
use fastpath::features::statistics::{FeatureStatistics, Observer, Recorder};
use fastpath::spec::ModelSpec;
use fastpath::wire::Writer;
use fastpath::wire::predict_request::PredictRequest;
use parking_lot::Mutex;

const FLOATS: usize = 20;
const STRINGS: usize = 15;
const LISTS: usize = 5;
const LIST_LEN: u8 = 20;

fn model_toml() -> String {
    let mut text = String::from(
        r#"
        [[input]]
        name = "dense"
        datatype = "FP32"
        [[input]]
        name = "ids"
        datatype = "INT64"
        [[input]]
        name = "lists"
        datatype = "INT64"
        [[output]]
        name = "score"
        datatype = "FP32"
        "#,
    );
    for i in 0..FLOATS {
        let _ = write!(
            text,
            "[[feature]]\nname = \"float_feature_{i:02}\"\ntype = \"float\"\nmissing = 0.0\nto = \"dense\"\n\
             ops = [{{ standardize = {{ mean = 0.5, std = 2.0 }} }}]\n"
        );
    }
    for i in 0..STRINGS {
        let _ = write!(
            text,
            "[[feature]]\nname = \"string_feature_{i:02}\"\ntype = \"string\"\nmissing = \"\"\nto = \"ids\"\n\
             ops = [{{ hash = {{ buckets = 100_000 }} }}]\n"
        );
    }
    for i in 0..LISTS {
        let _ = write!(
            text,
            "[[feature]]\nname = \"list_feature_{i:02}\"\ntype = \"int\"\nto = \"lists\"\n\
             list = {{ max = {LIST_LEN} }}\nops = [{{ hash = {{ buckets = 100_000 }} }}]\n"
        );
    }
    text
}

/// A small deterministic generator, so that each row differs.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

fn nested(number: u32, content: &[u8]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.bytes(number, content);
    writer.into_vec()
}

/// Ids below a million, as three bytes on the wire nearly always.
fn list(random: &mut Random) -> impl Iterator<Item = i64> + Clone {
    let values: Vec<i64> = (0..LIST_LEN).map(|_| (random.next() % 1_000_000).cast_signed()).collect();
    values.into_iter()
}

fn example_row(random: &mut Random) -> Vec<u8> {
    let mut features = Vec::new();
    let mut entry = |name: String, kind: u32, list: &[u8]| {
        let entry = [nested(1, name.as_bytes()), nested(2, &nested(kind, list))].concat();
        features.extend(nested(1, &entry));
    };
    for i in 0..FLOATS {
        let value = (random.next() % 1000) as f32 / 100.0;
        entry(format!("float_feature_{i:02}"), 2, &nested(1, &value.to_le_bytes()));
    }
    for i in 0..STRINGS {
        let value = format!("value_{}", random.next() % 100_000);
        entry(format!("string_feature_{i:02}"), 1, &nested(1, value.as_bytes()));
    }
    for i in 0..LISTS {
        let mut packed = Writer::default();
        packed.packed_int64(1, list(random));
        entry(format!("list_feature_{i:02}"), 3, packed.as_slice());
    }
    nested(1, &features)
}

pub(crate) fn examples_request(rows: usize) -> Vec<u8> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    (0..rows).flat_map(|_| nested(5, &example_row(&mut random))).collect()
}

pub(crate) fn columns_request(rows: usize) -> Vec<u8> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut out = Vec::new();
    for i in 0..FLOATS {
        let values: Vec<u8> = (0..rows).flat_map(|_| ((random.next() % 1000) as f32).to_le_bytes()).collect();
        let name = format!("float_feature_{i:02}");
        out.extend(nested(6, &[nested(1, name.as_bytes()), nested(2, &nested(1, &values))].concat()));
    }
    for i in 0..STRINGS {
        let values: Vec<u8> = (0..rows)
            .flat_map(|_| nested(1, format!("value_{}", random.next() % 100_000).as_bytes()))
            .collect();
        let name = format!("string_feature_{i:02}");
        out.extend(nested(6, &[nested(1, name.as_bytes()), nested(6, &values)].concat()));
    }
    for i in 0..LISTS {
        let values: Vec<u8> = (0..rows)
            .flat_map(|_| list(&mut random).flat_map(i64::to_le_bytes).collect::<Vec<_>>())
            .collect();
        let lengths = vec![LIST_LEN; rows];
        let name = format!("list_feature_{i:02}");
        let column =
            [nested(1, name.as_bytes()), nested(5, &nested(1, &values)), nested(8, &lengths)].concat();
        out.extend(nested(6, &column));
    }
    out
}

pub(crate) fn model() -> Model {
    let spec = ModelSpec::parse("bench", &model_toml(), Vec::new()).expect("the spec is right");
    Model::new(spec, 1).expect("the features are right")
}

fn decode(criterion: &mut Criterion) {
    let model = model();
    let pool = Arc::default();
    let mut group = criterion.benchmark_group("decode and pack");
    for rows in [1, 64] {
        group.throughput(Throughput::Elements(rows as u64));
        for (form, message) in [("examples", examples_request(rows)), ("columns", columns_request(rows))] {
            group.bench_with_input(BenchmarkId::new(form, rows), &message, |bench, message| {
                bench.iter(|| {
                    let request = PredictRequest::parse(black_box(message)).expect("a request");
                    let block = model.decode_predict(&request, rows).expect("rows");
                    tensors(&model, &[&block], &pool).expect("tensors")
                });
            });
        }
    }
    group.finish();
}

/// A baseline of the rows that are decoded, so that nothing of the statistics is left out.
pub(crate) fn statistics(model: &Model, every: u32) -> FeatureStatistics {
    let program = model.program.as_ref().expect("features");
    let recorder = Mutex::new(Recorder::new(program));
    let message = examples_request(1_000);
    let request = PredictRequest::parse(&message).expect("a request");
    model.decode_predict_watched(&request, 1_000, Some(&recorder)).expect("rows");
    let baseline = recorder.lock().baseline(program);
    FeatureStatistics::new(program, Some(baseline), every)
}

/// The same with statistics of the features, from one row in so many; 0: without, beside them in the same run.
fn decode_watched(criterion: &mut Criterion) {
    let model = model();
    let mut group = criterion.benchmark_group("feature statistics");
    for rows in [1, 64] {
        group.throughput(Throughput::Elements(rows as u64));
        for (form, message) in [("examples", examples_request(rows)), ("columns", columns_request(rows))] {
            for every in [0, 200, 1] {
                let statistics = (every > 0).then(|| statistics(&model, every));
                let observer = statistics.as_ref().map(|statistics| statistics as &dyn Observer);
                let id = BenchmarkId::new(format!("{form} {rows}"), every);
                group.bench_with_input(id, &message, |bench, message| {
                    bench.iter(|| {
                        let request = PredictRequest::parse(black_box(message)).expect("a request");
                        model.decode_predict_watched(&request, rows, observer).expect("rows")
                    });
                });
            }
        }
    }
    group.finish();
}

criterion_group!(benches, decode, decode_watched);
criterion_main!(benches);
