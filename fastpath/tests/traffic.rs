//! Which version of a model answers a call: labels, the stable version, and a canary, through the engine.
#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

mod wire_messages;

use std::sync::Arc;
use std::time::{Duration, Instant};

use fastpath::batch::{Answer, Outbox};
use fastpath::engine::traffic::{Canary, Traffic};
use fastpath::engine::{Caller, Engine, Method, Model, RowsRequest, Timeouts, Version};
use fastpath::spec::ModelSpec;
use fastpath::status::{Code, Status};
use wire_messages::{example, floats, input, ints, nested};

struct Nobody;

impl Outbox for Nobody {
    fn deliver(&self, _: Vec<Answer>) {}
}

fn caller() -> Caller {
    Caller { outbox: Arc::new(Nobody), token: 0, timeout: None }
}

fn engine() -> Engine {
    let timeouts = Timeouts { default: Duration::from_mins(10), max: Duration::from_mins(10) };
    Engine::start(timeouts, "test").unwrap()
}

fn add(engine: &Engine, name: &str, number: u64) -> Arc<Version> {
    let text = match name {
        "plain" => include_str!("models/tensors.toml"),
        _ => include_str!("models/every_form.toml"),
    };
    let spec = ModelSpec::parse(name, text, Vec::new()).unwrap();
    let version = engine.add_version(Model::new(spec, number).unwrap());
    engine.route(Arc::clone(&version));
    version
}

fn traffic(labels: &[(&str, u64)], canary: Option<(u64, f64)>) -> Traffic {
    let labels = labels.iter().map(|(label, version)| ((*label).to_owned(), *version)).collect();
    Traffic { labels, canary: canary.map(|(version, weight)| Canary { version, weight }) }
}

