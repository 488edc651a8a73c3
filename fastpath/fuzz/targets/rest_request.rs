//! The body of a REST request, as tensors (binary data begins behind the last brace) and as rows of features.
#![no_main]

mod models;

use fastpath::rest::infer_request::{Request, raw_input};
use fastpath::rest::predict_request::PredictRequest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let json_bytes = body.iter().rposition(|byte| *byte == b'}').map(|last| last + 1);
    for json_bytes in [None, json_bytes] {
        if let Ok(request) = Request::parse(body, json_bytes) {
            for model in models::all() {
                let _ = model.decode_infer(&request.tensors("fuzz", ""));
            }
        }
    }
    if let Ok(request) = PredictRequest::parse(body) {
        for model in models::all() {
            let _ = model.decode_json(request.context(), request.rows());
        }
    }
    for model in models::all() {
        let _ = raw_input(model, body);
    }
});
