//! A model.toml.
#![no_main]

use fastpath::engine::Model;
use fastpath::spec::ModelSpec;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    // A model may have tensors as large as its author likes; this looks for panics, not for memory.
    if text.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.len() > 4) {
        return;
    }
    if let Ok(model) = ModelSpec::parse("fuzz", text, Vec::new()).and_then(|spec| Model::new(spec, 1)) {
        let _ = model.lines();
        let _ = model.default_rows(1);
    }
});
