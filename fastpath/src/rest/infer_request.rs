//! An inference request: JSON, and behind it the binary data of those inputs that say so.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use smallvec::SmallVec;

use super::parameters::Parameters;
use super::{syntax, tensor_data};
use crate::engine::Model;
use crate::status::{Code, Status};
use crate::wire::Datatype;
use crate::wire::infer_request::{InferRequest, InputTensor, MAX_DIMS, MAX_TENSORS, RequestedOutput};

/// The body as it is written. Keys that the protocol does not know are passed over, as fields are in protobuf.
#[derive(Debug, Deserialize)]
struct Json<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    parameters: Parameters<'a>,
    #[serde(borrow)]
    inputs: Vec<Input<'a>>,
    #[serde(borrow, default)]
    outputs: Option<Vec<Output<'a>>>,
}

#[derive(Debug, Deserialize)]
struct Input<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    shape: Vec<i64>,
    #[serde(borrow)]
    datatype: Cow<'a, str>,
    #[serde(borrow, default)]
    parameters: Parameters<'a>,
    /// Read once the datatype is known, which may stand behind it.
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Output<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    parameters: Parameters<'a>,
}

/// A request whose tensors have the raw form.
#[derive(Debug)]
pub struct Request<'a> {
    json: Json<'a>,
    raw: Vec<Cow<'a, [u8]>>,
}

impl<'a> Request<'a> {
    /// Of a body whose first `json_bytes` are JSON; none: all of it.
    ///
    /// # Errors
    /// `InvalidArgument`.
    pub fn parse(body: &'a [u8], json_bytes: Option<usize>) -> Result<Self, Status> {
        let Some((text, mut binary)) = body.split_at_checked(json_bytes.unwrap_or(body.len())) else {
            return Err(invalid(format!(
                "Inference-Header-Content-Length says {}, but the body has {} bytes.",
                json_bytes.unwrap_or(0),
                body.len()
            )));
        };
        let json: Json<'_> = syntax::object(text)?;
        check_count("inputs", json.inputs.len(), MAX_TENSORS)?;
        check_count("outputs", json.outputs.as_ref().map_or(0, Vec::len), MAX_TENSORS)?;
        let raw = json.inputs.iter().map(|input| input.raw(&mut binary)).collect::<Result<_, _>>()?;
        if !binary.is_empty() {
            return Err(invalid(format!(
                "The body has {} bytes behind its JSON that no input's binary_data_size counts.",
                binary.len()
            )));
        }
        Ok(Self { json, raw })
    }

    /// The same as the engine takes it.
    #[must_use]
    pub fn tensors<'r>(&'r self, model_name: &'r str, model_version: &'r str) -> InferRequest<'r> {
        let json = &self.json;
        let input = |input: &'r Input<'_>| InputTensor {
            name: &input.name,
            datatype: &input.datatype,
            shape: SmallVec::from_slice(&input.shape),
            refused: input.parameters.of_tensor(),
            contents: None,
        };
        let output = |output: &'r Output<'_>| RequestedOutput {
            name: &output.name,
            refused: output.parameters.of_tensor(),
        };
        InferRequest {
            model_name,
            model_version,
            id: json.id.as_deref().unwrap_or_default(),
            inputs: json.inputs.iter().map(input).collect(),
            outputs: json.outputs.iter().flatten().map(output).collect(),
            raw: self.raw.iter().map(AsRef::as_ref).collect(),
            parameters: json.parameters.of_request(),
        }
    }

    /// What is to come behind the JSON of the answer.
    #[must_use]
    pub fn binary(&self) -> BinaryOutputs {
        let all = self.json.parameters.binary_data_output.unwrap_or(false);
        let outputs = self.json.outputs.iter().flatten();
        BinaryOutputs {
            all,
            named: outputs.map(|output| output.parameters.binary_data.unwrap_or(all)).collect(),
        }
    }
}

