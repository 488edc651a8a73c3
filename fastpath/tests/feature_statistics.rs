//! Statistics of features, of rows in every form that requests have.
#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

mod wire_messages;

use std::time::{Duration, Instant};

use fastpath::engine::Model;
use fastpath::features::statistics::{Baseline, FeatureReading, FeatureStatistics, Reading, Recorder};
use fastpath::spec::ModelSpec;
use fastpath::wire::infer_request::InferRequest;
use fastpath::wire::predict_request::PredictRequest;
use parking_lot::Mutex;
use wire_messages::{example, floats, ints, nested, texts};

const MODEL: &str = r#"
    [[input]]
    name = "dense"
    datatype = "FP32"
    [[input]]
    name = "ids"
    datatype = "INT64"
    [[output]]
    name = "score"
    datatype = "FP32"

    [[feature]]
    name = "amount"
    type = "float"
    missing = 7.0
    ops = [{ clip = { min = 0.0, max = 100.0 } }]
    to = "dense"
    [[feature]]
    name = "country"
    type = "string"
    ops = [{ vocab = { values = ["CH", "DE"], oov_buckets = 1 } }]
    to = "ids"
    [[feature]]
    name = "age"
    type = "int"
    missing = 30
    ops = [{ bucketize = { boundaries = [18, 65] } }]
    to = "ids"
    [[feature]]
    name = "items"
    type = "int"
    list = { max = 2 }
    ops = [{ hash = { buckets = 10 } }]
    to = "ids"
    [[feature]]
    name = "slot"
    type = "int"
    missing = 0
    ops = [{ identity = { size = 3 } }]
    to = "ids"
"#;

fn model() -> Model {
    Model::new(ModelSpec::parse("m", MODEL, Vec::new()).unwrap(), 1).unwrap()
}

fn watched(model: &Model, baseline: Option<Baseline>) -> FeatureStatistics {
    FeatureStatistics::new(model.program.as_ref().unwrap(), baseline, 1)
}

fn predict(model: &Model, statistics: &FeatureStatistics, message: &[u8]) {
    let request = PredictRequest::parse(message).unwrap();
    match model.decode_predict_watched(&request, 4_096, Some(statistics)) {
        Ok(_) => {}
        Err(error) => statistics.refuse(model.program.as_ref().unwrap(), &error),
    }
}

fn of<'r>(model: &Model, reading: &'r Reading, name: &str) -> &'r FeatureReading {
    let fields = &model.program.as_ref().unwrap().fields;
    let place = fields.iter().position(|field| field.name == name).unwrap();
    &reading.features[place]
}

/// Four rows: amounts 1, 120, none, −3; countries CH, XX, CH, DE; items of 1, 0, 2 and 100 values; ages 10, none, 30, 65.
fn examples() -> Vec<u8> {
    let many: Vec<i64> = (0..100).collect();
    let rows = [
        example(&[
            ("amount", floats(&[1.0])),
            ("country", texts(&["CH"])),
            ("age", ints(&[10])),
            ("items", ints(&[4])),
        ]),
        example(&[("amount", floats(&[120.0])), ("country", texts(&["XX"])), ("items", ints(&[]))]),
        example(&[("country", texts(&["CH"])), ("age", ints(&[30])), ("items", ints(&[4, 5]))]),
        example(&[
            ("amount", floats(&[-3.0])),
            ("country", texts(&["DE"])),
            ("age", ints(&[65])),
            ("items", ints(&many)),
        ]),
    ];
    rows.iter().flat_map(|row| nested(5, row)).collect()
}

