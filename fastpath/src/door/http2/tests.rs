//! The protocol by its frames: what a client's mean, what it is answered, and what ends a stream or the connection.

use std::time::Instant;

use bytes::Buf;

use super::fields::put_field;
use super::*;
use crate::door::body::UnaryBody;
use crate::door::settings::{
    CONNECTION_WINDOW_BYTES, EARLY_RESETS, MAX_BLOCK_FRAMES, MAX_FAULTS, SETTINGS_STRIKES,
    STREAM_WINDOW_BYTES, Settings, UNREAD_ANSWER_BYTES, WHOLE_ANSWER_BYTES,
};
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

#[test]
fn the_servers_settings_go_first_and_the_clients_are_acknowledged() {
    let mut both = Both::silent();
    assert_eq!(both.sent(), [(frame::SETTINGS, 0, 0, 18), (frame::WINDOW_UPDATE, 0, 0, 4)]);
    assert!(!both.0.has_settings());
    assert_eq!(both.told(frame::PING, 0, 0, &[0; 8]), Err(Reason::Protocol));
    assert_eq!(both.told(frame::SETTINGS, 0, 0, &[]), Ok(Saw::Nothing));
    assert_eq!(both.sent(), [(frame::SETTINGS, frame::ACK, 0, 0)]);
    assert!(both.0.has_settings());
}

#[test]
fn a_call_is_answered_by_head_data_and_trailers() {
    let mut both = Both::with(&[]);
    both.call(1);
    assert_eq!(both.answer(1, 5), None);
    assert_eq!(
        both.sent(),
        [
            (frame::HEADERS, frame::END_HEADERS, 1, 19),
            (frame::DATA, 0, 1, 10),
            (frame::HEADERS, frame::END_HEADERS | frame::END_STREAM, 1, 15),
        ]
    );
    both.call(3);
    assert_eq!(both.answer(3, 5), None);
    let sizes: Vec<_> = both.sent().into_iter().map(|(.., bytes)| bytes).collect();
    assert_eq!(sizes, [2, 10, 1]);
    // Nobody is left to answer.
    assert_eq!(both.answer(3, 5), None);
    assert!(both.sent().is_empty());
}

#[test]
fn a_small_answer_waits_for_its_window_and_a_large_one_for_a_task() {
    let mut both = Both::with(&[(frame::SETTINGS_INITIAL_WINDOW_SIZE, 4)]);
    both.call(1);
    both.call(3);
    assert_eq!(both.answer(1, 5), None);
    assert_eq!(both.sent().last(), Some(&(frame::DATA, 0, 1, 4)));
    assert_eq!(both.answer(3, UNREAD_ANSWER_BYTES), Some(UNREAD_ANSWER_BYTES + 5));
    assert_eq!(both.sent(), [(frame::HEADERS, frame::END_HEADERS, 3, 2)]);
    both.told(frame::WINDOW_UPDATE, 0, 1, &window(5)).unwrap();
    assert_eq!(both.sent(), [(frame::DATA, 0, 1, 5)]);
    // New settings change the windows of streams that are open.
    both.told(frame::SETTINGS, 0, 0, &frame::settings(&[(frame::SETTINGS_INITIAL_WINDOW_SIZE, 5)])).unwrap();
    let end = (frame::HEADERS, frame::END_HEADERS | frame::END_STREAM, 1, 15);
    assert_eq!(both.sent(), [(frame::SETTINGS, frame::ACK, 0, 0), (frame::DATA, 0, 1, 1), end]);
}

#[test]
fn all_streams_share_the_connections_window() {
    let mut both = Both::with(&[(frame::SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20)]);
    both.call(1);
    both.call(3);
    assert_eq!(both.answer(1, WHOLE_ANSWER_BYTES - 6), None, "all of the window");
    both.call(5);
    assert_eq!(both.answer(3, 5), None);
    both.sent();
    both.told(frame::WINDOW_UPDATE, 0, 0, &window(100)).unwrap();
    assert_eq!(both.sent().len(), 2, "DATA and trailers of the third");
    assert_eq!(both.answer(5, 1 << 20), Some((1 << 20) + 5));
}

#[test]
fn long_messages_go_in_frames_that_every_client_takes() {
    let mut both = Both::with(&[]);
    both.call(1);
    both.answer(1, 40_000);
    let data: Vec<_> = both.sent().into_iter().filter(|(kind, ..)| *kind == frame::DATA).collect();
    assert_eq!(data.iter().map(|(.., bytes)| bytes).sum::<usize>(), 40_005);
    assert!(data.iter().all(|(.., bytes)| *bytes <= frame::MIN_FRAME_BYTES));
}

