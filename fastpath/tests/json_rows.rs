//! Rows as JSON become the same bytes as the same rows as tf.Example messages, with and without a context.
#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

mod wire_messages;

use fastpath::engine::Model;
use fastpath::features::RowBlock;
use fastpath::spec::ModelSpec;
use fastpath::wire::predict_request::PredictRequest;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use wire_messages::{example, floats, ints, nested, texts};

fn model() -> Model {
    let text = include_str!("models/every_form.toml");
    Model::new(ModelSpec::parse("forms", text, Vec::new()).unwrap(), 1).unwrap()
}

/// What a row may have for each feature; a float is one that 32 bits hold, as an Example has no others.
#[derive(Clone, Debug)]
enum Values {
    Floats(Vec<f32>),
    Ints(Vec<i64>),
    Bools(Vec<bool>),
    Texts(Vec<String>),
}

impl Values {
    fn message(&self) -> Vec<u8> {
        match self {
            Self::Floats(values) => floats(values),
            Self::Ints(values) => ints(values),
            Self::Bools(values) => ints(&values.iter().map(|value| i64::from(*value)).collect::<Vec<_>>()),
            Self::Texts(values) => texts(&values.iter().map(String::as_str).collect::<Vec<_>>()),
        }
    }

    /// A single value stands for a list of one where `bare`.
    fn json(&self, bare: bool) -> Value {
        let values: Vec<Value> = match self {
            Self::Floats(values) => values.iter().map(|value| json!(f64::from(*value))).collect(),
            Self::Ints(values) => values.iter().map(|value| json!(value)).collect(),
            Self::Bools(values) => values.iter().map(|value| json!(value)).collect(),
            Self::Texts(values) => values.iter().map(|value| json!(value)).collect(),
        };
        match values.as_slice() {
            [value] if bare => value.clone(),
            _ => Value::Array(values),
        }
    }
}

type Row = Vec<(&'static str, Values)>;

fn feature(name: &'static str) -> impl Strategy<Value = (&'static str, Values)> {
    let float = -1e30f32..1e30;
    let values = match name {
        "amount" => prop::collection::vec(float, 0..=1).prop_map(Values::Floats).boxed(),
        "embedding" => prop::collection::vec(float, 3).prop_map(Values::Floats).boxed(),
        "opened" | "time" => {
            prop::collection::vec(-(1i64 << 40)..1 << 40, 0..=1).prop_map(Values::Ints).boxed()
        }
        "active" => prop::collection::vec(any::<bool>(), 0..=1).prop_map(Values::Bools).boxed(),
        "items" => prop::collection::vec(any::<i64>(), 0..8).prop_map(Values::Ints).boxed(),
        "liked" => prop::collection::vec(0i64..500, 0..8).prop_map(Values::Ints).boxed(),
        "tags" => prop::collection::vec(".{0,12}", 0..4).prop_map(Values::Texts).boxed(),
        _ => prop::collection::vec(".{0,24}", 0..=1).prop_map(Values::Texts).boxed(),
    };
    values.prop_map(move |values| (name, values))
}

const NAMES: [&str; 11] = [
    "amount",
    "embedding",
    "opened",
    "time",
    "active",
    "country",
    "device",
    "city",
    "items",
    "tags",
    "liked",
];

/// Some of the features, in any order.
fn row(names: &'static [&'static str]) -> impl Strategy<Value = Row> {
    prop::sample::subsequence(names, 0..=names.len())
        .prop_shuffle()
        .prop_flat_map(|names| names.into_iter().map(|name| feature(name).boxed()).collect::<Vec<_>>())
}

fn message(row: &Row) -> Vec<u8> {
    example(&row.iter().map(|(name, values)| (*name, values.message())).collect::<Vec<_>>())
}

fn text(row: &Row, bare: bool) -> String {
    // An object that keeps the order of its keys.
    let entries = row.iter().map(|(name, values)| format!("{}:{}", json!(name), values.json(bare)));
    format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
}

fn by_examples(model: &Model, context: &Row, rows: &[Row]) -> RowBlock {
    let rows = rows.iter().flat_map(|row| nested(5, &message(row)));
    let request: Vec<u8> = nested(4, &message(context)).into_iter().chain(rows).collect();
    model.decode_predict(&PredictRequest::parse(&request).unwrap(), 1024).unwrap()
}

fn by_json(model: &Model, context: &Row, rows: &[Row], bare: bool) -> RowBlock {
    let texts: Vec<String> = rows.iter().map(|row| text(row, bare)).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    model.decode_json(Some(&text(context, bare)), &texts).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn rows_as_json_are_rows_as_examples(
        context in row(&NAMES[..4]),
        rows in prop::collection::vec(row(&NAMES[4..]), 1..5),
        bare in any::<bool>(),
    ) {
        let model = model();
        prop_assert_eq!(by_json(&model, &context, &rows, bare), by_examples(&model, &context, &rows));
    }
}

#[test]
fn a_null_is_as_good_as_no_feature() {
    let model = model();
    let nulls: Map<String, Value> = NAMES.iter().map(|name| ((*name).to_owned(), Value::Null)).collect();
    let nulls = Value::Object(nulls).to_string();
    assert_eq!(model.decode_json(Some(&nulls), &[&nulls]), model.decode_json(None, &["{}"]));
}