/// The same rows as columns.
fn columns() -> Vec<u8> {
    let amounts: Vec<u8> = [1f32, 120.0, 0.0, -3.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    let countries: Vec<u8> =
        ["CH", "XX", "CH", "DE"].iter().flat_map(|text| nested(1, text.as_bytes())).collect();
    let ages: Vec<u8> = [10u8, 0, 30, 65].into();
    let items: Vec<u8> = [4, 4, 5].into_iter().chain(0..100).collect();
    let column = |name: &str, values: Vec<u8>, rest: &[u8]| {
        nested(6, &[nested(1, name.as_bytes()), values, rest.to_vec()].concat())
    };
    [
        column("amount", nested(2, &nested(1, &amounts)), &nested(9, &[0b1011])),
        column("country", nested(6, &countries), &[]),
        column("age", nested(4, &nested(1, &ages)), &nested(9, &[0b1101])),
        column("items", nested(4, &nested(1, &items)), &nested(8, &[1, 0, 2, 100])),
    ]
    .concat()
}

#[test]
fn examples_and_columns_tell_the_same() {
    let model = model();
    let tell = |message: &[u8]| {
        let statistics = watched(&model, None);
        predict(&model, &statistics, message);
        statistics.read(Instant::now())
    };
    let (examples, columns) = (tell(&examples()), tell(&columns()));
    for reading in [&examples, &columns] {
        assert_eq!((reading.since_load.rows, reading.since_load.sampled_rows), (4, 4));
        let amount = &of(&model, reading, "amount").since_load;
        assert_eq!((amount.rows, amount.counts.defaults, amount.counts.values), (4, 1, 3));
        assert_eq!((amount.counts.clipped, amount.counts.out_of_range), (2, 2));
        assert_eq!((amount.min, amount.max), (Some(-3.0), Some(120.0)));
        assert!((amount.mean.unwrap() - 118.0 / 3.0).abs() < 1e-12);
        let country = &of(&model, reading, "country").since_load.counts;
        assert_eq!((country.values, country.unknown, country.defaults), (4, 1, 0));
        let age = &of(&model, reading, "age").since_load.counts;
        assert_eq!((age.values, age.outside_boundaries, age.out_of_range), (3, 2, 2));
        // Of the hundred, every second is looked at.
        let items = &of(&model, reading, "items").since_load.counts;
        assert_eq!((items.sent, items.values, items.defaults), (103, 53, 0));
        let slot = &of(&model, reading, "slot").since_load.counts;
        assert_eq!((slot.values, slot.defaults), (0, 4));
    }
    for (left, right) in examples.features.iter().zip(&columns.features) {
        assert_eq!(left.since_load, right.since_load);
        assert_eq!(left.window, right.since_load);
    }
}

#[test]
fn json_rows_tell_the_same_as_examples() {
    let model = model();
    let many = (0..100).map(|item| item.to_string()).collect::<Vec<_>>().join(",");
    let last = format!(r#"{{"amount":-3.0,"country":"DE","age":65,"items":[{many}]}}"#);
    let rows = [
        r#"{"amount":1.0,"country":"CH","age":10,"items":[4]}"#,
        r#"{"amount":120.0,"country":"XX","age":null,"items":[]}"#,
        r#"{"country":"CH","age":30,"items":[4,5]}"#,
        &last,
    ];
    let (json, wire) = (watched(&model, None), watched(&model, None));
    model.decode_json_watched(None, &rows, Some(&json)).unwrap();
    predict(&model, &wire, &examples());
    let (json, wire) = (json.read(Instant::now()), wire.read(Instant::now()));
    for (left, right) in json.features.iter().zip(&wire.features) {
        assert_eq!(left.since_load, right.since_load);
    }
    let with_context = watched(&model, None);
    let context = Some(r#"{"country":"XX"}"#);
    model.decode_json_watched(context, &[r#"{"amount":1}"#, "{}"], Some(&with_context)).unwrap();
    let reading = with_context.read(Instant::now());
    assert_eq!(of(&model, &reading, "country").since_load.counts.unknown, 2);
}

#[test]
fn what_is_beyond_a_range_counts_as_out_of_range_and_where_it_is_missing_as_a_default() {
    let text = MODEL.replace(
        "missing = 7.0",
        "missing = 7.0\n    range = { min = 0.0, max = 10.0, outside = \"missing\" }",
    );
    let model = Model::new(ModelSpec::parse("m", &text, Vec::new()).unwrap(), 1).unwrap();
    let statistics = watched(&model, None);
    predict(&model, &statistics, &amounts([5.0, 11.0].into_iter()));
    let counts = of(&model, &statistics.read(Instant::now()), "amount").since_load.counts;
    assert_eq!((counts.values, counts.out_of_range, counts.defaults), (2, 1, 1));
}

#[test]
fn tensors_are_looked_at_too() {
    let model = model();
    let statistics = watched(&model, None);
    let input = |name: &str, datatype: &str| {
        let shape = nested(3, &[2]);
        nested(5, &[nested(1, name.as_bytes()), nested(2, datatype.as_bytes()), shape].concat())
    };
    let countries: Vec<u8> = [[2u8, 0, 0, 0], [2, 0, 0, 0]]
        .iter()
        .zip([b"CH", b"XX"])
        .flat_map(|(length, text)| [&length[..], text].concat())
        .collect();
    let amounts: Vec<u8> = [5f64, f64::NAN].iter().flat_map(|value| value.to_le_bytes()).collect();
    let message =
        [input("amount", "FP64"), input("country", "BYTES"), nested(7, &amounts), nested(7, &countries)]
            .concat();
    let request = InferRequest::parse(&message).unwrap();
    model.decode_infer_watched(&request, Some(&statistics)).unwrap();
    let reading = statistics.read(Instant::now());
    let amount = &of(&model, &reading, "amount").since_load;
    assert_eq!((amount.rows, amount.counts.values, amount.counts.not_finite), (2, 2, 1));
    assert_eq!((amount.mean, amount.min), (Some(5.0), Some(5.0)));
    assert_eq!(of(&model, &reading, "country").since_load.counts.unknown, 1);
}

#[test]
fn what_the_context_says_counts_for_each_row() {
    let model = model();
    let statistics = watched(&model, None);
    let context = nested(4, &example(&[("country", texts(&["XX"]))]));
    let rows: Vec<u8> =
        [1.0, 2.0, 3.0].iter().flat_map(|v| nested(5, &example(&[("amount", floats(&[*v]))]))).collect();
    predict(&model, &statistics, &[context, rows].concat());
    let reading = statistics.read(Instant::now());
    let country = &of(&model, &reading, "country").since_load.counts;
    assert_eq!((country.values, country.unknown, country.defaults), (3, 3, 0));
}

#[test]
fn refused_calls_are_counted_by_feature_and_reason_and_looked_at_no_further() {
    let model = model();
    let statistics = watched(&model, None);
    let row = |features: &[(&str, Vec<u8>)]| nested(5, &example(features));
    let country = ("country", texts(&["CH"]));
    predict(
        &model,
        &statistics,
        &[row(std::slice::from_ref(&country)), row(&[("amount", floats(&[1.0]))])].concat(),
    );
    predict(&model, &statistics, &row(&[country.clone(), ("slot", ints(&[3]))]));
    predict(&model, &statistics, &row(&[country.clone(), ("amount", texts(&["x"]))]));
    predict(&model, &statistics, &row(&[country]));
    let reading = statistics.read(Instant::now());
    assert_eq!(of(&model, &reading, "country").refused, [1, 0, 0, 0]);
    assert_eq!(of(&model, &reading, "slot").refused, [0, 1, 0, 0]);
    assert_eq!(of(&model, &reading, "amount").refused, [0, 0, 0, 1]);
    assert_eq!((reading.since_load.rows, reading.since_load.sampled_rows), (1, 1));
    // One row was decoded and had it, one was refused for want of it.
    let country = &of(&model, &reading, "country").since_load;
    assert!((country.missing_ratio - 0.5).abs() < 1e-12 && country.counts.defaults == 0);
}

fn amounts(values: impl Iterator<Item = f32>) -> Vec<u8> {
    let country = ("country", texts(&["CH"]));
    values.flat_map(|value| nested(5, &example(&[("amount", floats(&[value])), country.clone()]))).collect()
}

fn trained(model: &Model, message: &[u8]) -> Baseline {
    let program = model.program.as_ref().unwrap();
    let recorder = Mutex::new(Recorder::new(program));
    let request = PredictRequest::parse(message).unwrap();
    model.decode_predict_watched(&request, 65_536, Some(&recorder)).unwrap();
    let text = recorder.lock().baseline(program).text();
    Baseline::parse(&text, program).unwrap()
}

#[test]
fn drift_from_training_is_told_once_enough_rows_have_come() {
    let model = model();
    let baseline = trained(&model, &amounts((0u16..4_000).map(|place| f32::from(place % 100))));
    assert_eq!(baseline.rows, 4_000);
    let statistics = watched(&model, Some(baseline));
    predict(&model, &statistics, &amounts((0u16..999).map(|place| f32::from(place % 100))));
    assert_eq!(of(&model, &statistics.read(Instant::now()), "amount").window.drift, None);
    predict(&model, &statistics, &amounts(std::iter::once(50.0)));
    let reading = statistics.read(Instant::now());
    let drift = of(&model, &reading, "amount").window.drift.unwrap();
    assert!(drift.psi < 0.01 && drift.rows == 1_000, "{drift:?}");
    // 9 of a 1000 by chance, and 9 of 4000.
    assert!((drift.by_chance - 9.0 * (1.0 / 1_000.0 + 1.0 / 4_000.0)).abs() < 1e-9);
    // All now lie in the upper half, and 20 of 1000 above all of training.
    predict(&model, &statistics, &amounts((0u16..3_000).map(|place| 52.0 + f32::from(place % 50))));
    let reading = statistics.read(Instant::now());
    let amount = of(&model, &reading, "amount");
    assert!(amount.window.drift.unwrap().psi > 0.25, "{:?}", amount.window.drift);
    assert_eq!(amount.window.counts.outside_training, 120);
    assert_eq!(amount.training.as_ref().unwrap().max, Some(99.0));
    // All countries are that of training; nothing is known of a feature without values.
    assert!(of(&model, &reading, "country").window.drift.unwrap().psi < 1e-3);
    assert_eq!(of(&model, &reading, "slot").window.drift, None);
}

#[test]
fn the_window_forgets_what_is_older_than_an_hour_and_the_rest_remembers() {
    let model = model();
    let statistics = watched(&model, None);
    predict(&model, &statistics, &amounts([1.0, 2.0].into_iter()));
    let now = Instant::now();
    let told = |after: u64| {
        let reading = statistics.read(now + Duration::from_mins(after));
        (reading.window.sampled_rows, reading.since_load.sampled_rows, reading.since_load.rows)
    };
    assert_eq!(told(0), (2, 2, 2));
    assert_eq!(told(15), (2, 2, 2));
    assert_eq!(told(55), (2, 2, 2));
    assert_eq!(told(61), (0, 2, 2));
    assert_eq!(told(10_000), (0, 2, 2));
    let reading = statistics.read(now + Duration::from_mins(10_001));
    assert!(reading.window.duration <= Duration::from_hours(1), "{:?}", reading.window.duration);
    assert_eq!(of(&model, &reading, "amount").since_load.max, Some(2.0));
    assert_eq!(of(&model, &reading, "amount").window.max, None);
}

#[test]
fn memory_is_bounded_whatever_comes() {
    let model = model();
    let baseline = trained(&model, &amounts((0u16..4_000).map(f32::from)));
    let statistics = watched(&model, Some(baseline));
    let now = Instant::now();
    for slice in 0..14 {
        for part in 0u16..10 {
            predict(
                &model,
                &statistics,
                &amounts((0u16..4_000).map(|place| f32::from(place) + f32::from(part))),
            );
        }
        drop(statistics.read(now + Duration::from_mins(10 * slice)));
    }
    // Two numeric features, of which one has values, in seven tallies; docs/feature-statistics.md says 64 kB.
    let bytes = statistics.size_bytes();
    assert!(bytes < 64 * 1024 + 5 * 7 * 1024, "{bytes} bytes");
}

#[test]
fn threads_lose_no_row_that_they_do_not_count_as_dropped() {
    let model = model();
    let statistics = watched(&model, None);
    let message = amounts((0u16..64).map(f32::from));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..200).for_each(|_| predict(&model, &statistics, &message)));
        }
        scope.spawn(|| (0..50).for_each(|_| drop(statistics.read(Instant::now()))));
    });
    let reading = statistics.read(Instant::now());
    assert_eq!(reading.since_load.rows, 4 * 200 * 64);
    assert_eq!(reading.since_load.sampled_rows + reading.dropped_rows, 4 * 200 * 64);
    let amount = &of(&model, &reading, "amount").since_load;
    assert_eq!(amount.counts.values, reading.since_load.sampled_rows);
    assert!((amount.mean.unwrap() - 31.5).abs() < 1e-9);
}
