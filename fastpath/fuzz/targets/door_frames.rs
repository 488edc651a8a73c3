//! What a client sends on a connection, frame by frame: it is read the same however its bytes are cut, what it is sent is
//! HTTP/2, and all room that it has used of the connection's window comes back.
#![no_main]

use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use fastpath::door::Settings;
use fastpath::door::http2::{Conversation, Ending, Event, Handle, Protocol};
use fastpath::grpc::{Encoding, Framed};
use fastpath::http2::frame::{self, DEFAULT_WINDOW_BYTES, Frame, LAST_STREAM, MIN_FRAME_BYTES, Reason};
use fastpath::http2::hpack::Decoder;
use http::{HeaderMap, StatusCode};
use libfuzzer_sys::fuzz_target;

/// `:method: POST`, `:scheme: http`, `:path: /` of the static table.
const HEAD: &[u8] = b"\x83\x86\x84";

fuzz_target!(|input: (u8, &[u8])| {
    let (step, bytes) = input;
    let now = Instant::now();
    for greets in [false, true] {
        let whole = Both::meet(greets, now).read(bytes, bytes.len());
        let cut = Both::meet(greets, now).read(bytes, usize::from(step));
        assert_eq!(whole, cut);
    }
});

/// A connection, and what its client makes of it.
struct Both {
    conversation: Rc<Conversation>,
    now: Instant,
    tasks: BTreeMap<u32, Handle>,
    calls: Vec<u32>,
    client: Client,
}

#[derive(Debug, PartialEq, Eq)]
struct Saw {
    events: Vec<(u8, u32, usize, bool)>,
    ended: Option<Reason>,
    sent: Vec<u8>,
}

impl Both {
    fn meet(greets: bool, now: Instant) -> Self {
        let settings = Settings {
            io_threads: 1,
            pin_threads: false,
            max_receive_bytes: 1 << 20,
            max_concurrent_streams: 4,
            max_stream_in_flight: 1,
            max_connections: 1,
            max_connection_age: Duration::from_secs(60),
            response_encoding: Encoding::Identity,
        };
        let conversation = Conversation::new(&settings);
        let (tasks, calls) = (BTreeMap::new(), Vec::new());
        let mut both = Self { conversation, now, tasks, calls, client: Client::new() };
        if greets {
            let greeting = Frame { kind: frame::SETTINGS, flags: 0, stream: 0, payload: &[] };
            assert!(both.tell(&greeting).is_ok());
        }
        both
    }

    fn read(mut self, bytes: &[u8], step: usize) -> Saw {
        let mut saw = Saw { events: Vec::new(), ended: None, sent: Vec::new() };
        let mut rest = Vec::new();
        'pieces: for piece in bytes.chunks(step.max(1)) {
            rest.extend_from_slice(piece);
            let mut left = rest.as_slice();
            while let Some((frame, behind)) = Frame::split(left) {
                let told = if frame.payload.len() > MIN_FRAME_BYTES {
                    Err(Reason::FrameSize)
                } else {
                    self.tell(&frame)
                };
                match told {
                    Ok(event) => saw.events.push(event),
                    Err(reason) => {
                        saw.ended = Some(reason);
                        break 'pieces;
                    }
                }
                left = behind;
            }
            let taken = rest.len() - left.len();
            rest.drain(..taken);
        }
        if let Some(reason) = saw.ended {
            // Nothing more is read; the tasks find their streams gone.
            self.conversation.with(|protocol| protocol.abort(reason));
            drop(self.conversation.with(Protocol::take_all));
            assert!(!self.conversation.with(|protocol| protocol.has_arriving()));
            self.look();
            let sent = self.client.sent.len();
            self.tasks.clear();
            self.look();
            assert_eq!(self.client.sent.len(), sent, "a task writes on a connection that is over");
        } else {
            self.end();
        }
        saw.sent = self.client.sent;
        saw
    }

    fn tell(&mut self, frame: &Frame<'_>) -> Result<(u8, u32, usize, bool), Reason> {
        let event = self.conversation.with(|protocol| protocol.frame(frame, self.now))?;
        self.client.has_told(frame);
        let saw = match event {
            Event::Nothing => (0, 0, 0, false),
            Event::Call(stream, _, has_ended) => {
                self.begin(stream);
                (1, stream, 0, has_ended)
            }
            Event::Data(stream, piece, has_ended) => {
                if has_ended {
                    self.answer(stream);
                }
                (2, stream, piece.len(), has_ended)
            }
            Event::Gone(_) => (3, 0, 0, false),
        };
        self.conversation.with(Protocol::go_on);
        self.turn();
        self.look();
        Ok(saw)
    }

    /// What becomes of a call is decided by its stream.
    fn begin(&mut self, stream: u32) {
        self.calls.push(stream);
        if self.calls.len() == 6 {
            self.conversation.with(Protocol::retire);
        }
        let conversation = &self.conversation;
        match stream / 2 % 8 {
            0 => conversation.with(|protocol| protocol.put_refusal(stream, &HeaderMap::new())),
            1 => drop(conversation.with(|protocol| protocol.reset(stream, Reason::Cancel))),
            2 => drop(conversation.with(|protocol| {
                protocol.put_head(stream, StatusCode::METHOD_NOT_ALLOWED, &HeaderMap::new(), true)
            })),
            3 => self.answer(stream),
            4 | 5 => drop(self.tasks.insert(stream, conversation.handle(stream))),
            // It is answered at its end, or never.
            _ => {}
        }
    }

    fn answer(&mut self, stream: u32) {
        let message = Framed::new(vec![7; stream as usize % 6000], false);
        if self.conversation.with(|protocol| protocol.answer(stream, Encoding::Gzip, message)).is_some() {
            self.tasks.insert(stream, self.conversation.handle(stream));
        }
    }

    /// All tasks once.
    fn turn(&mut self) {
        let context = Context::from_waker(Waker::noop());
        self.tasks.retain(|stream, task| {
            match task.poll_data(&context) {
                // Some never give the room back.
                Poll::Ready(Some(Ok(piece))) if stream / 2 % 8 == 4 => task.release(piece.len()),
                Poll::Ready(Some(Err(_))) => return false,
                Poll::Ready(None) => {
                    drop(task.take_trailers());
                    if let Poll::Ready(Ok(room)) = task.poll_room(100, &context) {
                        task.send(&mut &[7; 100][..room], room);
                        task.end(if room > 50 { Ending::Ok } else { Ending::Bare });
                        return false;
                    }
                }
                _ => {}
            }
            true
        });
    }

    /// What was sent meanwhile.
    fn look(&mut self) {
        let unsent = self.conversation.with(|protocol| {
            let unsent = std::mem::take(&mut protocol.unsent);
            protocol.took();
            unsent
        });
        self.client.read(&unsent);
    }

    /// All calls end, and then the client has got back every byte of the connection's window.
    fn end(&mut self) {
        self.tasks.clear();
        for stream in std::mem::take(&mut self.calls) {
            drop(self.conversation.with(|protocol| protocol.reset(stream, Reason::Cancel)));
        }
        self.look();
        let probe = |kind, flags, payload| Frame { kind, flags, stream: LAST_STREAM, payload };
        if self.tell(&probe(frame::HEADERS, frame::END_HEADERS, HEAD)).is_err() {
            // It is in the middle of a block, has said nothing yet, or has used this stream.
            return;
        }
        drop(self.conversation.with(|protocol| protocol.reset(LAST_STREAM, Reason::Cancel)));
        self.tasks.clear();
        let given = self.client.given;
        for _ in 0..1 << 10 {
            assert!(self.tell(&probe(frame::DATA, 0, &[0; 1024])).is_ok());
            if self.client.given > given {
                assert_eq!(self.client.given, self.client.used);
                return;
            }
        }
        panic!("the connection's window is not opened again");
    }
}

