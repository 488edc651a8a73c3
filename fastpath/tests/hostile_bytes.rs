//! No bytes make a parser panic, or hold memory beyond a bound that the message and the model set.
#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

mod wire_messages;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::{Duration, Instant};

use fastpath::engine::Model;
use fastpath::rest::infer_request::Request;
use fastpath::rest::predict_request::PredictRequest as JsonRequest;
use fastpath::spec::ModelSpec;
use fastpath::wire::infer_request::InferRequest;
use fastpath::wire::predict_request::PredictRequest;
use fastpath::wire::predict_response::{self, PredictResponse};
use proptest::prelude::*;
use wire_messages::{example, floats, input, ints, nested, texts, varints};

/// Counts what each thread holds.
struct Counting;

thread_local! {
    static HELD_BYTES: Cell<usize> = const { Cell::new(0) };
    static MOST_BYTES: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator as it came; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD_BYTES.get().wrapping_add(layout.size());
        HELD_BYTES.set(held);
        MOST_BYTES.set(MOST_BYTES.get().max(held));
        // SAFETY: the caller's promise is the system allocator's condition.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        HELD_BYTES.set(HELD_BYTES.get().saturating_sub(layout.size()));
        // SAFETY: the caller's promise is the system allocator's condition.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// The most bytes that `work` held at one time.
fn most_bytes(work: impl FnOnce()) -> usize {
    let before = HELD_BYTES.get();
    MOST_BYTES.set(before);
    work();
    MOST_BYTES.get() - before
}

fn models() -> [Model; 3] {
    [
        include_str!("models/every_form.toml"),
        include_str!("models/operations.toml"),
        include_str!("models/tensors.toml"),
    ]
    .map(|text| Model::new(ModelSpec::parse("hostile", text, Vec::new()).unwrap(), 1).unwrap())
}

/// What decoding may hold: a varint of one byte becomes an element of eight, a text of two bytes a slice of sixteen, both
/// in buffers that double as they grow; beside it the rows of one batch.
fn bound(message: &[u8]) -> usize {
    const ROW_BYTES: usize = 256;
    64 * message.len() + 1024 * ROW_BYTES + 4096
}

/// Parses and decodes the bytes as each message that comes from a network.
fn check(message: &[u8], models: &[Model]) {
    let held = most_bytes(|| {
        if let Ok(request) = InferRequest::parse(message) {
            for model in models {
                drop(model.decode_infer(&request));
            }
        }
        if let Ok(request) = PredictRequest::parse(message) {
            for model in models {
                drop(model.decode_predict(&request, model.spec.max_batch_rows));
            }
        }
        drop(PredictResponse::parse(message));
    });
    assert!(held <= bound(message), "{held} bytes were held for a message of {}", message.len());
}

/// The same for a body of a REST request, whose binary data begins behind `json_bytes`.
fn check_json(body: &[u8], json_bytes: Option<usize>, models: &[Model]) {
    let held = most_bytes(|| {
        if let Ok(request) = Request::parse(body, json_bytes) {
            for model in models {
                drop(model.decode_infer(&request.tensors("m", "")));
            }
        }
        if let Ok(request) = JsonRequest::parse(body) {
            for model in models {
                drop(model.decode_json(request.context(), request.rows()));
            }
        }
    });
    assert!(held <= bound(body), "{held} bytes were held for a body of {}", body.len());
}

const JSON_ROWS: &str = r#"{"context": {"time": 1700000000}, "rows": [
    {"amount": 3.5, "embedding": [1, 2.5, "NaN"], "opened": 1600000000, "active": true, "country": "de"},
    {"device": {"b64": "AAE="}, "city": "K\u00f6ln", "items": [1, 2, -9223372036854775808], "tags": [], "liked": null}]}"#;
const JSON_TENSORS: &str = r#"{"id": "x", "inputs": [
    {"name": "x", "datatype": "FP32", "shape": [2, 2], "data": [[1, 2.5], [-3e-7, "Infinity"]]},
    {"name": "mask", "datatype": "BOOL", "shape": [2, 3], "parameters": {"binary_data_size": 6}}],
    "outputs": [{"name": "y", "parameters": {"binary_data": true}}]}"#;

