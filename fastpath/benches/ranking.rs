//! Decoding and packing a ranking request: a user of 20 features, one of them a list of 50 ids, sent once as the context,
//! beside 500 candidates of 10 features.
//!
//! Three models take the same features: `mixed` has user and candidate side by side in its inputs, `apart` each in
//! inputs of its own, and `once` is `apart` with the user's inputs per request.

#![allow(clippy::expect_used, reason = "a benchmark ends where its input is wrong")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fastpath::engine::Model;
use fastpath::engine::run::tensors;
use fastpath::spec::ModelSpec;
use fastpath::wire::Writer;
use fastpath::wire::predict_request::PredictRequest;

const CANDIDATES: usize = 500;
const USER_FLOATS: usize = 10;
const USER_TEXTS: usize = 9;
const HISTORY: i64 = 50;
const ITEM_FLOATS: usize = 5;
const ITEM_TEXTS: usize = 5;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Mixed,
    Apart,
    Once,
}

fn model_toml(form: Form) -> String {
    let mut text = String::from("[[output]]\nname = \"score\"\ndatatype = \"FP32\"\n");
    let mut input = |name: &str, datatype: &str, keys: &str| {
        let _ = write!(text, "[[input]]\nname = \"{name}\"\ndatatype = \"{datatype}\"\n{keys}\n");
    };
    let once = if form == Form::Once { "per = \"request\"" } else { "" };
    if form != Form::Mixed {
        input("user_dense", "FP32", once);
        input("user_ids", "INT64", once);
    }
    if form == Form::Once {
        input("request", "INT64", "holds = \"request_index\"");
    }
    input("history", "INT64", once);
    input("dense", "FP32", "");
    input("ids", "INT64", "");
    let user = |input: &'static str| match (form, input) {
        (Form::Mixed, input) => input,
        (_, "dense") => "user_dense",
        _ => "user_ids",
    };
    let mut floats = |count: usize, name: &str, to: &str| {
        for i in 0..count {
            let _ = write!(
                text,
                "[[feature]]\nname = \"{name}_float_{i:02}\"\ntype = \"float\"\nmissing = 0.0\nto = \"{to}\"\n\
                 ops = [{{ standardize = {{ mean = 0.5, std = 2.0 }} }}]\n"
            );
        }
    };
    floats(USER_FLOATS, "user", user("dense"));
    floats(ITEM_FLOATS, "item", "dense");
    let mut texts = |count: usize, name: &str, to: &str| {
        for i in 0..count {
            let _ = write!(
                text,
                "[[feature]]\nname = \"{name}_text_{i:02}\"\ntype = \"string\"\nmissing = \"\"\nto = \"{to}\"\n\
                 ops = [{{ hash = {{ buckets = 100_000 }} }}]\n"
            );
        }
    };
    texts(USER_TEXTS, "user", user("ids"));
    texts(ITEM_TEXTS, "item", "ids");
    text.push_str(
        "[[feature]]\nname = \"history\"\ntype = \"int\"\nto = \"history\"\nlist = { max = 50 }\n\
         ops = [{ hash = { buckets = 100_000 } }]\n",
    );
    text
}

fn nested(number: u32, content: &[u8]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.bytes(number, content);
    writer.into_vec()
}

fn entry(name: &str, kind: u32, list: &[u8]) -> Vec<u8> {
    nested(1, &[nested(1, name.as_bytes()), nested(2, &nested(kind, list))].concat())
}

fn float(row: usize, i: usize) -> f32 {
    (row * 31 + i * 7) as f32 / 100.0
}

fn text(row: usize, i: usize) -> String {
    format!("value_{}", row * 31 + i * 7)
}

/// The entries of one side's features.
fn entries(name: &str, row: usize, floats: usize, texts: usize) -> Vec<u8> {
    let floats = (0..floats)
        .flat_map(|i| entry(&format!("{name}_float_{i:02}"), 2, &nested(1, &float(row, i).to_le_bytes())));
    let texts = (0..texts)
        .flat_map(|i| entry(&format!("{name}_text_{i:02}"), 1, &nested(1, text(row, i).as_bytes())));
    floats.chain(texts).collect()
}

fn context() -> Vec<u8> {
    let mut history = Writer::default();
    history.packed_int64(1, (0..HISTORY).map(|i| 100_000 + i * 977));
    let user = [entries("user", 9, USER_FLOATS, USER_TEXTS), entry("history", 3, history.as_slice())];
    nested(4, &nested(1, &user.concat()))
}

fn examples_request() -> Vec<u8> {
    let rows =
        (0..CANDIDATES).flat_map(|row| nested(5, &nested(1, &entries("item", row, ITEM_FLOATS, ITEM_TEXTS))));
    context().into_iter().chain(rows).collect()
}

fn columns_request() -> Vec<u8> {
    let mut out = context();
    for i in 0..ITEM_FLOATS {
        let values: Vec<u8> = (0..CANDIDATES).flat_map(|row| float(row, i).to_le_bytes()).collect();
        let name = format!("item_float_{i:02}");
        out.extend(nested(6, &[nested(1, name.as_bytes()), nested(2, &nested(1, &values))].concat()));
    }
    for i in 0..ITEM_TEXTS {
        let values: Vec<u8> = (0..CANDIDATES).flat_map(|row| nested(1, text(row, i).as_bytes())).collect();
        let name = format!("item_text_{i:02}");
        out.extend(nested(6, &[nested(1, name.as_bytes()), nested(6, &values)].concat()));
    }
    out
}

fn ranking(criterion: &mut Criterion) {
    let pool = Arc::default();
    let messages = [("examples", examples_request()), ("columns", columns_request())];
    for (name, form) in FORMS {
        let spec = ModelSpec::parse("bench", &model_toml(form), Vec::new()).expect("the spec is right");
        let model = Model::new(spec, 1).expect("the features are right");
        let mut group = criterion.benchmark_group(format!("ranking 500, {name}"));
        group.throughput(Throughput::Elements(CANDIDATES as u64));
        for (form, message) in &messages {
            let decode = |message: &[u8]| {
                let request = PredictRequest::parse(black_box(message)).expect("a request");
                model.decode_predict(&request, CANDIDATES).expect("rows")
            };
            group.bench_with_input(BenchmarkId::new("decode", form), message, |bench, message| {
                bench.iter(|| decode(message));
            });
            let block = decode(message);
            group.bench_with_input(BenchmarkId::new("pack", form), &block, |bench, block| {
                bench.iter(|| tensors(&model, &[black_box(block)], &pool).expect("tensors"));
            });
            group.bench_with_input(BenchmarkId::new("both", form), message, |bench, message| {
                bench.iter(|| tensors(&model, &[&decode(message)], &pool).expect("tensors"));
            });
        }
        group.finish();
    }
}

const FORMS: [(&str, Form); 3] = [("mixed", Form::Mixed), ("apart", Form::Apart), ("once", Form::Once)];

criterion_group!(benches, ranking);
criterion_main!(benches);
