//! One connection: the frames that go out, the calls that wait for an answer, and what its frames say of them.
//!
//! Nothing here waits: bytes come in by `read` and go out by `unsent`.

use std::collections::VecDeque;
use std::time::Instant;

use crate::answer::Answer;
use crate::call::{Call, HEADER_TABLE_BYTES};
use crate::header_block::Blocks;
use fastpath::http2::frame::{self, Frame};

/// No answer of the benchmarks is held up by flow control.
const STREAM_WINDOW_BYTES: u32 = 4 << 20;
const MOST_WINDOW_BYTES: u32 = (1 << 31) - 1;
/// What a window is, and how many streams there may be, where the server says nothing (RFC 9113, section 6.5.2).
const DEFAULT_WINDOW_BYTES: i64 = 65_535;
/// When the connection's window is opened again.
const REPLENISH_BYTES: u32 = 1 << 30;
/// The last stream that a client may open.
const LAST_STREAM: u32 = MOST_WINDOW_BYTES;

/// An answer that is complete, or that will not come.
#[derive(Debug, PartialEq, Eq)]
pub struct Settled {
    /// When its call was due.
    pub due: Instant,
    pub outcome: Result<(), String>,
}

struct Open {
    due: Instant,
    answer: Answer,
}

pub struct Connection {
    /// By stream: the first is that of `oldest`, and each further one the next odd number; none where it is settled.
    open: VecDeque<Option<Open>>,
    oldest: u32,
    in_flight: u32,
    most_in_flight: u32,
    /// What flow control lets this side send on the connection, and on each new stream.
    window_bytes: i64,
    stream_window_bytes: i64,
    received_bytes: u32,
    blocks: Blocks,
    /// The block that CONTINUATION adds to: its stream, whether it ends the stream, its bytes.
    block: Option<(u32, bool, Vec<u8>)>,
    answer_bytes: usize,
    /// The server's settings are here.
    pub is_ready: bool,
    /// No more calls: the server goes away.
    is_leaving: bool,
    pub unsent: Vec<u8>,
}

impl Connection {
    /// `answer_bytes` is the size of a right answer, without gRPC's prefix.
    pub fn new(answer_bytes: usize) -> Self {
        let mut unsent = frame::PREFACE.to_vec();
        let settings = [(frame::SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW_BYTES)];
        frame::put(&mut unsent, frame::SETTINGS, 0, 0, &frame::settings(&settings));
        let more = MOST_WINDOW_BYTES - 65_535;
        frame::put(&mut unsent, frame::WINDOW_UPDATE, 0, 0, &more.to_be_bytes());
        Self {
            open: VecDeque::new(),
            oldest: 1,
            in_flight: 0,
            most_in_flight: u32::MAX,
            window_bytes: DEFAULT_WINDOW_BYTES,
            stream_window_bytes: DEFAULT_WINDOW_BYTES,
            received_bytes: 0,
            blocks: Blocks::new(),
            block: None,
            answer_bytes,
            is_ready: false,
            is_leaving: false,
            unsent,
        }
    }

    /// Whether a call may go out now.
    pub fn is_free(&self, call: &Call) -> bool {
        let needed = i64::try_from(call.body_bytes).unwrap_or(i64::MAX);
        self.is_ready
            && !self.is_leaving
            && self.in_flight < self.most_in_flight
            && needed <= self.window_bytes.min(self.stream_window_bytes)
            && self.next_stream() < LAST_STREAM
    }

    /// Puts a call's frames behind what is unsent. Asked for only where the connection is free.
    pub fn call(&mut self, call: &Call, due: Instant) {
        let stream = self.next_stream();
        call.put(&mut self.unsent, stream);
        self.window_bytes -= i64::try_from(call.body_bytes).unwrap_or(i64::MAX);
        self.in_flight += 1;
        self.open.push_back(Some(Open { due, answer: Answer::default() }));
    }

    fn next_stream(&self) -> u32 {
        let waiting = u32::try_from(self.open.len()).unwrap_or(u32::MAX);
        self.oldest.saturating_add(waiting.saturating_mul(2))
    }

    /// Reads the frames at the front of `bytes`, and gives how many bytes they took. An error ends the connection.
    pub fn read(&mut self, bytes: &[u8], settled: &mut Vec<Settled>) -> Result<usize, String> {
        let mut rest = bytes;
        while let Some((frame, behind)) = Frame::split(rest) {
            self.frame(&frame, settled)?;
            rest = behind;
        }
        Ok(bytes.len() - rest.len())
    }