/// What the client may, and what it has read.
struct Client {
    sent: Vec<u8>,
    decoder: Decoder,
    block: Option<(u32, Vec<u8>)>,
    /// Streams that were closed by the server, and those that were reset.
    closed: HashSet<u32>,
    reset: HashSet<u32>,
    /// DATA that the server may send.
    room: i64,
    /// The server's greeting makes the connection's window larger; what comes later gives back.
    is_greeted: bool,
    /// Bytes of DATA that the client has sent, and that it was given back.
    used: u64,
    given: u64,
}

impl Client {
    fn new() -> Self {
        Self {
            sent: Vec::new(),
            decoder: Decoder::new(frame::TABLE_BYTES),
            block: None,
            closed: HashSet::new(),
            reset: HashSet::new(),
            room: DEFAULT_WINDOW_BYTES.into(),
            is_greeted: false,
            used: 0,
            given: 0,
        }
    }

    fn has_told(&mut self, frame: &Frame<'_>) {
        match frame.kind {
            frame::WINDOW_UPDATE if frame.stream == 0 => {
                self.room += i64::from(frame.number().unwrap_or_default() & LAST_STREAM);
            }
            frame::DATA => self.used += frame.payload.len() as u64,
            _ => {}
        }
    }

    /// What is sent is whole frames, in an order that a client takes.
    fn read(&mut self, bytes: &[u8]) {
        self.sent.extend_from_slice(bytes);
        let mut rest = bytes;
        while let Some((frame, behind)) = Frame::split(rest) {
            rest = behind;
            assert!(frame.payload.len() <= MIN_FRAME_BYTES);
            assert_eq!(self.block.is_some(), frame.kind == frame::CONTINUATION);
            let Frame { kind, stream, payload, .. } = frame;
            if matches!(kind, frame::DATA | frame::HEADERS) {
                assert!(!self.closed.contains(&stream) && !self.reset.contains(&stream), "{kind} on {stream}");
                if frame.has(frame::END_STREAM) {
                    self.closed.insert(stream);
                }
            }
            match kind {
                frame::DATA => {
                    self.room -= payload.len() as i64;
                    assert!(self.room >= 0, "more than the client takes");
                }
                frame::HEADERS | frame::CONTINUATION => {
                    let (of, mut block) = self.block.take().unwrap_or((stream, Vec::new()));
                    assert_eq!(of, stream);
                    block.extend_from_slice(payload);
                    if frame.has(frame::END_HEADERS) {
                        assert!(self.decoder.decode(&block, |_, _| {}).is_ok());
                    } else {
                        self.block = Some((of, block));
                    }
                }
                frame::RST_STREAM => {
                    assert_eq!(payload.len(), 4);
                    self.reset.insert(stream);
                }
                frame::WINDOW_UPDATE => {
                    let more = frame.number().unwrap_or_default();
                    assert!(more > 0 && !self.reset.contains(&stream));
                    if stream == 0 && std::mem::replace(&mut self.is_greeted, true) {
                        self.given += u64::from(more);
                        assert!(self.given <= self.used, "more was given back than was used");
                    }
                }
                frame::SETTINGS | frame::PING | frame::GOAWAY => assert_eq!(stream, 0),
                _ => panic!("a frame of type {kind}"),
            }
        }
        assert!(rest.is_empty(), "a frame is cut");
    }
}