/// `plain` by tensors, with more fields of the request.
fn infer(more: &[u8]) -> Vec<u8> {
    let row: Vec<u8> = [1.0_f32, 2.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    let request = [
        nested(1, b"plain"),
        more.to_vec(),
        input("x", "FP32", &[1, 2]),
        input("mask", "BOOL", &[1, 1]),
        nested(7, &row),
        nested(7, &[1]),
    ];
    request.concat()
}

/// `fraud` by features.
fn predict(more: &[u8]) -> Vec<u8> {
    let row = example(&[("amount", floats(&[2.0])), ("items", ints(&[4, 5]))]);
    [nested(1, b"fraud"), more.to_vec(), nested(5, &row)].concat()
}

fn parameter(name: &str, value: &[u8]) -> Vec<u8> {
    nested(4, &[nested(1, name.as_bytes()), nested(2, value)].concat())
}

/// The requests that wait for a version; takes them.
fn queued(version: &Version) -> usize {
    let mut rows = 0;
    while let Some(batch) = version.queue.try_next(Instant::now()) {
        rows += batch.rows();
    }
    rows
}

/// How many of 1,000 submissions meet each of two versions.
fn met(versions: &[Arc<Version>; 2], mut submit: impl FnMut(usize)) -> [usize; 2] {
    (0..1_000).for_each(&mut submit);
    [queued(&versions[0]), queued(&versions[1])]
}

#[test]
fn calls_without_a_version_are_shared_by_weight_and_named_versions_are_obeyed() {
    let engine = engine();
    let versions = [add(&engine, "plain", 7), add(&engine, "plain", 8)];
    engine.routes.set_traffic("plain", traffic(&[("stable", 7), ("new", 8)], Some((8, 0.1))));
    let shares = |more: &[u8]| {
        met(&versions, |_| drop(engine.submit(Method::ModelInfer, &infer(more), caller()).unwrap()))
    };
    let [stable, canary] = shares(b"");
    assert!((95..=105).contains(&canary), "{canary}");
    assert_eq!(stable + canary, 1_000);
    for (asked, expected) in
        [("7", [1_000, 0]), ("8", [0, 1_000]), ("stable", [1_000, 0]), ("new", [0, 1_000])]
    {
        assert_eq!(shares(&nested(2, asked.as_bytes())), expected, "{asked}");
    }
}

#[test]
fn a_key_meets_the_same_version_in_every_form_of_request() {
    let engine = engine();
    let plain = [add(&engine, "plain", 7), add(&engine, "plain", 8)];
    let fraud = [add(&engine, "fraud", 7), add(&engine, "fraud", 8)];
    for name in ["plain", "fraud"] {
        engine.routes.set_traffic(name, traffic(&[], Some((8, 0.5))));
    }
    let mut both = [false; 2];
    for key in (0..20).map(|key| format!("user-{key}")) {
        let value = nested(3, key.as_bytes());
        let with_key = parameter("penstock-routing-key", &value);
        let by_tensors =
            met(&plain, |_| drop(engine.submit(Method::ModelInfer, &infer(&with_key), caller()).unwrap()));
        assert!(by_tensors.contains(&1_000), "{key}: {by_tensors:?}");
        let with_key = predict(&nested(10, key.as_bytes()));
        let by_features = met(&fraud, |_| drop(engine.submit(Method::Predict, &with_key, caller()).unwrap()));
        assert!(by_features.contains(&1_000), "{key}: {by_features:?}");
        let row = ["{\"amount\": 2.0, \"items\": [4, 5]}"];
        let rows =
            RowsRequest { model_name: "fraud", rows: &row, routing_key: &key, ..RowsRequest::default() };
        let by_rows = met(&fraud, |_| drop(engine.submit_rows(&rows, caller(), Instant::now()).unwrap()));
        assert_eq!(by_rows, by_features, "{key}");
        both[usize::from(by_features[1] > 0)] = true;
    }
    assert_eq!(both, [true; 2], "some keys meet the canary, some do not");
}

#[test]
fn a_key_that_is_no_text_is_refused_with_its_field() {
    let engine = engine();
    add(&engine, "plain", 7);
    let message = infer(&parameter("penstock-routing-key", &[0x10, 7]));
    let status = engine.submit(Method::ModelInfer, &message, caller()).map(drop).unwrap_err();
    assert_eq!(status.code, Code::InvalidArgument);
    assert_eq!(status.field.as_deref(), Some("parameters.penstock-routing-key"));
}

#[test]
fn labels_that_are_unknown_or_do_not_serve_are_told_apart() {
    let engine = engine();
    let routes = &engine.routes;
    let find = |version: &str| routes.find("plain", version).map(|version| version.model.version);
    let error = |version: &str| -> Status { find(version).unwrap_err() };
    add(&engine, "plain", 8);
    assert_eq!(error("stable").message, "Model \"plain\" has no label \"stable\"; it has none.");
    routes.set_traffic("plain", traffic(&[("stable", 7), ("new", 8)], None));
    let unknown = error("blue");
    assert_eq!(unknown.code, Code::NotFound);
    assert_eq!(unknown.message, "Model \"plain\" has no label \"blue\"; it has new, stable.");
    assert_eq!(find("new"), Ok(8));
    // Nobody stands in for the version that was said to be stable.
    for version in ["stable", ""] {
        let status = error(version);
        assert_eq!(status.code, Code::Unavailable, "{version:?}");
        let sentence =
            "Label \"stable\" of model \"plain\" is version 7, which does not serve: it is not loaded";
        assert_eq!(status.message, sentence);
    }
    routes.set_unavailable("plain", Some(7), "version 7 is loading");
    assert!(error("stable").message.ends_with("does not serve: version 7 is loading"));
    add(&engine, "plain", 7);
    assert_eq!((find("stable"), find("")), (Ok(7), Ok(7)));
}

#[test]
fn a_canary_alone_is_no_stable_version() {
    let engine = engine();
    add(&engine, "plain", 8);
    engine.routes.set_traffic("plain", traffic(&[], Some((8, 0.0))));
    let status = engine.routes.find("plain", "").map(drop).unwrap_err();
    assert_eq!(status.code, Code::Unavailable);
    assert_eq!(status.message, "Model \"plain\" is not ready: only version 8, its canary, serves");
    assert!(engine.routes.find("plain", "8").is_ok());
}

#[test]
fn who_asks_about_a_model_meets_the_stable_version_whatever_the_weight() {
    let engine = engine();
    add(&engine, "plain", 7);
    add(&engine, "plain", 8);
    engine.routes.set_traffic("plain", traffic(&[], Some((8, 1.0))));
    assert!((0..100).all(|_| engine.routes.find("plain", "").unwrap().model.version == 7));
    assert_eq!(engine.routes.find_for_call("plain", "", "").unwrap().model.version, 8);
}

#[test]
fn weights_on_the_metrics_page_follow_who_serves() {
    let engine = engine();
    let line = |version: u64| {
        let text = engine.metrics.text(Instant::now());
        let head = format!("penstock_version_weight{{model=\"plain\",version=\"{version}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&head).map(str::to_owned))
    };
    engine.routes.set_traffic("plain", traffic(&[], Some((8, 0.25))));
    add(&engine, "plain", 7);
    assert_eq!((line(7).as_deref(), line(8)), (Some("1"), None));
    let new = add(&engine, "plain", 8);
    assert_eq!((line(7).as_deref(), line(8).as_deref()), (Some("0.75"), Some("0.25")));
    assert!(engine.routes.remove(&new));
    assert_eq!((line(7).as_deref(), line(8)), (Some("1"), None));
    engine.routes.forget_traffic("plain");
    assert_eq!(line(7), None);
}
