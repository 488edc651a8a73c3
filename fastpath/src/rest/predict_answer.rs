//! The answer to rows of features: a `PredictResponse` as JSON, each output an array with an element a row.

use super::json_text::{nested, value};
use crate::wire::WireError;
use crate::wire::predict_response::{PredictResponse, Receipt};

/// # Errors
/// The engine's answer is none.
pub fn encode(message: &[u8]) -> Result<Vec<u8>, WireError> {
    let response = PredictResponse::parse(message)?;
    let mut out = Vec::with_capacity(message.len() * 2 + 256);
    out.extend_from_slice(b"{\"model_name\":");
    value(response.model_name, &mut out);
    out.extend_from_slice(b",\"model_version\":");
    value(response.model_version, &mut out);
    if !response.id.is_empty() {
        out.extend_from_slice(b",\"id\":");
        value(response.id, &mut out);
    }
    out.extend_from_slice(b",\"outputs\":{");
    for (place, output) in response.outputs.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        value(output.name, &mut out);
        out.push(b':');
        nested(output.datatype, &output.shape, &output.data, &mut out);
    }
    out.push(b'}');
    if let Some(receipt) = &response.receipt {
        out.extend_from_slice(b",\"receipt\":");
        append_receipt(receipt, &mut out);
    }
    out.push(b'}');
    Ok(out)
}

fn append_receipt(receipt: &Receipt, out: &mut Vec<u8>) {
    let entries = [
        ("decode_ns", receipt.decode_ns),
        ("queue_ns", receipt.queue_ns),
        ("pack_ns", receipt.pack_ns),
        ("compute_ns", receipt.compute_ns),
        ("encode_ns", receipt.encode_ns),
        ("batch_rows", receipt.batch_rows),
    ];
    for (place, (name, number)) in entries.into_iter().enumerate() {
        out.push(if place == 0 { b'{' } else { b',' });
        value(name, out);
        out.push(b':');
        value(&number, out);
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Datatype;
    use crate::wire::infer_response::OutputRows;
    use crate::wire::predict_response::{self, append_receipt};

    #[test]
    fn outputs_are_by_name_with_an_element_a_row() {
        let data = [1.0f32, 2.0, 3.0, 4.0].map(f32::to_le_bytes).concat();
        let outputs = [
            OutputRows { name: "score", datatype: Datatype::Fp32, rows: 4, dims: &[], data: &data },
            OutputRows { name: "pair", datatype: Datatype::Fp32, rows: 2, dims: &[2], data: &data },
            OutputRows { name: "flag", datatype: Datatype::Bool, rows: 2, dims: &[], data: &[0, 1] },
        ];
        let mut message = predict_response::encode("m", "1", "r", &outputs);
        append_receipt(&Receipt { decode_ns: 7, ..Receipt::default() }, &mut message);
        let json: serde_json::Value = serde_json::from_slice(&encode(message.as_slice()).unwrap()).unwrap();
        assert_eq!(json["outputs"]["score"], serde_json::json!([1.0, 2.0, 3.0, 4.0]));
        assert_eq!(json["outputs"]["pair"], serde_json::json!([[1.0, 2.0], [3.0, 4.0]]));
        assert_eq!(json["outputs"]["flag"], serde_json::json!([0, 1]));
        assert_eq!((&json["id"], &json["receipt"]["decode_ns"]), (&"r".into(), &7.into()));
    }
}
