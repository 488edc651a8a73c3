//! Runs against servers that speak frame by frame, and not as servers should.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use super::http2::head::put_plain;
use super::plan::Plan;
use super::run::{Outcome, Running};
use super::tests::plan;
use super::workers::Workers;
use crate::http2::frame::{self, Frame};

const REFUSED_STREAM: u32 = 7;

/// The server's side of one connection.
struct Peer {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Peer {
    /// A connection with the server's settings sent, the client's preface read.
    fn accept(listener: &TcpListener) -> Self {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut peer = Self { stream, read: Vec::new() };
        peer.tell(frame::SETTINGS, 0, 0, &[]);
        let mut preface = [0; frame::PREFACE.len()];
        peer.stream.read_exact(&mut preface).unwrap();
        peer
    }

    fn tell(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let mut out = Vec::new();
        frame::put(&mut out, kind, flags, stream, payload);
        self.stream.write_all(&out).unwrap();
    }

    /// The stream of the next call that has come whole; none once the client has closed.
    fn call(&mut self) -> Option<u32> {
        loop {
            while let Some((frame, behind)) = Frame::split(&self.read) {
                let ended =
                    (frame.kind == frame::DATA && frame.has(frame::END_STREAM)).then_some(frame.stream);
                self.read = behind.to_vec();
                if ended.is_some() {
                    return ended;
                }
            }
            let mut buffer = [0; 4_096];
            match self.stream.read(&mut buffer) {
                Ok(bytes) if bytes > 0 => self.read.extend_from_slice(&buffer[..bytes]),
                _ => return None,
            }
        }
    }

    /// An empty message, with what comes behind it in the same piece.
    fn answer(&mut self, stream: u32, behind: &[u8]) {
        let (mut head, mut trailers, mut out) = (Vec::new(), Vec::new(), Vec::new());
        put_plain(&mut head, ":status", b"200");
        put_plain(&mut head, "content-type", b"application/grpc");
        put_plain(&mut trailers, "grpc-status", b"0");
        frame::put(&mut out, frame::HEADERS, frame::END_HEADERS, stream, &head);
        frame::put(&mut out, frame::DATA, 0, stream, &[0; 5]);
        frame::put(&mut out, frame::HEADERS, frame::END_HEADERS | frame::END_STREAM, stream, &trailers);
        out.extend_from_slice(behind);
        self.stream.write_all(&out).unwrap();
    }
}

/// What comes of a run while `serve` is its server.
fn run<T: Send + 'static>(
    serve: impl FnOnce(TcpListener) -> T + Send + 'static,
    change: impl FnOnce(&mut Plan),
) -> (Result<Outcome, String>, T) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut asked = plan(&listener.local_addr().unwrap().to_string());
    (asked.connections, asked.threads, asked.timeout) = (1, 1, Some(Duration::from_secs(5)));
    change(&mut asked);
    let server = thread::spawn(move || serve(listener));
    let outcome = Running::start(asked).and_then(Running::wait);
    (outcome, server.join().unwrap())
}

#[test]
fn a_call_that_comes_back_on_a_leaving_connection_goes_out_on_one_that_is_idle() {
    let serve = |listener: TcpListener| {
        let mut old = Peer::accept(&listener);
        let streams = [old.call().unwrap(), old.call().unwrap()];
        old.tell(frame::GOAWAY, 0, 0, &[streams[1].to_be_bytes(), [0; 4]].concat());
        old.answer(streams[0], &[]);
        let mut new = Peer::accept(&listener);
        let stream = new.call().unwrap();
        new.answer(stream, &[]);
        // Time for the client to have nothing to do on the new connection.
        thread::sleep(Duration::from_millis(100));
        old.tell(frame::RST_STREAM, 0, streams[1], &REFUSED_STREAM.to_be_bytes());
        if let Some(stream) = new.call() {
            new.answer(stream, &[]);
        }
        (old, new)
    };
    let (outcome, _) = run(serve, |plan| (plan.workers, plan.total) = (Workers::Constant(2), 3));
    assert_eq!(outcome.unwrap().tally.codes[0], 3);
}

#[test]
fn an_answer_that_came_before_a_broken_frame_counts() {
    let serve = |listener: TcpListener| {
        let mut peer = Peer::accept(&listener);
        let streams = [peer.call().unwrap(), peer.call().unwrap()];
        let mut broken = Vec::new();
        frame::put(&mut broken, frame::CONTINUATION, 0, streams[1], &[]);
        peer.answer(streams[0], &broken);
        peer
    };
    let (outcome, _) = run(serve, |plan| (plan.workers, plan.total) = (Workers::Constant(2), 2));
    let tally = outcome.unwrap().tally;
    assert_eq!((tally.count(), tally.codes[0], tally.codes[14]), (2, 1, 1));
}

#[test]
fn no_call_is_made_where_another_thread_could_not_connect() {
    let serve = |listener: TcpListener| {
        let mut peer = Peer::accept(&listener);
        drop(listener.accept().unwrap());
        peer.call()
    };
    let (outcome, call) = run(serve, |plan| (plan.connections, plan.threads) = (2, 2));
    assert!(outcome.is_err());
    assert_eq!(call, None);
}
