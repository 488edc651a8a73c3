//! Answers on their way out: heads, DATA as far as the windows let it, trailers.

use bytes::Buf;
use http::{HeaderMap, StatusCode};

use super::fields::put_field;
use super::protocol::{Event, Protocol};
use crate::door::settings::{MAX_UNSENT_BYTES, UNREAD_ANSWER_BYTES, WHOLE_ANSWER_BYTES};
use crate::grpc::{Encoding, Framed};
use crate::http2::frame::{self, MIN_FRAME_BYTES, Reason};

/// How an answer ends.
#[derive(Clone, Copy, Debug)]
pub enum Ending<'a> {
    /// `grpc-status: 0`.
    Ok,
    Trailers(&'a HeaderMap),
    /// Without a word.
    Bare,
}

impl Protocol {
    /// The head of a gRPC answer whose messages follow. False: the stream is gone.
    pub fn put_answer_head(&mut self, stream: u32, encoding: Encoding) -> bool {
        if !self.streams.contains_key(&stream) {
            return false;
        }
        let start = self.open_block(stream, 0);
        self.fields.put_grpc_head(&mut self.unsent);
        if encoding != Encoding::Identity {
            put_field(&mut self.unsent, b"grpc-encoding", encoding.name().as_bytes());
        }
        frame::close_block(&mut self.unsent, start, stream);
        true
    }

    /// Any head, which may be all there is. False: the stream is gone.
    pub fn put_head(&mut self, stream: u32, status: StatusCode, headers: &HeaderMap, ends: bool) -> bool {
        if !self.streams.contains_key(&stream) {
            return false;
        }
        self.put_bare_head(stream, status, headers, ends);
        if ends {
            self.close(stream);
        }
        true
    }

    /// A gRPC answer that is its head alone: how the call ended.
    pub fn put_refusal(&mut self, stream: u32, headers: &HeaderMap) {
        if self.streams.contains_key(&stream) {
            let start = self.open_block(stream, frame::END_STREAM);
            self.fields.put_grpc_head(&mut self.unsent);
            self.fields.put_all(&mut self.unsent, headers);
            frame::close_block(&mut self.unsent, start, stream);
            self.close(stream);
        }
    }

    fn put_bare_head(&mut self, stream: u32, status: StatusCode, headers: &HeaderMap, ends: bool) {
        let start = self.open_block(stream, if ends { frame::END_STREAM } else { 0 });
        self.fields.put_status(&mut self.unsent, status);
        self.fields.put_all(&mut self.unsent, headers);
        frame::close_block(&mut self.unsent, start, stream);
    }

