//! The JSON schema of model.toml, which editors check and complete the file by, made from the types in `text`, `op_text` and
//! `versions_text`.
//!
//! Only tests have it: `make schema` writes service/penstock/model.schema.json, and a test holds that file current.

use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::model::{MAX_NAME_BYTES, TENSOR_DATATYPES};
use super::text::ModelText;
use super::versions::{MAX_LABELS, MAX_VERSION};
use crate::wire::Datatype;
use crate::wire::infer_request::MAX_DIMS;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../service/penstock/model.schema.json");

/// Operations that need these parameters, or `fit`.
const FITTED: [(&str, &[&str]); 4] = [
    ("standardize", &["mean", "std"]),
    ("min_max", &["min", "max"]),
    ("quantile", &["quantiles"]),
    ("bucketize", &["boundaries"]),
];

/// The datatypes that torch tensors have.
pub(super) fn datatype(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": TENSOR_DATATYPES.map(Datatype::name)})
}

/// Sizes of axes; −1 is any.
pub(super) fn dims(_: &mut SchemaGenerator) -> Schema {
    let size = json!({"type": "integer", "minimum": -1, "maximum": 1 << 24, "not": {"const": 0}});
    json_schema!({"type": "array", "items": size, "maxItems": MAX_DIMS - 1})
}

/// A value of some feature's type.
pub(super) fn missing(_: &mut SchemaGenerator) -> Schema {
    let value = ["number", "boolean", "string"];
    json_schema!({
        "type": ["number", "boolean", "string", "array"],
        "items": {"type": value},
    })
}

/// A version's number by its label.
pub(super) fn labels(_: &mut SchemaGenerator) -> Schema {
    let version = json!({"type": "integer", "minimum": 1, "maximum": MAX_VERSION});
    json_schema!({
        "type": "object",
        "additionalProperties": version,
        "propertyNames": {"pattern": format!("^(?!\\d+$)[A-Za-z0-9_][A-Za-z0-9._-]{{0,{}}}$", MAX_NAME_BYTES - 1)},
        "maxProperties": MAX_LABELS,
    })
}

/// What can only be true.
pub(super) fn always(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "boolean", "enum": [true]})
}

pub(super) fn version_or_label(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["integer", "string"], "minimum": 1, "maximum": MAX_VERSION})
}

/// 0 to 1, or percent.
pub(super) fn share(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["number", "string"],
        "minimum": 0,
        "maximum": 1,
        "pattern": "^[0-9]+(\\.[0-9]+)? *%$",
    })
}

/// Text or integers.
pub(super) fn vocabulary(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": {"type": ["string", "integer"]},
        "minItems": 1,
        "uniqueItems": true,
    })
}

/// As the file holds it. Draft 7 is what editors of TOML know.
fn text() -> String {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<ModelText>().to_value();
    simplify(&mut schema);
    schema["title"] = json!("penstock model.toml");
    schema["description"] = json!("What a model takes, how features become its inputs, and how it batches.");
    schema["required"] = json!(["input", "output"]);
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

/// Alternatives as editors say them best: a table with exactly one of several keys, a word out of a list.
fn simplify(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(simplify),
        Value::Object(object) => {
            if let Some(Value::String(text)) = object.get_mut("description") {
                *text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            }
            // Rust's, which JSON does not know and some validators complain of.
            object.remove("format");
            without_null(object);
            if let Some(Value::Array(alternatives)) = object.remove("oneOf") {
                object.extend(words(&alternatives).unwrap_or_else(|| one_key(alternatives)));
            }
            object.values_mut().for_each(simplify);
        }
        _ => {}
    }
}

/// TOML has no null: a key that may be left out has none.
fn without_null(schema: &mut Map<String, Value>) {
    schema.retain(|_, value| !value.is_null());
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    let Some(Value::Array(mut alternatives)) = schema.remove("anyOf") else { return };
    alternatives.retain(|alternative| alternative.get("type") != Some(&json!("null")));
    if let [Value::Object(only)] = alternatives.as_slice() {
        for (key, value) in only {
            // The key's own description counts more than its type's.
            schema.entry(key).or_insert_with(|| value.clone());
        }
    } else {
        schema.insert("anyOf".to_owned(), alternatives.into());
    }
}

/// An enum without fields.
fn words(alternatives: &[Value]) -> Option<Map<String, Value>> {
    let words: Vec<_> = alternatives.iter().map(|word| word.get("const").cloned()).collect::<Option<_>>()?;
    let told = alternatives.iter().map(|word| word.get("description").cloned().unwrap_or_default());
    let enum_values = json!({"enumValues": told.collect::<Vec<_>>()});
    let schema = json!({"type": "string", "enum": words, "x-taplo": {"docs": enum_values}});
    schema.as_object().cloned()
}

/// An enum whose variants have fields: `{ variant = { … } }`.
fn one_key(alternatives: Vec<Value>) -> Map<String, Value> {
    let mut properties = Map::new();
    for mut alternative in alternatives {
        let told = alternative["description"].take();
        let Some(Value::Object(variant)) = alternative.get_mut("properties") else { continue };
        for (name, fields) in variant.iter_mut() {
            fields["description"] = told.clone();
            if let Some((_, parameters)) = FITTED.iter().find(|(op, _)| op == name) {
                fields["anyOf"] = json!([{"required": parameters}, {"required": ["fit"]}]);
            }
            properties.insert(name.clone(), fields.take());
        }
    }
    let schema = json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1,
    });
    schema.as_object().cloned().unwrap_or_default()
}

#[test]
fn the_schema_of_model_toml_is_current() {
    let written = std::fs::read_to_string(FILE).unwrap_or_default();
    assert!(
        written == text(),
        "service/penstock/model.schema.json is not what spec/text.rs says; run `make schema`"
    );
}

#[test]
#[ignore = "writes the file; `make schema` runs it"]
fn write() {
    std::fs::write(FILE, text()).unwrap();
}

#[test]
fn every_key_is_described() {
    let schema: Value = serde_json::from_str(&text()).unwrap();
    let mut silent = Vec::new();
    find_silent(&schema, "model.toml", &mut silent);
    assert!(silent.is_empty(), "without a doc comment in spec/text.rs or op_text.rs: {silent:?}");
}

fn find_silent(schema: &Value, path: &str, silent: &mut Vec<String>) {
    if let Some(Value::Object(properties)) = schema.get("properties") {
        for (name, key) in properties {
            let path = format!("{path}.{name}");
            if !key["description"].as_str().is_some_and(|text| text.ends_with('.')) {
                silent.push(path.clone());
            }
            find_silent(key, &path, silent);
        }
    }
    let told = schema.pointer("/x-taplo/docs/enumValues").and_then(Value::as_array);
    if told.is_some_and(|told| told.iter().any(Value::is_null)) {
        silent.push(format!("{path}'s words"));
    }
    if let Some(items) = schema.get("items") {
        find_silent(items, path, silent);
    }
}
