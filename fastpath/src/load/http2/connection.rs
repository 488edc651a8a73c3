//! One connection: the frames that go out, the calls on its streams, and what the server's frames say of them.

use std::collections::VecDeque;
use std::rc::Rc;

use super::blocks::Blocks;
use super::head::{self, Head, Table};
use super::streams::Streams;
use crate::http2::frame::{
    self, DEFAULT_WINDOW_BYTES, Frame, LAST_STREAM, MIN_FRAME_BYTES, Reason, TABLE_BYTES,
};
use crate::load::call::{Call, Calls};

/// What the server may send before it hears that it was read: nothing that is read here is kept for long.
const WINDOW_BYTES: u32 = 1 << 30;
/// When a window is opened again.
const REPLENISH_BYTES: u32 = 1 << 29;
/// Of heads and trailers, where a server's error details stand.
const MAX_HEADER_BYTES: u32 = 64 << 10;
const CANCEL: u32 = Reason::Cancel as u32;
const REFUSED_STREAM: u32 = Reason::RefusedStream as u32;

/// How a call on this connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its answer says how.
    Answered,
    /// The server has reset it, with this code.
    Reset(u32),
    /// The same, and it has looked at nothing of it.
    Refused,
    /// The server goes away, and will not look at it.
    Left,
}

pub struct Connection {
    head: Rc<Head>,
    table: Table,
    /// A smaller table, which the next head must say is known of.
    table_size: Option<usize>,
    streams: Streams,
    most_under_way: usize,
    /// What flow control lets this side send on the connection, and on each new stream.
    window: i64,
    stream_window: i64,
    /// Calls whose bodies wait for a window.
    held_back: VecDeque<u32>,
    received: u32,
    blocks: Blocks,
    /// The block that CONTINUATION adds to: its stream, whether it ends the stream, its bytes.
    block: Option<(u32, bool, Vec<u8>)>,
    /// The server's settings are here.
    pub is_ready: bool,
    /// No more calls: the server goes away, or has no more streams.
    pub is_leaving: bool,
    /// Pings that were answered.
    pub pongs: u64,
    pub unsent: Vec<u8>,
}

impl Connection {
    #[must_use]
    pub fn new(head: Rc<Head>) -> Self {
        let mut unsent = frame::PREFACE.to_vec();
        let settings = [
            (frame::SETTINGS_ENABLE_PUSH, 0),
            (frame::SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_BYTES),
            (frame::SETTINGS_MAX_HEADER_LIST_SIZE, MAX_HEADER_BYTES),
        ];
        frame::put(&mut unsent, frame::SETTINGS, 0, 0, &frame::settings(&settings));
        frame::put(
            &mut unsent,
            frame::WINDOW_UPDATE,
            0,
            0,
            &(WINDOW_BYTES - DEFAULT_WINDOW_BYTES).to_be_bytes(),
        );
        Self {
            head,
            table: Table::Empty,
            table_size: None,
            streams: Streams::default(),
            most_under_way: usize::MAX,
            window: DEFAULT_WINDOW_BYTES.into(),
            stream_window: DEFAULT_WINDOW_BYTES.into(),
            held_back: VecDeque::new(),
            received: 0,
            blocks: Blocks::default(),
            block: None,
            is_ready: false,
            is_leaving: false,
            pongs: 0,
            unsent,
        }
    }