    fn frame(&mut self, frame: &Frame<'_>, settled: &mut Vec<Settled>) -> Result<(), String> {
        match frame.kind {
            frame::DATA => self.data(frame, settled),
            frame::HEADERS => {
                let content = frame.content().ok_or("a broken HEADERS frame")?;
                if frame.has(frame::END_HEADERS) {
                    return self.head(frame.stream, frame.has(frame::END_STREAM), content, settled);
                }
                self.block = Some((frame.stream, frame.has(frame::END_STREAM), content.to_vec()));
                Ok(())
            }
            frame::CONTINUATION => self.continuation(frame, settled),
            frame::RST_STREAM => {
                let code = frame.number().unwrap_or(u32::MAX);
                self.settle(frame.stream, settled, |_| Err(format!("reset with code {code}")));
                Ok(())
            }
            frame::SETTINGS if !frame.has(frame::ACK) => self.settings(frame.payload),
            frame::PING if !frame.has(frame::ACK) => {
                frame::put(&mut self.unsent, frame::PING, frame::ACK, 0, frame.payload);
                Ok(())
            }
            frame::GOAWAY => {
                self.is_leaving = true;
                let last = frame.number().unwrap_or(0) & MOST_WINDOW_BYTES;
                self.lose(last.saturating_add(1), "not taken by a server that goes away", settled);
                Ok(())
            }
            frame::WINDOW_UPDATE if frame.stream == 0 => {
                self.window_bytes += i64::from(frame.number().unwrap_or(0) & MOST_WINDOW_BYTES);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn data(&mut self, frame: &Frame<'_>, settled: &mut Vec<Settled>) -> Result<(), String> {
        let content = frame.content().ok_or("a broken DATA frame")?;
        if let Some(open) = self.find(frame.stream) {
            open.answer.data(content);
        }
        self.received_bytes += u32::try_from(frame.payload.len()).unwrap_or(u32::MAX);
        if self.received_bytes >= REPLENISH_BYTES {
            let received = std::mem::take(&mut self.received_bytes).to_be_bytes();
            frame::put(&mut self.unsent, frame::WINDOW_UPDATE, 0, 0, &received);
        }
        if frame.has(frame::END_STREAM) {
            self.end(frame.stream, settled);
        }
        Ok(())
    }

    fn continuation(&mut self, frame: &Frame<'_>, settled: &mut Vec<Settled>) -> Result<(), String> {
        let (stream, ends, mut block) = self.block.take().ok_or("a CONTINUATION of nothing")?;
        block.extend_from_slice(frame.payload);
        if frame.has(frame::END_HEADERS) {
            return self.head(stream, ends, &block, settled);
        }
        self.block = Some((stream, ends, block));
        Ok(())
    }

    fn head(
        &mut self,
        stream: u32,
        ends: bool,
        block: &[u8],
        settled: &mut Vec<Settled>,
    ) -> Result<(), String> {
        let statuses = self.blocks.read(block)?;
        if let Some(open) = self.find(stream) {
            open.answer.head(statuses);
        }
        if ends {
            self.end(stream, settled);
        }
        Ok(())
    }

    fn settings(&mut self, payload: &[u8]) -> Result<(), String> {
        for (name, value) in frame::read_settings(payload) {
            match name {
                frame::SETTINGS_HEADER_TABLE_SIZE if value < HEADER_TABLE_BYTES => {
                    return Err(format!(
                        "the server's header table has {value} bytes, and {HEADER_TABLE_BYTES} are needed"
                    ));
                }
                frame::SETTINGS_MAX_CONCURRENT_STREAMS => self.most_in_flight = value,
                frame::SETTINGS_INITIAL_WINDOW_SIZE => self.stream_window_bytes = i64::from(value),
                _ => {}
            }
        }
        self.is_ready = true;
        frame::put(&mut self.unsent, frame::SETTINGS, frame::ACK, 0, &[]);
        Ok(())
    }

    fn end(&mut self, stream: u32, settled: &mut Vec<Settled>) {
        let answer_bytes = self.answer_bytes;
        self.settle(stream, settled, |answer| answer.check(answer_bytes));
    }

    fn settle(
        &mut self,
        stream: u32,
        settled: &mut Vec<Settled>,
        outcome: impl FnOnce(&Answer) -> Result<(), String>,
    ) {
        let Some(open) = self.place(stream).and_then(|place| self.open.get_mut(place)?.take()) else {
            return;
        };
        self.in_flight -= 1;
        settled.push(Settled { due: open.due, outcome: outcome(&open.answer) });
        while let Some(None) = self.open.front() {
            self.open.pop_front();
            self.oldest += 2;
        }
    }

    fn find(&mut self, stream: u32) -> Option<&mut Open> {
        let place = self.place(stream)?;
        self.open.get_mut(place)?.as_mut()
    }

    fn place(&self, stream: u32) -> Option<usize> {
        let behind = stream.checked_sub(self.oldest)?;
        (behind % 2 == 0).then_some(behind as usize / 2)
    }

    /// The calls from `first` on get no answer.
    pub fn lose(&mut self, first: u32, why: &str, settled: &mut Vec<Settled>) {
        let lost: Vec<u32> =
            (self.oldest..self.next_stream()).step_by(2).filter(|each| *each >= first).collect();
        for stream in lost {
            self.settle(stream, settled, |_| Err(why.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &[u8] = b"\0\0\0\0\x02ok";

    fn ready() -> (Connection, Call, Vec<Settled>) {
        let mut connection = Connection::new(2);
        let call = Call::new("/a.B/C", "127.0.0.1:1", &[0; 1_000]).unwrap();
        assert!(!connection.is_free(&call), "before the server's settings");
        let mut bytes = Vec::new();
        let settings = frame::settings(&[(frame::SETTINGS_MAX_CONCURRENT_STREAMS, 2)]);
        frame::put(&mut bytes, frame::SETTINGS, 0, 0, &settings);
        connection.read(&bytes, &mut Vec::new()).unwrap();
        (connection, call, Vec::new())
    }

    fn answer(stream: u32, body: &[u8], status: u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        frame::put(&mut bytes, frame::HEADERS, frame::END_HEADERS, stream, &[0x88]);
        frame::put(&mut bytes, frame::DATA, 0, stream, body);
        let trailers = [&[0, 11][..], b"grpc-status", &[1, status]].concat();
        frame::put(&mut bytes, frame::HEADERS, frame::END_HEADERS | frame::END_STREAM, stream, &trailers);
        bytes
    }

    #[test]
    fn answers_in_any_order_and_in_any_pieces_settle_their_own_calls() {
        let (mut connection, call, mut settled) = ready();
        let (first, second) = (Instant::now(), Instant::now());
        connection.call(&call, first);
        connection.call(&call, second);
        assert!(!connection.is_free(&call), "as many as the server takes");
        let bytes = [answer(3, ANSWER, b'0'), answer(1, b"\0\0\0\0\x01o", b'0')].concat();
        let mut held = Vec::new();
        for byte in bytes {
            held.push(byte);
            let read = connection.read(&held, &mut settled).unwrap();
            held.drain(..read);
        }
        let expected = [
            Settled { due: second, outcome: Ok(()) },
            Settled { due: first, outcome: Err("an answer of 6 bytes".to_owned()) },
        ];
        assert_eq!(settled, expected);
        assert!(connection.is_free(&call));
    }

    #[test]
    fn what_gets_no_answer_is_an_error_of_its_call() {
        let (mut connection, call, mut settled) = ready();
        for _ in 0..2 {
            connection.call(&call, Instant::now());
        }
        let mut bytes = Vec::new();
        frame::put(&mut bytes, frame::RST_STREAM, 0, 1, &8_u32.to_be_bytes());
        frame::put(&mut bytes, frame::GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]);
        connection.read(&bytes, &mut settled).unwrap();
        let outcomes: Vec<_> = settled.into_iter().map(|settled| settled.outcome.unwrap_err()).collect();
        assert_eq!(outcomes, ["reset with code 8", "not taken by a server that goes away"]);
        assert!(!connection.is_free(&call));
    }

    #[test]
    fn no_call_goes_out_beyond_the_servers_window() {
        let (mut connection, call, mut settled) = ready();
        for round in 0..65 {
            assert!(connection.is_free(&call));
            connection.call(&call, Instant::now());
            connection.read(&answer(2 * round + 1, ANSWER, b'0'), &mut settled).unwrap();
        }
        assert!(!connection.is_free(&call));
        let mut bytes = Vec::new();
        frame::put(&mut bytes, frame::WINDOW_UPDATE, 0, 0, &1_000_u32.to_be_bytes());
        connection.read(&bytes, &mut settled).unwrap();
        assert!(connection.is_free(&call));
    }

    #[test]
    fn a_ping_is_answered() {
        let (mut connection, _, mut settled) = ready();
        connection.unsent.clear();
        let mut bytes = Vec::new();
        frame::put(&mut bytes, frame::PING, 0, 0, b"12345678");
        connection.read(&bytes, &mut settled).unwrap();
        let (pong, _) = Frame::split(&connection.unsent).unwrap();
        assert_eq!((pong.kind, pong.flags, pong.payload), (frame::PING, frame::ACK, &b"12345678"[..]));
    }
}