#[test]
fn an_answer_before_the_requests_end_tells_its_client_to_stop() {
    let mut both = Both::with(&[]);
    both.head(1, 0, &[]).unwrap();
    both.0.put_refusal(1, &http::HeaderMap::new());
    assert_eq!(both.resets(), [(1, Reason::NoError as u32)]);
    // What was on its way is passed over; trailers too.
    assert_eq!(both.told(frame::DATA, 0, 1, MESSAGE), Ok(Saw::Nothing));
    assert_eq!(both.head(1, frame::END_STREAM, &[]), Ok(Saw::Nothing));
    assert!(both.resets().is_empty());
}

#[test]
fn what_is_read_is_given_back_half_a_window_at_a_time() {
    let mut both = Both::with(&[]);
    both.head(1, 0, &[]).unwrap();
    let piece = [0; 16_384];
    let half = STREAM_WINDOW_BYTES as usize / 2;
    let mut updates = Vec::new();
    for _ in 0..CONNECTION_WINDOW_BYTES as usize / piece.len() {
        both.told(frame::DATA, 0, 1, &piece).unwrap();
        updates.extend(both.frames());
    }
    let of =
        |stream| updates.iter().filter(move |(.., each, _)| *each == stream).map(|(.., bytes)| bytes.clone());
    assert!(of(1).all(|bytes| bytes == window(half)));
    assert_eq!(of(1).count(), CONNECTION_WINDOW_BYTES as usize / half);
    assert_eq!(of(0).count(), 2);
}

#[test]
fn a_client_that_sends_more_than_its_windows_is_stopped() {
    let mut both = Both::with(&[]);
    both.head(1, 0, &[]).unwrap();
    // A task reads it, and does not yet.
    let piece = [0; 16_384];
    both.0.streams.get_mut(&1).unwrap().inbox = Some(Box::default());
    for _ in 0..STREAM_WINDOW_BYTES as usize / piece.len() {
        assert_eq!(both.told(frame::DATA, 0, 1, &piece), Ok(Saw::Nothing));
    }
    assert_eq!(both.told(frame::DATA, 0, 1, b"x"), Ok(Saw::Gone));
    assert_eq!(both.resets(), [(1, Reason::FlowControl as u32)]);
}

#[test]
fn what_nobody_has_read_of_a_stream_is_given_back_to_the_connection_with_its_end() {
    let mut both = Both::with(&[]);
    let mut piece = [0; 16_384];
    piece[0] = 250;
    let mut windows = 0;
    for count in 0..3 * CONNECTION_WINDOW_BYTES / STREAM_WINDOW_BYTES {
        let stream = 2 * count + 1;
        both.head(stream, 0, &[]).unwrap();
        both.0.streams.get_mut(&stream).unwrap().inbox = Some(Box::default());
        for _ in 0..STREAM_WINDOW_BYTES as usize / piece.len() {
            // 251 of the bytes are padding.
            assert_eq!(both.told(frame::DATA, 8, stream, &piece), Ok(Saw::Nothing));
        }
        // Some of it was.
        both.0.release(stream, 100);
        assert_eq!(both.told(frame::RST_STREAM, 0, stream, &[0; 4]), Ok(Saw::Gone));
        both.0.release(stream, 100);
        let given = both
            .frames()
            .into_iter()
            .filter(|(kind, _, stream, _)| (*kind, *stream) == (frame::WINDOW_UPDATE, 0));
        windows += given.map(|(.., more)| u32::from_be_bytes(*more.first_chunk().unwrap())).sum::<u32>();
    }
    assert_eq!(windows, 3 * CONNECTION_WINDOW_BYTES);
}

#[test]
fn padding_counts_and_is_no_content() {
    let mut both = Both::with(&[]);
    both.head(1, 0, &[]).unwrap();
    let padded = [&[2][..], MESSAGE, &[0, 0]].concat();
    let data = both.told(frame::DATA, frame::END_STREAM | 8, 1, &padded);
    assert_eq!(data, Ok(Saw::Data(1, MESSAGE.to_vec(), true)));
    both.head(3, 0, &[]).unwrap();
    assert_eq!(both.told(frame::DATA, 8, 3, &[3, 0, 0]), Err(Reason::Protocol));
}