    /// Whether a call may go out now.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.is_ready && !self.is_leaving && self.under_way() < self.most_under_way
    }

    /// Opens the next stream for a call, whose further headers are HPACK. Asked for only where the connection is free.
    pub fn open(&mut self, index: u32, call: &mut Call, further: &[u8], now: std::time::Instant) {
        let stream = self.streams.next();
        call.stream = stream;
        call.window = self.stream_window;
        let start = self.unsent.len();
        frame::put_head(&mut self.unsent, frame::HEADERS, frame::END_HEADERS, stream, 0);
        if let Some(bytes) = self.table_size.take() {
            head::put_table_size(&mut self.unsent, bytes);
        }
        let remaining = call.deadline.map(|deadline| deadline.saturating_duration_since(now));
        self.head.put(&mut self.unsent, &mut self.table, remaining);
        self.unsent.extend_from_slice(further);
        frame::close_block(&mut self.unsent, start, stream);
        self.streams.open(index);
        // Past it, calls go out on another connection.
        self.is_leaving |= self.streams.next() >= LAST_STREAM - 1;
    }

    /// Sends what the call has to send, as far as the windows let it; the rest follows as they open.
    pub fn send(&mut self, index: u32, call: &mut Call) {
        if self.put_body(call) || self.held_back.contains(&index) {
            return;
        }
        self.held_back.push_back(index);
    }

    /// Says whether all of it is out.
    fn put_body(&mut self, call: &mut Call) -> bool {
        while !call.unsent.is_empty() {
            let window = usize::try_from(call.window.min(self.window)).unwrap_or(0);
            let bytes = call.unsent.len().min(window).min(MIN_FRAME_BYTES);
            if bytes == 0 {
                return false;
            }
            let part = call.unsent.split_to(bytes);
            let ends = call.closes && call.unsent.is_empty();
            let flags = if ends { frame::END_STREAM } else { 0 };
            frame::put(&mut self.unsent, frame::DATA, flags, call.stream, &part);
            call.is_closed |= ends;
            let sent = i64::try_from(bytes).unwrap_or(i64::MAX);
            call.window -= sent;
            self.window -= sent;
        }
        if call.closes && !call.is_closed {
            call.is_closed = true;
            frame::put_head(&mut self.unsent, frame::DATA, frame::END_STREAM, call.stream, 0);
        }
        true
    }

    fn put_held_back(&mut self, calls: &mut Calls) {
        for _ in 0..self.held_back.len() {
            let Some(index) = self.held_back.pop_front() else { return };
            // An index may be another call's by now.
            let Some(call) = calls.get_mut(index).filter(|call| !call.unsent.is_empty()) else { continue };
            if self.streams.find(call.stream) == Some(index) && !self.put_body(call) {
                self.held_back.push_back(index);
            }
        }
    }

    /// Resets a call's stream; the server need do no more for it.
    pub fn cancel(&mut self, stream: u32) {
        if self.streams.close(stream).is_some() {
            frame::put(&mut self.unsent, frame::RST_STREAM, 0, stream, &CANCEL.to_be_bytes());
        }
    }

    pub fn ping(&mut self) {
        frame::put(&mut self.unsent, frame::PING, 0, 0, b"penstock");
    }

    #[must_use]
    pub fn under_way(&self) -> usize {
        self.streams.under_way()
    }

    /// All calls that are under way.
    pub fn calls(&self) -> impl Iterator<Item = u32> {
        self.streams.calls()
    }

    /// Reads the frames at the front of `bytes`, and gives how many bytes they took; calls that are over by them go to `over`.
    ///
    /// # Errors
    /// A sentence: the connection cannot go on.
    pub fn read(
        &mut self,
        bytes: &[u8],
        calls: &mut Calls,
        over: &mut Vec<(u32, End)>,
    ) -> Result<usize, String> {
        let mut rest = bytes;
        while let Some((frame, behind)) = Frame::split(rest) {
            self.frame(&frame, calls, over)?;
            rest = behind;
        }
        if Frame::length(rest).is_some_and(|length| length > MIN_FRAME_BYTES) {
            return Err("the server has sent a frame that is too long".to_owned());
        }
        Ok(bytes.len() - rest.len())
    }

    fn frame(
        &mut self,
        frame: &Frame<'_>,
        calls: &mut Calls,
        over: &mut Vec<(u32, End)>,
    ) -> Result<(), String> {
        match frame.kind {
            frame::DATA => self.data(frame, calls, over)?,
            frame::HEADERS => {
                let content = frame.content().ok_or("the server has sent a broken HEADERS frame")?;
                let ends = frame.has(frame::END_STREAM);
                if frame.has(frame::END_HEADERS) {
                    self.head(frame.stream, ends, content, calls, over)?;
                } else {
                    self.block = Some((frame.stream, ends, content.to_vec()));
                }
            }
            frame::CONTINUATION => self.continuation(frame, calls, over)?,
            frame::RST_STREAM => {
                let code = frame.number().unwrap_or(u32::MAX);
                let end = if code == REFUSED_STREAM { End::Refused } else { End::Reset(code) };
                over.extend(self.streams.close(frame.stream).map(|index| (index, end)));
            }
            frame::SETTINGS if !frame.has(frame::ACK) => self.settings(frame.payload, calls),
            frame::PING if frame.has(frame::ACK) => self.pongs += 1,
            frame::PING => frame::put(&mut self.unsent, frame::PING, frame::ACK, 0, frame.payload),
            frame::GOAWAY => {
                self.is_leaving = true;
                let last = frame.number().unwrap_or(0) & LAST_STREAM;
                over.extend(self.streams.leave(last).map(|index| (index, End::Left)));
            }
            frame::WINDOW_UPDATE => {
                let more = i64::from(frame.number().unwrap_or(0) & LAST_STREAM);
                if frame.stream == 0 {
                    self.window += more;
                } else if let Some(call) =
                    self.streams.find(frame.stream).and_then(|index| calls.get_mut(index))
                {
                    call.window += more;
                }
                self.put_held_back(calls);
            }
            _ => {}
        }
        Ok(())
    }

    fn data(
        &mut self,
        frame: &Frame<'_>,
        calls: &mut Calls,
        over: &mut Vec<(u32, End)>,
    ) -> Result<(), String> {
        let content = frame.content().ok_or("the server has sent a broken DATA frame")?;
        let bytes = u32::try_from(frame.payload.len()).unwrap_or(u32::MAX);
        self.received = self.received.saturating_add(bytes);
        if self.received >= REPLENISH_BYTES {
            let received = std::mem::take(&mut self.received).to_be_bytes();
            frame::put(&mut self.unsent, frame::WINDOW_UPDATE, 0, 0, &received);
        }
        let Some(index) = self.streams.find(frame.stream) else { return Ok(()) };
        let Some(call) = calls.get_mut(index) else { return Ok(()) };
        call.received = call.received.saturating_add(bytes);
        let goes_on = call.answer.data(content);
        if frame.has(frame::END_STREAM) {
            self.end(frame.stream, call, over);
        } else if !goes_on {
            self.cancel(frame.stream);
            over.push((index, End::Answered));
        } else if call.received >= REPLENISH_BYTES {
            let received = std::mem::take(&mut call.received).to_be_bytes();
            frame::put(&mut self.unsent, frame::WINDOW_UPDATE, 0, frame.stream, &received);
        }
        Ok(())
    }

    fn continuation(
        &mut self,
        frame: &Frame<'_>,
        calls: &mut Calls,
        over: &mut Vec<(u32, End)>,
    ) -> Result<(), String> {
        let (stream, ends, mut block) = self.block.take().ok_or("the server has continued no head")?;
        block.extend_from_slice(frame.payload);
        if block.len() > MAX_HEADER_BYTES as usize {
            return Err(format!("the server has sent a head of more than {MAX_HEADER_BYTES} bytes"));
        }
        if frame.has(frame::END_HEADERS) {
            return self.head(stream, ends, &block, calls, over);
        }
        self.block = Some((stream, ends, block));
        Ok(())
    }

    fn head(
        &mut self,
        stream: u32,
        ends: bool,
        block: &[u8],
        calls: &mut Calls,
        over: &mut Vec<(u32, End)>,
    ) -> Result<(), String> {
        // Blocks change the table, whosever they are.
        let block = self.blocks.read(block)?;
        let Some(call) = self.streams.find(stream).and_then(|index| calls.get_mut(index)) else {
            return Ok(());
        };
        call.answer.head(block);
        if ends {
            self.end(stream, call, over);
        }
        Ok(())
    }

    /// The server's side of a stream is closed.
    fn end(&mut self, stream: u32, call: &Call, over: &mut Vec<(u32, End)>) {
        if !call.is_closed {
            // It has answered before it has read all: what is left need not go out.
            frame::put(&mut self.unsent, frame::RST_STREAM, 0, stream, &CANCEL.to_be_bytes());
        }
        over.extend(self.streams.close(stream).map(|index| (index, End::Answered)));
    }

    fn settings(&mut self, payload: &[u8], calls: &mut Calls) {
        for (name, value) in frame::read_settings(payload) {
            match name {
                frame::SETTINGS_HEADER_TABLE_SIZE => self.table_may_have(value as usize),
                frame::SETTINGS_MAX_CONCURRENT_STREAMS => self.most_under_way = value as usize,
                frame::SETTINGS_INITIAL_WINDOW_SIZE => {
                    let change = i64::from(value) - self.stream_window;
                    self.stream_window += change;
                    for index in self.streams.calls() {
                        if let Some(call) = calls.get_mut(index) {
                            call.window += change;
                        }
                    }
                }
                _ => {}
            }
        }
        self.is_ready = true;
        frame::put(&mut self.unsent, frame::SETTINGS, frame::ACK, 0, &[]);
        self.put_held_back(calls);
    }

    /// A table that is too small for the fields is not used at all (RFC 7541, section 4.2).
    fn table_may_have(&mut self, bytes: usize) {
        if bytes < self.head.table_bytes {
            self.table = Table::Unused;
            self.table_size = Some(0);
        } else if bytes < TABLE_BYTES && self.table != Table::Unused {
            self.table_size = Some(bytes);
        }
    }
}
