//! The protocol by its frames: what a client's mean, what it is answered, and what ends a stream or the connection.

mod answers;
mod requests;

use std::time::Instant;

use bytes::Buf;

use super::fields::put_field;
use super::*;
use crate::door::body::UnaryBody;
use crate::door::settings::Settings;
use crate::engine::Method;
use crate::grpc::{Encoding, Framed};
use crate::http2::frame::{self, Frame, LAST_STREAM, Reason};

const STREAMS: u32 = 4;
const PATH: &str = "/penstock.v1.Prediction/Predict";
const MESSAGE: &[u8] = b"\0\0\0\0\x05fraud";

/// What an event says, without what cannot be compared.
#[derive(Debug, PartialEq, Eq)]
enum Saw {
    Nothing,
    Call(u32, bool),
    Data(u32, Vec<u8>, bool),
    Gone,
}

/// A connection, and its client.
struct Both(Protocol);

impl Both {
    /// Of a client that has said nothing.
    fn silent() -> Self {
        let settings = Settings {
            io_threads: 1,
            pin_threads: false,
            max_receive_bytes: 1 << 20,
            max_concurrent_streams: STREAMS,
            max_stream_in_flight: 1,
            max_connections: 1,
            max_connection_age: std::time::Duration::from_mins(1),
            response_encoding: Encoding::Identity,
        };
        Self(Protocol::new(&settings))
    }

    /// Of a client that has sent its settings, which were acknowledged.
    fn with(settings: &[(u16, u32)]) -> Self {
        let mut both = Self::silent();
        assert_eq!(both.told(frame::SETTINGS, 0, 0, &frame::settings(settings)), Ok(Saw::Nothing));
        both.0.unsent.clear();
        both
    }

    fn told(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Result<Saw, Reason> {
        let event = self.0.frame(&Frame { kind, flags, stream, payload }, Instant::now())?;
        Ok(match event {
            Event::Nothing => Saw::Nothing,
            Event::Call(stream, _, has_ended) => Saw::Call(stream, has_ended),
            Event::Data(stream, content, has_ended) => Saw::Data(stream, content.to_vec(), has_ended),
            Event::Gone(_) => Saw::Gone,
        })
    }

    fn head(&mut self, stream: u32, flags: u8, more: &[(&str, &str)]) -> Result<Saw, Reason> {
        self.told(frame::HEADERS, frame::END_HEADERS | flags, stream, &head(more))
    }

    /// A call whose body has come.
    fn call(&mut self, stream: u32) {
        assert_eq!(self.head(stream, 0, &[]), Ok(Saw::Call(stream, false)));
        let data = self.told(frame::DATA, frame::END_STREAM, stream, MESSAGE);
        assert_eq!(data, Ok(Saw::Data(stream, MESSAGE.to_vec(), true)));
    }

    fn answer(&mut self, stream: u32, bytes: usize) -> Option<usize> {
        let message = Framed::new(vec![7; bytes], false);
        self.0.answer(stream, Encoding::Identity, message).map(|message| message.remaining())
    }

    /// What was sent since the last time: kind, flags, stream, bytes.
    fn sent(&mut self) -> Vec<(u8, u8, u32, usize)> {
        self.frames()
            .iter()
            .map(|(kind, flags, stream, payload)| (*kind, *flags, *stream, payload.len()))
            .collect()
    }

    fn frames(&mut self) -> Vec<(u8, u8, u32, Vec<u8>)> {
        self.0.go_on();
        let bytes = std::mem::take(&mut self.0.unsent);
        let (mut rest, mut frames) = (bytes.as_slice(), Vec::new());
        while let Some((frame, behind)) = Frame::split(rest) {
            frames.push((frame.kind, frame.flags, frame.stream, frame.payload.to_vec()));
            rest = behind;
        }
        assert!(rest.is_empty());
        frames
    }

    /// The streams that were reset since the last time, and why.
    fn resets(&mut self) -> Vec<(u32, u32)> {
        let code = |payload: &[u8]| u32::from_be_bytes(*payload.first_chunk().unwrap());
        let frames = self.frames();
        let resets = frames.iter().filter(|(kind, ..)| *kind == frame::RST_STREAM);
        resets.map(|(_, _, stream, payload)| (*stream, code(payload))).collect()
    }
}

fn head(more: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    let fields =
        [(":method", "POST"), (":scheme", "http"), (":path", PATH), ("content-type", "application/grpc")];
    for (name, value) in fields.iter().chain(more) {
        put_field(&mut block, name.as_bytes(), value.as_bytes());
    }
    block
}

fn window(more: usize) -> [u8; 4] {
    u32::try_from(more).unwrap().to_be_bytes()
}
