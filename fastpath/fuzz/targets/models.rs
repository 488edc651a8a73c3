//! The models that requests are decoded for.
#![allow(dead_code)]

use std::sync::LazyLock;

use fastpath::engine::Model;
use fastpath::spec::ModelSpec;

static MODELS: LazyLock<[Model; 3]> = LazyLock::new(|| {
    [
        include_str!("../../tests/models/every_form.toml"),
        include_str!("../../tests/models/operations.toml"),
        include_str!("../../tests/models/tensors.toml"),
    ]
    .map(|text| Model::new(ModelSpec::parse("fuzz", text, Vec::new()).unwrap(), 1).unwrap())
});

pub fn all() -> &'static [Model] {
    &*MODELS
}