#[test]
fn a_body_has_the_length_that_its_head_announced() {
    let length = MESSAGE.len().to_string();
    let mut both = Both::with(&[]);
    both.head(1, 0, &[("content-length", &length)]).unwrap();
    assert!(matches!(both.told(frame::DATA, frame::END_STREAM, 1, MESSAGE), Ok(Saw::Data(..))));
    both.head(3, 0, &[("content-length", &length)]).unwrap();
    assert_eq!(both.told(frame::DATA, frame::END_STREAM, 3, &MESSAGE[1..]), Ok(Saw::Gone));
    both.head(5, 0, &[("content-length", "3")]).unwrap();
    assert_eq!(both.told(frame::DATA, 0, 5, MESSAGE), Ok(Saw::Gone));
    assert_eq!(both.head(7, frame::END_STREAM, &[("content-length", "3")]), Ok(Saw::Gone));
    let faults: Vec<_> =
        both.resets().into_iter().filter(|(_, code)| *code == Reason::Protocol as u32).collect();
    assert_eq!(faults.len(), 3);
}

#[test]
fn a_block_may_come_in_parts_and_nothing_between_them() {
    let mut both = Both::with(&[]);
    let block = head(&[]);
    let (front, back) = block.split_at(9);
    assert_eq!(both.told(frame::HEADERS, frame::END_STREAM, 1, front), Ok(Saw::Nothing));
    assert_eq!(both.told(frame::CONTINUATION, 0, 1, &[]), Ok(Saw::Nothing));
    assert_eq!(both.told(frame::CONTINUATION, frame::END_HEADERS, 1, back), Ok(Saw::Call(1, true)));
    assert_eq!(both.told(frame::CONTINUATION, frame::END_HEADERS, 1, back), Err(Reason::Protocol));
    for (kind, stream) in [(frame::DATA, 3), (frame::CONTINUATION, 5), (250, 3)] {
        let mut both = Both::with(&[]);
        both.told(frame::HEADERS, 0, 3, front).unwrap();
        assert_eq!(both.told(kind, 0, stream, &[]), Err(Reason::Protocol));
    }
}

#[test]
fn a_block_without_an_end_is_given_up() {
    let mut both = Both::with(&[]);
    both.told(frame::HEADERS, 0, 1, &[]).unwrap();
    let ended = (0..MAX_BLOCK_FRAMES).find_map(|_| both.told(frame::CONTINUATION, 0, 1, &[]).err());
    assert_eq!(ended, Some(Reason::EnhanceYourCalm));
    let mut both = Both::with(&[]);
    both.told(frame::HEADERS, 0, 1, &[0; 16_384]).unwrap();
    both.told(frame::CONTINUATION, 0, 1, &[0; 16_384]).unwrap();
    assert_eq!(both.told(frame::CONTINUATION, 0, 1, &[0; 1]), Err(Reason::EnhanceYourCalm));
}

#[test]
fn frames_on_streams_that_cannot_have_them_end_the_connection() {
    let cases: [(u8, u8, u32, &[u8], Reason); 16] = [
        (frame::DATA, 0, 0, b"x", Reason::Protocol),
        (frame::DATA, 0, 1, b"x", Reason::Protocol),
        (frame::HEADERS, frame::END_HEADERS, 0, b"", Reason::Protocol),
        (frame::HEADERS, frame::END_HEADERS, 2, b"", Reason::Protocol),
        (frame::HEADERS, frame::END_HEADERS, 1, &[0xff], Reason::Compression),
        (frame::PRIORITY, 0, 0, &[0; 5], Reason::Protocol),
        (frame::RST_STREAM, 0, 1, &[0; 4], Reason::Protocol),
        (frame::RST_STREAM, 0, 1, &[0; 3], Reason::FrameSize),
        (frame::SETTINGS, 0, 1, &[], Reason::Protocol),
        (frame::SETTINGS, 0, 0, &[0; 5], Reason::FrameSize),
        (frame::SETTINGS, frame::ACK, 0, &[0; 6], Reason::FrameSize),
        (frame::PUSH_PROMISE, 0, 1, &[], Reason::Protocol),
        (frame::PING, 0, 1, &[0; 8], Reason::Protocol),
        (frame::PING, 0, 0, &[0; 7], Reason::FrameSize),
        (frame::WINDOW_UPDATE, 0, 0, &[0; 4], Reason::Protocol),
        (frame::WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1], Reason::Protocol),
    ];
    for (kind, flags, stream, payload, reason) in cases {
        assert_eq!(Both::with(&[]).told(kind, flags, stream, payload), Err(reason), "{kind} on {stream}");
    }
    for (name, value, reason) in [
        (frame::SETTINGS_ENABLE_PUSH, 2, Reason::Protocol),
        (frame::SETTINGS_INITIAL_WINDOW_SIZE, 1 << 31, Reason::FlowControl),
        (frame::SETTINGS_MAX_FRAME_SIZE, 16_383, Reason::Protocol),
    ] {
        let settings = frame::settings(&[(name, value)]);
        assert_eq!(Both::with(&[]).told(frame::SETTINGS, 0, 0, &settings), Err(reason));
    }
}