impl<'a> Input<'a> {
    /// Its data in the raw form; `binary` is what is left behind the JSON.
    fn raw(&self, binary: &mut &'a [u8]) -> Result<Cow<'a, [u8]>, Status> {
        if self.shape.len() > MAX_DIMS {
            return Err(
                self.wrong(&format!("has {} dimensions; at most {MAX_DIMS} are taken", self.shape.len()))
            );
        }
        match (self.data, self.parameters.binary_data_size) {
            (Some(_), Some(_)) => Err(self.wrong("has both data and binary_data_size; send one of them")),
            (None, None) => Err(self.wrong("has no data; send data, or binary_data_size and the bytes behind the JSON")),
            (None, Some(size)) => match binary.split_at_checked(size) {
                Some((data, rest)) => {
                    *binary = rest;
                    Ok(Cow::Borrowed(data))
                }
                None => Err(self.wrong(&format!(
                    "has binary_data_size {size}, but {} bytes are left behind the JSON (its length is to be in \
                     Inference-Header-Content-Length)",
                    binary.len()
                ))),
            },
            (Some(data), None) => {
                let Some(datatype) = Datatype::parse(&self.datatype) else {
                    return Err(self.wrong(&format!("has datatype {:?}, which is none", self.datatype)));
                };
                let mut raw = Vec::new();
                tensor_data::append_raw(data.get(), datatype, &self.shape, &mut raw)
                    .map_err(|fault| self.wrong(&fault))?;
                Ok(Cow::Owned(raw))
            }
        }
    }

    fn wrong(&self, what: &str) -> Status {
        let name: String = self.name.chars().take(128).collect();
        Status::invalid(format!("inputs.{name}"), format!("Input {name:?} {what}."))
    }
}

/// Which outputs come as binary data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BinaryOutputs {
    all: bool,
    /// Of each output that was asked for, in order.
    named: SmallVec<[bool; 4]>,
}

impl BinaryOutputs {
    /// All of them.
    #[must_use]
    pub fn all() -> Self {
        Self { all: true, named: SmallVec::new() }
    }

    /// Whether the answer's output at this place does.
    #[must_use]
    pub fn wants(&self, place: usize) -> bool {
        self.named.get(place).copied().unwrap_or(self.all)
    }
}

/// The only input of a model, for a body that is nothing but its data: one row, as in Triton.
///
/// # Errors
/// `InvalidArgument`: the model takes more than one tensor, or the shape cannot be told from the number of bytes.
pub fn raw_input(model: &Model, body: &[u8]) -> Result<(String, Datatype, SmallVec<[i64; 4]>), Status> {
    let wrong = |what: &str| {
        let name = &model.spec.name;
        invalid(format!(
            "The body has no JSON, only data, from which model {name:?} cannot be asked: {what}."
        ))
    };
    let takes = model.takes();
    let [input] = takes.as_slice() else {
        return Err(wrong(&format!("it takes {} tensors, not one", takes.len())));
    };
    let dims = input.shape.get(1..).unwrap_or_default();
    let mut shape: SmallVec<[i64; 4]> = std::iter::once(1).chain(dims.iter().copied()).collect();
    let open = dims.iter().filter(|dim| **dim < 0).count();
    if open > 1 || input.datatype == Datatype::Bytes && !dims.is_empty() {
        return Err(wrong("its shape is not fixed"));
    }
    let fixed = dims.iter().filter_map(|dim| usize::try_from(*dim).ok());
    let row_bytes = fixed.fold(input.datatype.size_bytes(), usize::saturating_mul);
    if let Some(dim) = shape.iter_mut().find(|dim| **dim < 0) {
        *dim = body.len().checked_div(row_bytes).and_then(|size| i64::try_from(size).ok()).unwrap_or(0);
    }
    Ok((input.name.clone(), input.datatype, shape))
}

fn check_count(what: &str, count: usize, most: usize) -> Result<(), Status> {
    if count <= most {
        return Ok(());
    }
    Err(Status::invalid(what, format!("Field {what} has more than {most} items, which is the limit.")))
}