fn valid_examples() -> Vec<u8> {
    let row = example(&[
        ("amount", floats(&[3.5])),
        ("embedding", floats(&[1.0, 2.0, 3.0])),
        ("opened", ints(&[1_600_000_000])),
        ("time", ints(&[1_700_000_000])),
        ("active", ints(&[1])),
        ("country", texts(&["de"])),
        ("device", texts(&["phone"])),
        ("city", texts(&["Köln"])),
        ("items", ints(&[1, 2, 300, 70_000, 5, 6])),
        ("tags", texts(&["a", "b", "c"])),
        ("liked", ints(&[1, 2, 499])),
    ]);
    [nested(1, b"fraud"), nested(3, b"call"), nested(5, &row), nested(5, &row)].concat()
}

fn valid_columns() -> Vec<u8> {
    let column = |name: &str, kind: u32, values: &[u8], rest: &[u8]| {
        let values = nested(kind, values);
        nested(6, &[nested(1, name.as_bytes()), values, rest.to_vec()].concat())
    };
    let amounts: Vec<u8> = [1.0f32, 2.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    [
        nested(1, b"fraud"),
        nested(4, &example(&[("time", ints(&[1_700_000_000]))])),
        column("amount", 2, &nested(1, &amounts), &nested(9, &[3])),
        column("items", 4, &nested(1, &varints(&[1, 2, 3])), &nested(8, &varints(&[1, 2]))),
        column("country", 6, &[nested(1, b"de"), nested(1, b"fr")].concat(), &[]),
    ]
    .concat()
}

fn valid_tensors() -> Vec<u8> {
    let data: Vec<u8> = [0.5f32; 4].iter().flat_map(|value| value.to_le_bytes()).collect();
    [
        nested(1, b"plain"),
        input("x", "FP32", &[2, 2]),
        input("mask", "BOOL", &[2, 3]),
        nested(7, &data),
        nested(7, &[1, 0, 1, 0, 1, 0]),
    ]
    .concat()
}

#[test]
fn the_messages_that_are_mutated_are_valid() {
    let [features, operations, tensors] = models();
    for message in [valid_examples(), valid_columns()] {
        let request = PredictRequest::parse(&message).unwrap();
        for model in [&features, &operations] {
            assert_eq!(model.decode_predict(&request, 1024).map(|block| block.rows), Ok(2));
        }
    }
    let message = valid_tensors();
    let request = InferRequest::parse(&message).unwrap();
    assert_eq!(tensors.decode_infer(&request).map(|block| block.rows), Ok(2));
    let request = JsonRequest::parse(JSON_ROWS.as_bytes()).unwrap();
    assert_eq!(features.decode_json(request.context(), request.rows()).map(|block| block.rows), Ok(2));
    let body = [JSON_TENSORS.as_bytes(), &[1, 0, 1, 0, 1, 0]].concat();
    let request = Request::parse(&body, Some(JSON_TENSORS.len())).unwrap();
    assert_eq!(tensors.decode_infer(&request.tensors("m", "")).map(|block| block.rows), Ok(2));
}

fn mutated_message() -> impl Strategy<Value = Vec<u8>> {
    mutated(prop_oneof![Just(valid_examples()), Just(valid_columns()), Just(valid_tensors())])
}

fn mutated_json() -> impl Strategy<Value = Vec<u8>> {
    mutated(prop_oneof![Just(JSON_ROWS.into()), Just(JSON_TENSORS.into())])
}

/// A valid message with bytes replaced, taken out, doubled, or cut off.
fn mutated(valid: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let change = (0..4u8, any::<prop::sample::Index>(), any::<u8>());
    (valid, prop::collection::vec(change, 1..6)).prop_map(|(mut message, changes)| {
        for (kind, place, byte) in changes {
            if message.is_empty() {
                break;
            }
            let place = place.index(message.len());
            match kind {
                0 => message[place] = byte,
                1 => drop(message.remove(place)),
                2 => message.insert(place, byte),
                _ => message.truncate(place.max(message.len() / 2)),
            }
        }
        message
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn no_bytes_panic_or_hold_more_than_their_bound(message in prop::collection::vec(any::<u8>(), 0..300)) {
        check(&message, &models());
    }

    #[test]
    fn no_change_of_a_valid_message_panics_or_holds_more_than_its_bound(message in mutated_message()) {
        check(&message, &models());
    }

    #[test]
    fn no_change_of_valid_json_panics_or_holds_more_than_its_bound(body in mutated_json(), data in 0..8usize) {
        check_json(&body, None, &models());
        check_json(&[&body[..], &vec![1; data]].concat(), Some(body.len()), &models());
    }
}

#[test]
fn more_rows_than_the_model_takes_are_refused_before_they_are_built() {
    let models = models();
    let empty_rows = [0x2a, 0x00].repeat(65_000);
    let column = nested(6, &[nested(1, b"active"), nested(4, &nested(1, &vec![1; 65_000]))].concat());
    for (message, field) in [(empty_rows, "examples"), (column, "columns")] {
        check(&message, &models);
        let request = PredictRequest::parse(&message).unwrap();
        let error = models[0].decode_predict(&request, 1024).unwrap_err();
        assert_eq!(error.path().as_deref(), Some(field));
        assert!(error.to_string().ends_with("takes 1 to 1024 a request."), "{error}");
    }
    let tensor = [input("active", "BOOL", &[65_000]), nested(7, &vec![1; 65_000])].concat();
    check(&tensor, &models);
    let request = InferRequest::parse(&tensor).unwrap();
    assert_eq!(models[0].decode_infer(&request).unwrap_err().path().as_deref(), Some("inputs"));
}

/// Each part once had all parts before it copied: 40,000 copies of a mebibyte.
#[test]
fn a_message_in_many_parts_costs_what_its_bytes_cost() {
    let large = vec![0; 1 << 20];
    let context = |parts: usize| [nested(4, &large), [0x22, 0x00].repeat(parts)].concat();
    let column = |parts: usize| nested(6, &[nested(2, &large), [0x12, 0x00].repeat(parts)].concat());
    let feature = |parts: usize| {
        let lists = [nested(2, &nested(1, &large)), [0x12, 0x00].repeat(parts)].concat();
        nested(5, &example(&[("amount", lists)]))
    };
    let model = &models()[0];
    let time = |message: Vec<u8>| {
        let began = Instant::now();
        let request = PredictRequest::parse(&message).unwrap();
        drop(model.decode_predict(&request, 1024));
        began.elapsed().max(Duration::from_millis(1))
    };
    for message in [&context as &dyn Fn(usize) -> Vec<u8>, &column, &feature] {
        let (few, many) = (time(message(2)), time(message(40_000)));
        assert!(many < few * 100, "{many:?} against {few:?}");
    }
}

#[test]
fn a_response_of_no_known_field_is_an_empty_response() {
    let message = predict_response::encode("m", "1", "", &[]);
    let unknown = [message.as_slice(), &nested(99, b"x")].concat();
    assert_eq!(PredictResponse::parse(&unknown).map(|response| response.outputs.len()), Ok(0));
}

#[test]
fn json_that_is_deep_or_long_is_refused_and_holds_little() {
    let models = models();
    let deep = |inside: &str| inside.replace('_', &format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)));
    let long = |inside: &str| inside.replace('_', &"{},".repeat(60_000));
    for body in [
        deep(r#"{"rows": _}"#),
        deep(r#"{"rows": [{"amount": _}]}"#),
        deep(r#"{"rows": [_]}"#),
        deep(r#"{"context": _, "rows": [{}]}"#),
        deep(r#"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 2], "data": _}]}"#),
        deep(r#"{"inputs": [], "more": _}"#),
        long(r#"{"rows": [_{}]}"#),
        long(r#"{"inputs": [_{}]}"#),
    ] {
        check_json(body.as_bytes(), None, &models);
    }
    let many = "0,".repeat(1_000_000);
    let input = r#"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 2], "data": [_0]}]}"#;
    check_json(input.replace('_', &many).as_bytes(), None, &models);
    check_json(r#"{"rows": [{"items": [_0]}]}"#.replace('_', &many).as_bytes(), None, &models);
}
