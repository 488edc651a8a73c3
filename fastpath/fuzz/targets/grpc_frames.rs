//! The DATA of a call, in pieces: the same messages come out however it is cut, and none expands beyond its limit.
#![no_main]

use bytes::Bytes;
use fastpath::grpc::frame::Frame;
use fastpath::grpc::{Deframer, Encoding, percent, timeout};
use libfuzzer_sys::fuzz_target;

const MAX_MESSAGE_BYTES: usize = 4096;
const ENCODINGS: [Encoding; 4] = [Encoding::Identity, Encoding::Gzip, Encoding::Deflate, Encoding::Zstd];

fuzz_target!(|input: (u8, &[u8])| {
    let (step, body) = input;
    let whole = frames(body, body.len());
    let cut = frames(body, usize::from(step));
    assert_eq!(whole, cut);
    for frame in whole.0 {
        for encoding in ENCODINGS {
            if let Ok(message) = encoding.open(frame.clone(), MAX_MESSAGE_BYTES) {
                assert!(message.len() <= MAX_MESSAGE_BYTES);
            }
        }
    }
    let _ = percent::decode(body);
    if let Some(granted) = timeout::parse(body) {
        assert!(timeout::parse(timeout::format(granted).as_bytes()).is_some_and(|read| read >= granted));
    }
});

/// The frames of a body that comes in pieces of `step` bytes, and whether it ended well.
fn frames(body: &[u8], step: usize) -> (Vec<Frame>, bool) {
    let mut deframer = Deframer::new(MAX_MESSAGE_BYTES);
    let mut found = Vec::new();
    for piece in body.chunks(step.max(1)) {
        deframer.push(Bytes::copy_from_slice(piece));
        loop {
            match deframer.next_frame() {
                Ok(Some(frame)) => found.push(frame),
                Ok(None) => break,
                Err(_) => return (found, false),
            }
        }
    }
    (found, deframer.is_empty())
}