    /// Answers a call whose head is longer than is read, as HTTP does (RFC 6585).
    pub(super) fn head_is_too_long(
        &mut self,
        stream: u32,
        has_ended: bool,
    ) -> Result<Event<'static>, Reason> {
        self.put_bare_head(stream, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, &HeaderMap::new(), true);
        if has_ended { self.blame().map(|()| Event::Nothing) } else { self.fault(stream, Reason::NoError) }
    }

    /// The only message of a call that was answered, with its head and its end. Given back: a message so long, or whose
    /// client has made so little room for it, that a task must write it; its head has gone.
    pub fn answer(&mut self, stream: u32, encoding: Encoding, mut message: Framed) -> Option<Framed> {
        if !self.put_answer_head(stream, encoding) {
            return None;
        }
        let bytes = message.remaining();
        let has_room = bytes <= self.room(stream);
        if has_room && bytes <= WHOLE_ANSWER_BYTES {
            self.put_data(stream, &mut message, bytes);
            self.end(stream, Ending::Ok);
            return None;
        }
        if bytes > UNREAD_ANSWER_BYTES {
            return Some(message);
        }
        if let Some(state) = self.streams.get_mut(&stream) {
            state.queued = Some(Box::new(message));
        }
        self.send_queued(stream);
        None
    }

    /// What a stream may be sent now.
    fn room(&self, stream: u32) -> usize {
        let window = self.streams.get(&stream).map_or(0, |state| state.send_window);
        usize::try_from(window.min(self.send_window)).unwrap_or(0)
    }

    /// What a task may write now, at most `most`; None: the stream is gone.
    pub(super) fn room_for_task(&mut self, stream: u32, most: usize) -> Option<usize> {
        let room = self.streams.contains_key(&stream).then(|| self.room(stream))?;
        if self.unsent.len() >= MAX_UNSENT_BYTES {
            self.writer_waits = true;
            return Some(0);
        }
        Some(room.min(most))
    }

    /// Writes so many bytes, for which there is room.
    pub fn put_data(&mut self, stream: u32, data: &mut impl Buf, bytes: usize) {
        let Some(state) = self.streams.get_mut(&stream).filter(|_| bytes > 0) else { return };
        state.send_window -= bytes as i64;
        self.send_window -= bytes as i64;
        self.strikes.answer();
        let mut left = bytes.min(data.remaining());
        while left > 0 {
            let mut part = left.min(MIN_FRAME_BYTES);
            left -= part;
            frame::put_head(&mut self.unsent, frame::DATA, 0, stream, part);
            while part > 0 {
                let chunk = data.chunk();
                let chunk = chunk.get(..part).unwrap_or(chunk);
                self.unsent.extend_from_slice(chunk);
                let taken = chunk.len();
                data.advance(taken);
                part -= taken;
            }
        }
    }

    /// Ends an answer, and with it the stream.
    pub fn end(&mut self, stream: u32, ending: Ending<'_>) {
        if !self.streams.contains_key(&stream) {
            return;
        }
        self.strikes.answer();
        if matches!(ending, Ending::Bare) {
            frame::put_head(&mut self.unsent, frame::DATA, frame::END_STREAM, stream, 0);
        } else {
            let start = self.open_block(stream, frame::END_STREAM);
            match ending {
                Ending::Trailers(trailers) => self.fields.put_all(&mut self.unsent, trailers),
                _ => self.fields.put_ok(&mut self.unsent),
            }
            frame::close_block(&mut self.unsent, start, stream);
        }
        self.close(stream);
    }

    /// A block follows; gives where its frame begins.
    fn open_block(&mut self, stream: u32, flags: u8) -> usize {
        let start = self.unsent.len();
        frame::put_head(&mut self.unsent, frame::HEADERS, frame::END_HEADERS | flags, stream, 0);
        start
    }

    /// This side is closed. A client that has not closed its own need send no more (RFC 9113, section 8.1).
    fn close(&mut self, stream: u32) {
        if self.streams.get(&stream).is_some_and(|state| !state.has_ended) {
            self.reset(stream, Reason::NoError);
        } else {
            self.remove(stream);
        }
    }

    /// A client has made room: what waits for it goes on.
    pub(super) fn send_queued(&mut self, stream: u32) {
        let room = self.room(stream);
        let Some(state) = self.streams.get_mut(&stream) else { return };
        if let Some(inbox) = &mut state.inbox {
            inbox.wake_writer();
        }
        let Some(mut message) = state.queued.take() else { return };
        let bytes = message.remaining().min(room);
        self.put_data(stream, &mut *message, bytes);
        if message.has_remaining() {
            if let Some(state) = self.streams.get_mut(&stream) {
                state.queued = Some(message);
            }
        } else {
            self.end(stream, Ending::Ok);
        }
    }

    /// What waits for windows that all streams share goes on. Asked once a turn, however often they have grown.
    pub fn go_on(&mut self) {
        if !std::mem::take(&mut self.windows_grew) || self.send_window <= 0 {
            return;
        }
        let waits = self.streams.iter().filter(|(_, state)| state.waits_for_room());
        let mut waiting: Vec<u32> = waits.map(|(stream, _)| *stream).collect();
        waiting.sort_unstable();
        for stream in waiting {
            self.send_queued(stream);
        }
    }

    /// What had gathered is on its way: tasks may write on.
    pub fn took(&mut self) {
        if std::mem::take(&mut self.writer_waits) {
            self.streams
                .values_mut()
                .filter_map(|state| state.inbox.as_mut())
                .for_each(|inbox| inbox.wake_writer());
        }
    }
}
