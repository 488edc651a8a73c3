//! A TorchScript file. Checksums keep most of its inputs from the pickles; unit tests of `weights::pickle` flip those.
#![no_main]

use fastpath::weights::{ModelFile, Pace};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(file) = ModelFile::open(bytes.to_vec()) {
        // A compressed entry may be as large as deflate can make it; this looks for panics, not for memory.
        if file.weights_bytes() < 1 << 24 {
            let _ = file.read(true, Pace::fast()).and_then(|parts| parts.unpack());
        }
    }
});