fn invalid(sentence: String) -> Status {
    Status::new(Code::InvalidArgument, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &[u8], json_bytes: Option<usize>) -> String {
        Request::parse(body, json_bytes).unwrap_err().message
    }

    #[test]
    fn binary_data_follows_the_json_in_the_order_of_the_inputs() {
        let json = br#"{"id": "7", "parameters": {"binary_data_output": true, "timeout": 5, "other": "x"},
            "inputs": [
                {"name": "a", "datatype": "INT8", "shape": [2], "parameters": {"binary_data_size": 2}},
                {"data": [1, 2], "name": "b", "shape": [2], "datatype": "UINT8"},
                {"name": "c", "datatype": "INT8", "shape": [1], "parameters": {"binary_data_size": 1}}],
            "outputs": [{"name": "x"}, {"name": "y", "parameters": {"binary_data": false}}]}"#;
        let body = [&json[..], &[3, 4, 5]].concat();
        let request = Request::parse(&body, Some(json.len())).unwrap();
        let tensors = request.tensors("m", "");
        assert_eq!(tensors.raw.to_vec(), [&[3u8, 4][..], &[1, 2], &[5]]);
        assert_eq!((tensors.id, tensors.parameters.timeout_us), ("7", 5));
        let binary = request.binary();
        assert_eq!([0, 1].map(|place| binary.wants(place)), [true, false]);
    }

    #[test]
    fn bytes_that_are_too_few_or_too_many_are_refused() {
        let json = br#"{"inputs": [{"name": "a", "datatype": "INT8", "shape": [2], "parameters": {"binary_data_size": 2}}]}"#;
        let body = |data: &[u8]| [&json[..], data].concat();
        assert!(refused(&body(&[1]), Some(json.len())).contains("1 bytes are left"));
        assert!(refused(&body(&[1, 2, 3]), Some(json.len())).contains("1 bytes behind its JSON"));
        assert!(refused(&body(&[1, 2]), Some(1000)).contains("Inference-Header-Content-Length says 1000"));
    }

    #[test]
    fn hostile_json_is_refused_in_a_sentence() {
        let input = |more: &str| {
            format!(r#"{{"inputs": [{{"name": "a", "datatype": "FP32", "shape": [1]{more}}}]}}"#)
        };
        let cases = [
            (input(r#", "data": [NaN]"#), "JSON has no NaN"),
            (input(r#", "data": [1e999]"#), "number out of range"),
            (input(r#", "data": [1], "data": [2]"#), "duplicate field `data`"),
            (
                input(r#", "data": [1], "parameters": {"binary_data_size": 4}"#),
                "both data and binary_data_size",
            ),
            (input(r#", "parameters": {"binary_data_size": -4}"#), "whole number of 0 or more"),
            (input(r#", "parameters": {"a": []}"#), "a text, a number or a boolean"),
            (input(r#", "parameters": 5"#), "an object of parameters"),
            (input(""), "has no data"),
            (input(r#", "data": "\ud800""#), "half of a surrogate pair"),
            ("[".repeat(100_000), "must be a JSON object, but something else came"),
            (
                format!(r#"{{"inputs": [], "x": {}{}}}"#, "[".repeat(100_000), "]".repeat(99_999)),
                "cannot be read",
            ),
            ("{}".to_owned(), "missing field `inputs`"),
            ("{\"inputs\": []} x".to_owned(), "trailing characters"),
            (String::new(), "must be a JSON object, but nothing came"),
        ];
        for (body, expected) in cases {
            let sentence = refused(body.as_bytes(), None);
            assert!(sentence.contains(expected), "{expected}: {sentence}");
        }
        assert!(refused(b"{\"inputs\": \"\xff\"}", None).contains("UTF-8"));
    }

    #[test]
    fn null_is_as_good_as_nothing_and_unknown_keys_are_passed_over() {
        let body = br#"{"id": null, "parameters": null, "outputs": null, "more": {"x": [1]},
            "inputs": [{"name": "a", "datatype": "BOOL", "shape": [1], "parameters": null, "data": [true]}]}"#;
        let request = Request::parse(body, None).unwrap();
        assert_eq!(request.tensors("m", "").raw.to_vec(), [&[1u8][..]]);
        assert_eq!(request.binary(), BinaryOutputs::default());
    }
}
