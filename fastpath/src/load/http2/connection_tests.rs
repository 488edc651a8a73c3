//! A connection against frames that a server may send, and what goes out then.

use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;

use super::connection::{Connection, End};
use super::head::{Head, put_plain};
use crate::http2::frame::{self, Frame};
use crate::load::answer::{Answer, Expected};
use crate::load::call::{Call, Calls, Ticket};

struct Both {
    connection: Connection,
    calls: Calls,
    over: Vec<(u32, End)>,
}

impl Both {
    /// With a server that has said so much.
    fn new(settings: &[(u16, u32)]) -> Self {
        let connection = Connection::new(Rc::new(Head::new(false, &[], None)));
        let mut both = Self { connection, calls: Calls::new(), over: Vec::new() };
        both.told(frame::SETTINGS, 0, 0, &frame::settings(settings)).unwrap();
        both.connection.unsent.clear();
        both
    }

    fn told(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Result<usize, String> {
        let mut bytes = Vec::new();
        frame::put(&mut bytes, kind, flags, stream, payload);
        self.connection.read(&bytes, &mut self.calls, &mut self.over)
    }

    /// Begins a call that sends so many bytes.
    fn begin(&mut self, bytes: usize) -> u32 {
        assert!(self.connection.is_free());
        let key = self.calls.insert(Call {
            ticket: Ticket { number: 0, due: Instant::now() },
            worker: 0,
            deadline: None,
            connection: 1,
            stream: 0,
            unseen: 0,
            window: 0,
            unsent: Bytes::from(vec![7; bytes]),
            closes: true,
            is_closed: false,
            received: 0,
            answer: Answer::new(Expected { max_message_bytes: 1 << 20, ..Expected::default() }),
        });
        let call = self.calls.find(key).unwrap();
        self.connection.open(key.index, call, &[], Instant::now());
        self.connection.send(key.index, call);
        key.index
    }

    /// What goes out now: kind, stream, size, and whether it is the stream's last.
    fn sent(&mut self) -> Vec<(u8, u32, usize, bool)> {
        let bytes = std::mem::take(&mut self.connection.unsent);
        let mut rest = bytes.as_slice();
        let mut sent = Vec::new();
        while let Some((frame, behind)) = Frame::split(rest) {
            sent.push((frame.kind, frame.stream, frame.payload.len(), frame.has(frame::END_STREAM)));
            rest = behind;
        }
        sent.into_iter().filter(|(kind, ..)| *kind == frame::DATA || *kind == frame::RST_STREAM).collect()
    }
}

fn answer_head() -> Vec<u8> {
    let mut block = vec![0x88];
    put_plain(&mut block, "content-type", b"application/grpc");
    block
}

fn trailers() -> Vec<u8> {
    let mut block = Vec::new();
    put_plain(&mut block, "grpc-status", b"0");
    block
}

#[test]
fn a_message_goes_out_as_far_as_the_windows_let_it() {
    let mut both = Both::new(&[(frame::SETTINGS_INITIAL_WINDOW_SIZE, 20_000)]);
    both.begin(30_000);
    assert_eq!(both.sent(), [(frame::DATA, 1, 16_384, false), (frame::DATA, 1, 3_616, false)]);
    both.told(frame::WINDOW_UPDATE, 0, 1, &9_999_u32.to_be_bytes()).unwrap();
    assert_eq!(both.sent(), [(frame::DATA, 1, 9_999, false)]);
    both.told(frame::SETTINGS, 0, 0, &frame::settings(&[(frame::SETTINGS_INITIAL_WINDOW_SIZE, 30_000)]))
        .unwrap();
    assert_eq!(both.sent(), [(frame::DATA, 1, 1, true)]);
}

#[test]
fn calls_share_the_connections_window() {
    let mut both = Both::new(&[(frame::SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20)]);
    both.begin(65_000);
    both.begin(1_000);
    let sent: usize = both.sent().iter().map(|(_, _, bytes, _)| bytes).sum();
    assert_eq!(sent, 65_535);
    both.told(frame::WINDOW_UPDATE, 0, 0, &1_000_u32.to_be_bytes()).unwrap();
    assert_eq!(both.sent(), [(frame::DATA, 3, 465, true)]);
}

#[test]
fn as_many_calls_are_under_way_as_the_server_lets_there_be() {
    let mut both = Both::new(&[(frame::SETTINGS_MAX_CONCURRENT_STREAMS, 2)]);
    let first = both.begin(1);
    both.begin(1);
    assert!(!both.connection.is_free());
    both.told(frame::HEADERS, frame::END_HEADERS, 1, &answer_head()).unwrap();
    both.told(frame::DATA, 0, 1, b"\0\0\0\0\x01a").unwrap();
    // In pieces, as a long head comes.
    let trailers = trailers();
    both.told(frame::HEADERS, frame::END_STREAM, 1, &trailers[..3]).unwrap();
    both.told(frame::CONTINUATION, frame::END_HEADERS, 1, &trailers[3..]).unwrap();
    assert_eq!(both.over, [(first, End::Answered)]);
    assert_eq!(both.calls.get_mut(first).unwrap().answer.result().unwrap().0, 1);
    assert!(both.connection.is_free());
}

#[test]
fn calls_that_a_server_going_away_has_not_looked_at_are_told_from_those_that_it_has() {
    let mut both = Both::new(&[]);
    let (looked_at, left) = (both.begin(1), both.begin(1));
    both.told(frame::GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]).unwrap();
    assert_eq!(both.over, [(left, End::Left)]);
    assert_eq!(both.connection.calls().collect::<Vec<_>>(), [looked_at]);
    assert!(!both.connection.is_free());
    both.told(frame::RST_STREAM, 0, 1, &[0, 0, 0, 7]).unwrap();
    assert_eq!(both.over[1], (looked_at, End::Refused));
    assert_eq!(both.connection.under_way(), 0);
}

#[test]
fn a_call_that_is_cancelled_is_reset_and_hears_nothing_more() {
    let mut both = Both::new(&[]);
    both.begin(1);
    both.sent();
    both.connection.cancel(1);
    assert_eq!(both.sent(), [(frame::RST_STREAM, 1, 4, false)]);
    both.told(frame::HEADERS, frame::END_HEADERS | frame::END_STREAM, 1, &trailers()).unwrap();
    both.told(frame::RST_STREAM, 0, 99, &[0, 0, 0, 8]).unwrap();
    assert!(both.over.is_empty());
}

#[test]
fn what_breaks_http2_ends_the_connection() {
    assert!(Both::new(&[]).told(frame::CONTINUATION, 0, 1, b"").is_err());
    assert!(Both::new(&[]).told(frame::HEADERS, frame::END_HEADERS, 1, &[0xe4]).is_err());
    assert!(Both::new(&[]).told(frame::DATA, 8, 1, &[9]).is_err());
    let mut both = Both::new(&[]);
    assert!(both.connection.read(&[1, 0, 0, 0, 0, 0, 0, 0, 1], &mut both.calls, &mut both.over).is_err());
}
