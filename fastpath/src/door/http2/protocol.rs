//! The state of one connection: its streams, its windows, and how it goes.

use std::collections::VecDeque;
use std::rc::Rc;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::blocks::Blocks;
use super::fields::Fields;
use super::stream::{Arriving, Stream, Work};
use super::strikes::Strikes;
use crate::door::head::Call;
use crate::door::settings::{
    CONNECTION_WINDOW_BYTES, MAX_FAULTS, MAX_HEADER_LIST_BYTES, REMEMBERED_RESETS, STREAM_WINDOW_BYTES,
    Settings,
};
use crate::http2::frame::{self, DEFAULT_WINDOW_BYTES, LAST_STREAM, MOST_WINDOW_BYTES, Reason};

/// What a PING says whose answer means that the client has read the first GOAWAY.
pub(super) const GOODBYE: &[u8; 8] = b"goodbye!";
/// What any other says.
const SIGN_OF_LIFE: &[u8; 8] = b"penstock";

/// What a frame means for calls.
pub enum Event<'f> {
    Nothing,
    /// A call begins; whether its body has ended already.
    Call(u32, Rc<Call>, bool),
    /// More of the body of a call that arrives; whether it has ended.
    Data(u32, &'f [u8], bool),
    /// A stream was reset, by either side: who worked on its call.
    Gone(Work),
}

/// How a connection ends in peace (RFC 9113, section 6.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Going {
    No,
    /// The client was told that no stream is the last.
    Told,
    /// And then which one is.
    Last(u32),
}

/// A header block whose end has not come.
pub(super) struct OpenBlock {
    pub stream: u32,
    pub ends: bool,
    pub is_malformed: bool,
    pub bytes: Vec<u8>,
    pub frames: u32,
}

/// One connection.
#[allow(clippy::struct_excessive_bools, reason = "they go together in no way that a type could hold")]
pub struct Protocol {
    /// What is to be written to the socket.
    pub unsent: Vec<u8>,
    pub strikes: Strikes,
    pub(super) streams: HashMap<u32, Stream, RandomState>,
    pub(super) max_streams: usize,
    /// The newest stream that the client has opened.
    pub(super) newest: u32,
    pub(super) block: Option<OpenBlock>,
    pub(super) blocks: Blocks,
    pub(super) fields: Fields,
    /// The client's settings have come.
    pub(super) has_settings: bool,
    pub(super) going: Going,
    /// The client goes: it will open no more streams.
    pub(super) client_goes: bool,
    /// What is left of the windows of the connection, and of those that new streams begin with.
    pub(super) window: u32,
    pub(super) receive_window: i64,
    pub(super) freed: u32,
    pub(super) send_window: i64,
    pub(super) first_send_window: i64,
    /// Streams that were reset here, whose frames may still be on their way.
    resets: VecDeque<u32>,
    /// Streams that were reset here for what the client did wrong.
    faults: usize,
    /// Calls whose message has not come whole.
    pub(super) arriving: usize,
    /// A task waits until more of what lies unsent has gone.
    pub(super) writer_waits: bool,
    /// The connection's window, or those of all streams, have grown.
    pub(super) windows_grew: bool,
}