#[test]
fn frames_on_a_stream_that_has_ended_are_faults() {
    let mut both = Both::with(&[]);
    both.call(1);
    assert_eq!(both.told(frame::DATA, 0, 1, b"x"), Ok(Saw::Gone));
    assert_eq!(both.resets(), [(1, Reason::StreamClosed as u32)]);
    both.call(3);
    both.answer(3, 5);
    both.sent();
    assert_eq!(both.told(frame::DATA, 0, 3, b"x"), Ok(Saw::Gone));
    assert_eq!(both.resets(), [(3, Reason::StreamClosed as u32)]);
    both.call(5);
    both.answer(5, 5);
    assert_eq!(both.head(5, frame::END_STREAM, &[]), Err(Reason::StreamClosed));
}

#[test]
fn a_second_head_ends_the_request_or_is_a_fault() {
    let trailers = |both: &mut Both, stream, flags| {
        let mut block = Vec::new();
        put_field(&mut block, b"x", b"1");
        both.told(frame::HEADERS, frame::END_HEADERS | flags, stream, &block)
    };
    let mut both = Both::with(&[]);
    both.head(1, 0, &[]).unwrap();
    assert_eq!(trailers(&mut both, 1, frame::END_STREAM), Ok(Saw::Data(1, Vec::new(), true)));
    both.head(3, 0, &[]).unwrap();
    assert_eq!(trailers(&mut both, 3, 0), Ok(Saw::Gone));
    both.head(5, 0, &[]).unwrap();
    assert_eq!(both.head(5, frame::END_STREAM, &[]), Ok(Saw::Gone), "pseudo-headers in trailers");
}

#[test]
fn a_call_beyond_the_limit_is_refused_and_a_place_is_given_back() {
    let mut both = Both::with(&[]);
    (0..STREAMS).for_each(|count| both.call(2 * count + 1));
    both.sent();
    let more = 2 * STREAMS + 1;
    assert_eq!(both.head(more, 0, &[]), Ok(Saw::Gone));
    assert_eq!(both.resets(), [(more, Reason::RefusedStream as u32)]);
    assert_eq!(both.told(frame::RST_STREAM, 0, 1, &[0; 4]), Ok(Saw::Gone));
    both.call(more + 2);
}

#[test]
fn faults_without_end_end_the_connection() {
    let mut both = Both::with(&[]);
    let mut ended = None;
    for count in 0..=u32::try_from(MAX_FAULTS).unwrap() {
        ended = both.head(2 * count + 1, 0, &[("connection", "close")]).err();
    }
    assert_eq!(ended, Some(Reason::EnhanceYourCalm));
}

#[test]
fn work_on_a_stream_that_ends_its_connection_is_not_lost() {
    let token = 7;
    let mut both = Both::with(&[]);
    both.call(1);
    both.0.set_work(1, Work::Waits(token));
    for count in 1..=EARLY_RESETS {
        both.head(2 * count + 1, 0, &[]).unwrap();
        assert_eq!(both.told(frame::RST_STREAM, 0, 2 * count + 1, &[0; 4]), Ok(Saw::Gone));
    }
    assert_eq!(both.told(frame::RST_STREAM, 0, 1, &[0; 4]), Err(Reason::EnhanceYourCalm));
    assert!(both.0.take_all().iter().any(|work| matches!(work, Work::Waits(7))));

    let mut both = Both::with(&[]);
    both.call(1);
    both.0.set_work(1, Work::Waits(token));
    for count in 1..=u32::try_from(MAX_FAULTS).unwrap() {
        both.head(2 * count + 1, 0, &[("connection", "close")]).unwrap();
    }
    assert_eq!(both.told(frame::DATA, 0, 1, b"x"), Err(Reason::EnhanceYourCalm));
    assert!(both.0.take_all().iter().any(|work| matches!(work, Work::Waits(7))));
}

