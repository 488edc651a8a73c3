//! What is ready, and what models take and give, as the protocol's documents.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::engine::Version;
use crate::engine::model::TensorInfo;

/// What the protocol calls a TorchScript model.
const PLATFORM: &str = "pytorch_torchscript";

#[derive(Serialize)]
pub struct Live {
    pub live: bool,
}

#[derive(Serialize)]
pub struct Ready {
    pub ready: bool,
}

#[derive(Serialize)]
pub struct ModelReady<'a> {
    pub name: &'a str,
    pub ready: bool,
}

#[derive(Serialize)]
pub struct Model<'a> {
    name: &'a str,
    versions: Vec<String>,
    platform: &'static str,
    inputs: Vec<Tensor>,
    outputs: Vec<Tensor>,
    /// What a tensor's datatype does not tell of a feature.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    properties: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Tensor {
    name: String,
    datatype: &'static str,
    shape: Vec<i64>,
}

impl<'a> Model<'a> {
    /// Of a version; `serving` are the numbers of all that serve.
    pub fn of(version: &'a Version, serving: impl Iterator<Item = u64>) -> Self {
        let model = &version.model;
        let tensors = |tensors: Vec<TensorInfo>| tensors.into_iter().map(Tensor::of).collect();
        let kinds = model.feature_kinds().into_iter();
        Self {
            name: &model.spec.name,
            versions: serving.map(|number| number.to_string()).collect(),
            platform: PLATFORM,
            inputs: tensors(model.takes()),
            outputs: tensors(model.outputs()),
            properties: kinds.map(|(name, kind)| (format!("feature.{name}"), kind)).collect(),
        }
    }
}

impl Tensor {
    fn of(info: TensorInfo) -> Self {
        Self { name: info.name, datatype: info.datatype.name(), shape: info.shape }
    }
}