impl Protocol {
    /// Of a connection on which nothing has come yet; the server's settings go first.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let streams = settings.max_concurrent_streams;
        let window =
            streams.saturating_mul(STREAM_WINDOW_BYTES).clamp(CONNECTION_WINDOW_BYTES, MOST_WINDOW_BYTES);
        let mut unsent = Vec::new();
        let pairs = [
            (frame::SETTINGS_MAX_CONCURRENT_STREAMS, streams),
            (frame::SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW_BYTES),
            (frame::SETTINGS_MAX_HEADER_LIST_SIZE, MAX_HEADER_LIST_BYTES),
        ];
        frame::put(&mut unsent, frame::SETTINGS, 0, 0, &frame::settings(&pairs));
        let more = window - DEFAULT_WINDOW_BYTES;
        frame::put(&mut unsent, frame::WINDOW_UPDATE, 0, 0, &more.to_be_bytes());
        Self {
            unsent,
            strikes: Strikes::default(),
            streams: HashMap::default(),
            max_streams: streams as usize,
            newest: 0,
            block: None,
            blocks: Blocks::new(settings.response_encoding),
            fields: Fields::default(),
            has_settings: false,
            going: Going::No,
            client_goes: false,
            window,
            receive_window: window.into(),
            freed: 0,
            send_window: DEFAULT_WINDOW_BYTES.into(),
            first_send_window: DEFAULT_WINDOW_BYTES.into(),
            resets: VecDeque::new(),
            faults: 0,
            arriving: 0,
            writer_waits: false,
            windows_grew: false,
        }
    }

    /// Whether the client has shown that it speaks HTTP/2.
    #[must_use]
    pub fn has_settings(&self) -> bool {
        self.has_settings
    }

    /// Whether a call's message is on its way.
    #[must_use]
    pub fn has_arriving(&self) -> bool {
        self.arriving > 0
    }

    /// The calls whose message is on its way, with their streams.
    pub fn all_arriving(&self) -> impl Iterator<Item = (u32, &Arriving)> {
        self.streams.iter().filter_map(|(stream, state)| match &state.work {
            Work::Arrives(arriving) => Some((*stream, arriving)),
            _ => None,
        })
    }

    /// A call whose message is on its way.
    pub fn arriving(&mut self, stream: u32) -> Option<&mut Arriving> {
        match &mut self.streams.get_mut(&stream)?.work {
            Work::Arrives(arriving) => Some(arriving),
            _ => None,
        }
    }

    /// Says who works on a call from now on, and gives who did. On a stream that is gone nobody does.
    pub fn set_work(&mut self, stream: u32, work: Work) -> Work {
        let Some(state) = self.streams.get_mut(&stream) else { return Work::Nobody };
        self.arriving -= usize::from(state.is_arriving());
        let before = std::mem::replace(&mut state.work, work);
        self.arriving += usize::from(state.is_arriving());
        before
    }

    /// The connection is gone: who worked on its calls.
    pub fn take_all(&mut self) -> Vec<Work> {
        self.arriving = 0;
        std::mem::take(&mut self.streams).into_values().map(wake).collect()
    }

    /// Asks for a sign of life.
    pub fn ping(&mut self) {
        frame::put(&mut self.unsent, frame::PING, 0, 0, SIGN_OF_LIFE);
    }

    /// GOAWAY twice: the first takes no stream away, the second, a round trip later, names the last that is served.
    pub fn retire(&mut self) {
        self.going = Going::Told;
        self.put_goaway(LAST_STREAM, Reason::NoError);
        frame::put(&mut self.unsent, frame::PING, 0, 0, GOODBYE);
    }

    /// The client has heard of it.
    pub(super) fn name_last(&mut self) {
        self.going = Going::Last(self.newest);
        self.put_goaway(self.newest, Reason::NoError);
    }

    /// The last word on a connection that cannot go on.
    pub fn abort(&mut self, reason: Reason) {
        // What was named as the last never grows (section 6.8).
        let last = if let Going::Last(last) = self.going { last } else { self.newest };
        self.put_goaway(last, reason);
    }

    fn put_goaway(&mut self, last: u32, reason: Reason) {
        let [last, reason] = [last.to_be_bytes(), (reason as u32).to_be_bytes()];
        frame::put(&mut self.unsent, frame::GOAWAY, 0, 0, &[last, reason].concat());
    }

    /// Whether no call is left, and none will come.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.streams.is_empty() && (self.client_goes || matches!(self.going, Going::Last(_)))
    }

    /// Resets a stream for what its client did wrong.
    ///
    /// # Errors
    /// It does so again and again (CVE-2025-8671).
    pub(super) fn fault(&mut self, stream: u32, reason: Reason) -> Result<Event<'static>, Reason> {
        // Where that is too much, the stream stays for `take_all` to find.
        self.blame()?;
        Ok(Event::Gone(self.reset(stream, reason)))
    }

    /// Counts a stream that ended by what its client did wrong.
    ///
    /// # Errors
    /// There were too many.
    pub(super) fn blame(&mut self) -> Result<(), Reason> {
        self.faults += 1;
        if self.faults > MAX_FAULTS { Err(Reason::EnhanceYourCalm) } else { Ok(()) }
    }

    /// Resets a stream; gives who worked on its call.
    pub fn reset(&mut self, stream: u32, reason: Reason) -> Work {
        self.reset_with(stream, reason as u32)
    }

    /// Likewise, with somebody else's code.
    pub(super) fn reset_with(&mut self, stream: u32, code: u32) -> Work {
        frame::put(&mut self.unsent, frame::RST_STREAM, 0, stream, &code.to_be_bytes());
        if self.resets.len() == REMEMBERED_RESETS {
            self.resets.pop_front();
        }
        self.resets.push_back(stream);
        self.remove(stream).unwrap_or_default()
    }

    /// Whether frames of a stream that there is no more may still come lawfully.
    pub(super) fn was_reset(&self, stream: u32) -> bool {
        self.resets.contains(&stream)
    }

    /// Forgets a stream; whoever reads or writes it learns that it is gone.
    pub(super) fn remove(&mut self, stream: u32) -> Option<Work> {
        let state = self.streams.remove(&stream)?;
        self.arriving -= usize::from(state.is_arriving());
        self.release_connection(state.held);
        Some(wake(state))
    }

    /// So many bytes of a stream were read; the windows are opened again, some at a time. Those of a stream that is gone were
    /// given back with it.
    pub fn release(&mut self, stream: u32, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let Some(state) = self.streams.get_mut(&stream) else { return };
        state.held = state.held.saturating_sub(bytes);
        if !state.has_ended {
            state.freed = state.freed.saturating_add(bytes);
            if state.freed >= STREAM_WINDOW_BYTES / 2 {
                let freed = std::mem::take(&mut state.freed);
                state.receive_window += i64::from(freed);
                frame::put(&mut self.unsent, frame::WINDOW_UPDATE, 0, stream, &freed.to_be_bytes());
            }
        }
        self.release_connection(bytes);
    }

    pub(super) fn release_connection(&mut self, bytes: u32) {
        self.freed = self.freed.saturating_add(bytes);
        if self.freed >= self.window / 2 {
            let freed = std::mem::take(&mut self.freed);
            self.receive_window += i64::from(freed);
            frame::put(&mut self.unsent, frame::WINDOW_UPDATE, 0, 0, &freed.to_be_bytes());
        }
    }
}

fn wake(mut state: Stream) -> Work {
    if let Some(inbox) = &mut state.inbox {
        inbox.wake_reader();
        inbox.wake_writer();
    }
    state.work
}
