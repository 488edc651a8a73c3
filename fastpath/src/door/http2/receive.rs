//! Frames that come: what each changes, and what it means for a call. What is wrong with one ends its stream or, where the
//! two sides no longer agree on the connection, that.

use std::time::Instant;

use super::blocks::NoCall;
use super::protocol::{Event, GOODBYE, Going, OpenBlock, Protocol};
use super::stream::Stream;
use crate::door::settings::{MAX_BLOCK_BYTES, MAX_BLOCK_FRAMES, STREAM_WINDOW_BYTES};
use crate::http2::frame::{self, Frame, LAST_STREAM, MOST_WINDOW_BYTES, Reason};
use crate::http2::hpack;

/// An event, or why the connection cannot go on.
type Outcome<'f> = Result<Event<'f>, Reason>;

impl Protocol {
    /// Takes the next frame.
    ///
    /// # Errors
    /// The connection cannot go on.
    pub fn frame<'f>(&mut self, frame: &Frame<'f>, now: Instant) -> Outcome<'f> {
        if self.block.is_some() != (frame.kind == frame::CONTINUATION)
            || !(self.has_settings || (frame.kind == frame::SETTINGS && !frame.has(frame::ACK)))
        {
            return Err(Reason::Protocol);
        }
        let event = match frame.kind {
            frame::DATA => self.data(frame),
            frame::HEADERS => self.headers(frame),
            frame::CONTINUATION => self.continuation(frame),
            frame::PRIORITY => self.priority(frame),
            frame::RST_STREAM => self.was_reset_by_client(frame),
            frame::SETTINGS => self.settings(frame),
            frame::PING => self.pinged(frame, now),
            frame::GOAWAY => self.goes(frame),
            frame::WINDOW_UPDATE => self.window_update(frame),
            frame::PUSH_PROMISE => Err(Reason::Protocol),
            _ => Ok(Event::Nothing),
        }?;
        if self.strikes.is_flood() { Err(Reason::EnhanceYourCalm) } else { Ok(event) }
    }

    fn data<'f>(&mut self, frame: &Frame<'f>) -> Outcome<'f> {
        let content = frame.content().filter(|_| frame.stream != 0).ok_or(Reason::Protocol)?;
        let ends = frame.has(frame::END_STREAM);
        let bytes = frame.payload.len();
        self.receive_window -= bytes as i64;
        if self.receive_window < 0 {
            return Err(Reason::FlowControl);
        }
        let Some(stream) = self.streams.get_mut(&frame.stream) else {
            self.release_connection(u32::try_from(bytes).unwrap_or(u32::MAX));
            return self.data_of_nobody(frame.stream, content.is_empty());
        };
        stream.receive_window -= bytes as i64;
        let fault = if stream.has_ended {
            Some(Reason::StreamClosed)
        } else if stream.receive_window < 0 {
            Some(Reason::FlowControl)
        } else {
            stream.has_ended = ends;
            (!stream.came(content.len())).then_some(Reason::Protocol)
        };
        if let Some(reason) = fault {
            self.release_connection(u32::try_from(bytes).unwrap_or(u32::MAX));
            return self.fault(frame.stream, reason);
        }
        if !ends {
            self.strikes.data(content.is_empty());
        }
        let event = match &mut stream.inbox {
            Some(inbox) => {
                inbox.data.extend_from_slice(content);
                inbox.wake_reader();
                stream.held += u32::try_from(bytes).unwrap_or(u32::MAX);
                Event::Nothing
            }
            None => Event::Data(frame.stream, content, ends),
        };
        // What a task reads it gives back itself; all else was read by now.
        let read = if matches!(event, Event::Nothing) { bytes - content.len() } else { bytes };
        self.release(frame.stream, read);
        Ok(event)
    }

    fn data_of_nobody(&mut self, stream: u32, is_empty: bool) -> Outcome<'static> {
        self.strikes.data(is_empty);
        if self.is_idle(stream) {
            Err(Reason::Protocol)
        } else if self.is_ignored(stream) {
            Ok(Event::Nothing)
        } else {
            self.fault(stream, Reason::StreamClosed)
        }
    }

    /// Whether a stream has never been opened.
    fn is_idle(&self, stream: u32) -> bool {
        stream > self.newest || stream.is_multiple_of(2)
    }

    /// Whether what comes on a stream that is not open was sent before its client could know.
    fn is_ignored(&self, stream: u32) -> bool {
        self.was_reset(stream) || matches!(self.going, Going::Last(last) if stream > last)
    }

    fn headers<'f>(&mut self, frame: &Frame<'f>) -> Outcome<'f> {
        if frame.stream.is_multiple_of(2) {
            return Err(Reason::Protocol);
        }
        let block = frame.content().ok_or(Reason::Protocol)?;
        let is_malformed = frame.has(frame::PRIORITIZED) && frame.dependency() == Some(frame.stream);
        let ends = frame.has(frame::END_STREAM);
        if frame.has(frame::END_HEADERS) {
            return self.head(frame.stream, ends, block, is_malformed);
        }
        let bytes = block.to_vec();
        self.block = Some(OpenBlock { stream: frame.stream, ends, is_malformed, bytes, frames: 1 });
        Ok(Event::Nothing)
    }

    fn continuation<'f>(&mut self, frame: &Frame<'f>) -> Outcome<'f> {
        let Some(mut block) = self.block.take().filter(|block| block.stream == frame.stream) else {
            return Err(Reason::Protocol);
        };
        block.frames += 1;
        // What is not read cannot be passed over: it may change the table.
        if block.frames > MAX_BLOCK_FRAMES || block.bytes.len() + frame.payload.len() > MAX_BLOCK_BYTES {
            return Err(Reason::EnhanceYourCalm);
        }
        block.bytes.extend_from_slice(frame.payload);
        if frame.has(frame::END_HEADERS) {
            return self.head(block.stream, block.ends, &block.bytes, block.is_malformed);
        }
        self.block = Some(block);
        Ok(Event::Nothing)
    }

    fn head<'f>(&mut self, stream: u32, ends: bool, block: &[u8], is_malformed: bool) -> Outcome<'f> {
        if stream <= self.newest {
            return self.trailers(stream, ends, block);
        }
        self.newest = stream;
        self.strikes.call(stream);
        let call = self.blocks.call(block).map_err(broken)?;
        if self.is_ignored(stream) {
            return Ok(Event::Nothing);
        }
        match call {
            _ if is_malformed => self.fault(stream, Reason::Protocol),
            Err(NoCall::Malformed) => self.fault(stream, Reason::Protocol),
            Err(NoCall::TooLong) => self.head_is_too_long(stream, ends),
            Ok(_) if self.streams.len() >= self.max_streams => {
                Ok(Event::Gone(self.reset(stream, Reason::RefusedStream)))
            }
            Ok(call) => {
                let mut state = Stream::new(STREAM_WINDOW_BYTES, self.first_send_window, &call, ends);
                if ends && !state.came(0) {
                    return self.fault(stream, Reason::Protocol);
                }
                self.streams.insert(stream, state);
                Ok(Event::Call(stream, call, ends))
            }
        }
    }

    /// A second head of a stream ends it.
    fn trailers<'f>(&mut self, stream: u32, ends: bool, block: &[u8]) -> Outcome<'f> {
        let trailers = self.blocks.trailers(block).map_err(broken)?;
        let Some(state) = self.streams.get_mut(&stream) else {
            return if self.is_ignored(stream) { Ok(Event::Nothing) } else { Err(Reason::StreamClosed) };
        };
        if state.has_ended {
            return self.fault(stream, Reason::StreamClosed);
        }
        state.has_ended = true;
        let (Ok(trailers), true, true) = (trailers, ends, state.came(0)) else {
            return self.fault(stream, Reason::Protocol);
        };
        Ok(match &mut state.inbox {
            Some(inbox) => {
                inbox.trailers = Some(trailers);
                inbox.wake_reader();
                Event::Nothing
            }
            None => Event::Data(stream, &[], true),
        })
    }

    /// RFC 9113 gives PRIORITY up, and lets it be checked.
    fn priority(&mut self, frame: &Frame<'_>) -> Outcome<'static> {
        match frame.dependency() {
            _ if frame.stream == 0 => Err(Reason::Protocol),
            _ if frame.payload.len() != 5 => self.fault_of(frame.stream, Reason::FrameSize),
            Some(stream) if stream == frame.stream => self.fault_of(frame.stream, Reason::Protocol),
            _ => Ok(Event::Nothing),
        }
    }

    /// Resets a stream that may be idle, which cannot be.
    fn fault_of(&mut self, stream: u32, reason: Reason) -> Outcome<'static> {
        if self.is_idle(stream) { Err(reason) } else { self.fault(stream, reason) }
    }

    fn was_reset_by_client(&mut self, frame: &Frame<'_>) -> Outcome<'static> {
        if frame.payload.len() != 4 {
            return Err(Reason::FrameSize);
        }
        if self.is_idle(frame.stream) {
            return Err(Reason::Protocol);
        }
        self.strikes.reset(frame.stream);
        if self.strikes.is_flood() {
            // The stream stays for `take_all` to find.
            return Err(Reason::EnhanceYourCalm);
        }
        Ok(self.remove(frame.stream).map_or(Event::Nothing, Event::Gone))
    }

    fn settings(&mut self, frame: &Frame<'_>) -> Outcome<'static> {
        if frame.stream != 0 {
            return Err(Reason::Protocol);
        }
        let is_answer = frame.has(frame::ACK);
        if !frame.payload.len().is_multiple_of(6) || (is_answer && !frame.payload.is_empty()) {
            return Err(Reason::FrameSize);
        }
        if is_answer {
            return Ok(Event::Nothing);
        }
        self.has_settings = true;
        self.strikes.settings();
        for (name, value) in frame::read_settings(frame.payload) {
            match name {
                frame::SETTINGS_HEADER_TABLE_SIZE => self.fields.table_may_have(value as usize),
                frame::SETTINGS_ENABLE_PUSH if value > 1 => return Err(Reason::Protocol),
                frame::SETTINGS_INITIAL_WINDOW_SIZE => self.windows_begin_with(value)?,
                frame::SETTINGS_MAX_FRAME_SIZE if !(1 << 14..1 << 24).contains(&value) => {
                    return Err(Reason::Protocol);
                }
                _ => {}
            }
        }
        frame::put(&mut self.unsent, frame::SETTINGS, frame::ACK, 0, &[]);
        self.windows_grew = true;
        Ok(Event::Nothing)
    }

    /// Of streams that are open too (section 6.9.2).
    fn windows_begin_with(&mut self, bytes: u32) -> Result<(), Reason> {
        if bytes > MOST_WINDOW_BYTES {
            return Err(Reason::FlowControl);
        }
        let change = i64::from(bytes) - self.first_send_window;
        self.first_send_window += change;
        for stream in self.streams.values_mut() {
            stream.send_window += change;
            if stream.send_window > MOST_WINDOW_BYTES.into() {
                return Err(Reason::FlowControl);
            }
        }
        Ok(())
    }

    fn pinged(&mut self, frame: &Frame<'_>, now: Instant) -> Outcome<'static> {
        if frame.stream != 0 {
            return Err(Reason::Protocol);
        }
        if frame.payload.len() != 8 {
            return Err(Reason::FrameSize);
        }
        if !frame.has(frame::ACK) {
            self.strikes.ping(now);
            frame::put(&mut self.unsent, frame::PING, frame::ACK, 0, frame.payload);
        } else if frame.payload == GOODBYE && self.going == Going::Told {
            self.name_last();
        }
        Ok(Event::Nothing)
    }

    fn goes(&mut self, frame: &Frame<'_>) -> Outcome<'static> {
        if frame.stream != 0 {
            return Err(Reason::Protocol);
        }
        if frame.payload.len() < 8 {
            return Err(Reason::FrameSize);
        }
        self.client_goes = true;
        Ok(Event::Nothing)
    }

    fn window_update(&mut self, frame: &Frame<'_>) -> Outcome<'static> {
        let (4, Some(more)) = (frame.payload.len(), frame.number()) else { return Err(Reason::FrameSize) };
        let more = i64::from(more & LAST_STREAM);
        if frame.stream == 0 {
            self.send_window += more;
            if more == 0 {
                return Err(Reason::Protocol);
            }
            if self.send_window > MOST_WINDOW_BYTES.into() {
                return Err(Reason::FlowControl);
            }
            self.windows_grew = true;
            return Ok(Event::Nothing);
        }
        if self.is_idle(frame.stream) {
            return Err(Reason::Protocol);
        }
        let Some(stream) = self.streams.get_mut(&frame.stream) else { return Ok(Event::Nothing) };
        stream.send_window += more;
        if more == 0 {
            return self.fault(frame.stream, Reason::Protocol);
        }
        if stream.send_window > MOST_WINDOW_BYTES.into() {
            return self.fault(frame.stream, Reason::FlowControl);
        }
        self.send_queued(frame.stream);
        Ok(Event::Nothing)
    }
}

/// A block that cannot be read leaves the two tables apart.
fn broken(_: hpack::Error) -> Reason {
    Reason::Compression
}
