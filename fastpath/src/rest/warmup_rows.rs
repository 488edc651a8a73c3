//! Rows that a version is to answer before it serves: written as the bodies of requests.

use super::infer_request::Request;
use super::predict_request::PredictRequest;
use crate::engine::Model;
use crate::features::RowBlock;
use crate::status::Status;

/// The rows of one body, with `rows` or with `inputs`.
///
/// # Errors
/// `InvalidArgument`: what a caller with this body would be told.
pub fn decode(model: &Model, body: &[u8]) -> Result<RowBlock, Status> {
    let block = if has_rows(body) {
        let request = PredictRequest::parse(body)?;
        model.decode_json(request.context(), request.rows())?
    } else {
        let request = Request::parse(body, None)?;
        model.decode_infer(&request.tensors(&model.spec.name, ""))?
    };
    model.check_rows("rows", block.rows, 1..=model.spec.max_batch_rows)?;
    Ok(block)
}

/// Whether it is a JSON object with that key; whatever else is wrong is found later.
fn has_rows(body: &[u8]) -> bool {
    let object: Result<std::collections::BTreeMap<String, &serde_json::value::RawValue>, _> =
        serde_json::from_slice(body);
    object.is_ok_and(|object| object.contains_key("rows"))
}