#[test]
fn windows_that_are_not_opened_hide_no_flood() {
    let mut both = Both::with(&[(frame::SETTINGS_INITIAL_WINDOW_SIZE, 0)]);
    both.call(1);
    both.answer(1, 5);
    let ended = (0..=SETTINGS_STRIKES).find_map(|_| {
        let ended = both.told(frame::SETTINGS, 0, 0, &[]).err();
        both.sent();
        ended
    });
    assert_eq!(ended, Some(Reason::EnhanceYourCalm));
}

#[test]
fn the_last_stream_that_was_named_stays_the_last() {
    let mut both = Both::with(&[]);
    both.0.retire();
    let ping = both.frames()[1].3.clone();
    both.told(frame::PING, frame::ACK, 0, &ping).unwrap();
    both.head(9, 0, &[]).unwrap();
    both.0.abort(Reason::Protocol);
    let goaways: Vec<_> = both.frames().into_iter().map(|(.., payload)| payload[..4].to_vec()).collect();
    assert_eq!(goaways, [[0; 4], [0; 4]]);
}

#[test]
fn a_head_that_is_too_long_is_answered_431() {
    let mut both = Both::with(&[]);
    let long = "x".repeat(20_000);
    let block = head(&[("x", &long)]);
    let (front, back) = block.split_at(16_384);
    both.told(frame::HEADERS, frame::END_STREAM, 1, front).unwrap();
    both.told(frame::CONTINUATION, frame::END_HEADERS, 1, back).unwrap();
    let frames = both.frames();
    assert_eq!(frames.len(), 1);
    assert!(frames[0].3.ends_with(b"431"));
}

#[test]
fn a_client_is_told_to_go_twice() {
    let mut both = Both::with(&[]);
    both.call(1);
    both.0.retire();
    let frames = both.frames();
    assert_eq!(frames[0].3[..4], LAST_STREAM.to_be_bytes());
    let ping = frames[1].3.clone();
    both.call(3);
    both.told(frame::PING, frame::ACK, 0, b"anything").unwrap();
    assert!(both.sent().is_empty());
    both.told(frame::PING, frame::ACK, 0, &ping).unwrap();
    assert_eq!(both.frames()[0].3[..4], 3_u32.to_be_bytes());
    // It could not know.
    assert_eq!(both.head(5, 0, &[]), Ok(Saw::Nothing));
    assert_eq!(both.told(frame::DATA, frame::END_STREAM, 5, MESSAGE), Ok(Saw::Nothing));
    assert!(!both.0.is_over());
    both.answer(1, 5);
    both.answer(3, 5);
    assert!(both.0.is_over());
}

#[test]
fn windows_that_overflow_are_faults() {
    let most = LAST_STREAM as usize;
    let mut both = Both::with(&[]);
    both.call(1);
    assert_eq!(both.told(frame::WINDOW_UPDATE, 0, 1, &window(most)), Ok(Saw::Gone));
    assert_eq!(both.resets(), [(1, Reason::FlowControl as u32)]);
    both.call(3);
    assert_eq!(both.told(frame::WINDOW_UPDATE, 0, 3, &window(0)), Ok(Saw::Gone));
    assert_eq!(both.told(frame::WINDOW_UPDATE, 0, 3, &window(9)), Ok(Saw::Nothing), "it is gone");
    assert_eq!(both.told(frame::WINDOW_UPDATE, 0, 0, &window(most)), Err(Reason::FlowControl));
}

#[test]
fn calls_that_arrive_are_counted_whatever_becomes_of_them() {
    let mut both = Both::with(&[]);
    let arrives = |both: &mut Both, stream| {
        let payload = &head(&[]);
        let frame = Frame { kind: frame::HEADERS, flags: frame::END_HEADERS, stream, payload };
        let event = both.0.frame(&frame, Instant::now());
        let Ok(Event::Call(_, call, _)) = event else { panic!("no call") };
        let body = UnaryBody::new(1 << 20, &std::rc::Rc::default());
        let arriving = Arriving { method: Method::Predict, call, body, since: Instant::now() };
        both.0.set_work(stream, Work::Arrives(arriving));
    };
    (0..STREAMS).for_each(|count| arrives(&mut both, 2 * count + 1));
    assert_eq!(both.0.all_arriving().count(), STREAMS as usize);
    both.0.set_work(1, Work::Waits(7));
    both.told(frame::RST_STREAM, 0, 3, &[0; 4]).unwrap();
    both.0.put_refusal(5, &http::HeaderMap::new());
    assert!(both.0.has_arriving());
    both.0.reset(7, Reason::Cancel);
    assert!(!both.0.has_arriving());
    assert_eq!(both.0.take_all().len(), 1);
}
