//! What a peer sends on a connection, in pieces: the same is read of it however it is cut.
#![no_main]

use std::time::Instant;

use fastpath::door::frames::Frames;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (step, bytes) = input;
    let now = Instant::now();
    assert_eq!(read(bytes, bytes.len(), now), read(bytes, usize::from(step), now));
});

/// The streams that were reset, whether the peer floods, and whether anything came.
fn read(bytes: &[u8], step: usize, now: Instant) -> (Vec<u32>, bool, bool) {
    let mut frames = Frames::new();
    bytes.chunks(step.max(1)).for_each(|piece| frames.read(piece, || now));
    (frames.take_resets(), frames.is_flood(), frames.heard())
}
