//! The answer to an inference request: a `ModelInferResponse` as JSON, and behind it the outputs that were asked for as
//! binary data.

use super::infer_request::BinaryOutputs;
use super::json_text::{flat, value};
use crate::wire::infer_call::InferResponse;
use crate::wire::{Datatype, WireError};

/// A body, of which `json_bytes` are JSON where binary data follows.
#[derive(Debug, PartialEq, Eq)]
pub struct Body {
    pub bytes: Vec<u8>,
    pub json_bytes: Option<usize>,
}

/// # Errors
/// The engine's answer is none.
pub fn encode(message: &[u8], binary: &BinaryOutputs) -> Result<Body, WireError> {
    let response = InferResponse::parse(message)?;
    let mut out = Vec::with_capacity(message.len() * 2 + 256);
    let mut behind = Vec::new();
    out.extend_from_slice(b"{\"model_name\":");
    value(response.model_name, &mut out);
    out.extend_from_slice(b",\"model_version\":");
    value(response.model_version, &mut out);
    if !response.id.is_empty() {
        out.extend_from_slice(b",\"id\":");
        value(response.id, &mut out);
    }
    out.extend_from_slice(b",\"outputs\":[");
    for (place, (output, data)) in response.outputs.iter().zip(&response.raw).enumerate() {
        out.extend_from_slice(if place == 0 { b"{\"name\":" } else { b",{\"name\":" });
        value(output.name, &mut out);
        out.extend_from_slice(b",\"datatype\":");
        value(output.datatype, &mut out);
        out.extend_from_slice(b",\"shape\":");
        value(output.shape.as_slice(), &mut out);
        if binary.wants(place) {
            out.extend_from_slice(b",\"parameters\":{\"binary_data_size\":");
            value(&data.len(), &mut out);
            out.extend_from_slice(b"}}");
            behind.push(*data);
        } else {
            out.extend_from_slice(b",\"data\":");
            flat(Datatype::parse(output.datatype).unwrap_or(Datatype::Bytes), data, &mut out);
            out.push(b'}');
        }
    }
    out.extend_from_slice(b"]}");
    let json_bytes = (!behind.is_empty()).then_some(out.len());
    for data in behind {
        out.extend_from_slice(data);
    }
    Ok(Body { bytes: out, json_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::infer_response::{self, OutputRows};

    fn message(id: &str) -> Vec<u8> {
        let outputs = [
            OutputRows {
                name: "a\"b",
                datatype: Datatype::Fp32,
                rows: 1,
                dims: &[2],
                data: &[0, 0, 128, 63, 0, 0, 0, 0],
            },
            OutputRows { name: "c", datatype: Datatype::Int8, rows: 1, dims: &[], data: &[255] },
        ];
        infer_response::encode("m", "1", id, &outputs)
    }

    #[test]
    fn outputs_are_json_unless_they_were_asked_for_as_binary_data() {
        let body = encode(&message("r"), &BinaryOutputs::default()).unwrap();
        let expected = r#"{"model_name":"m","model_version":"1","id":"r","outputs":[{"name":"a\"b","datatype":"FP32","shape":[1,2],"data":[1.0,0.0]},{"name":"c","datatype":"INT8","shape":[1],"data":[-1]}]}"#;
        assert_eq!((String::from_utf8(body.bytes).unwrap().as_str(), body.json_bytes), (expected, None));
    }

    #[test]
    fn binary_data_follows_in_the_order_of_the_outputs() {
        let body = encode(&message(""), &BinaryOutputs::all()).unwrap();
        let (json, data) = body.bytes.split_at(body.json_bytes.unwrap());
        let json: serde_json::Value = serde_json::from_slice(json).unwrap();
        assert_eq!(json["outputs"][0]["parameters"]["binary_data_size"], 8);
        assert_eq!(json.get("id"), None);
        assert_eq!(data, [0, 0, 128, 63, 0, 0, 0, 0, 255]);
    }
}
