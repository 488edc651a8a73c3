//! How a channel gets along with its connections: limits, refusals, GOAWAY, loss, deadlines, cancels.
#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

mod client_server;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel as pipe};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use client_server::{Caller, PATIENCE, Server, call, call_within, echo, serve};
use fastpath::client::failure::Code;
use fastpath::client::{Channel, Settings, Target};
use h2::Reason;
use h2::server::SendResponse;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn messages(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|number| number.to_string().into_bytes()).collect()
}

#[test]
fn calls_handed_in_together_are_each_answered() {
    let server = Server::answering(echo);
    let channel = server.channel();
    let caller = Caller::new(&channel);
    let sent = messages(500);
    caller.submit(&sent.iter().map(Vec::as_slice).collect::<Vec<_>>(), PATIENCE);
    for (token, answer) in caller.answers(500) {
        assert_eq!(answer.unwrap(), sent[usize::try_from(token).unwrap()]);
    }
}

#[test]
fn a_servers_limit_of_streams_is_kept_with_a_few_connections() {
    let most = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&most);
    let server = Server::start(move |_, socket| {
        let (most, under_way) = (Arc::clone(&counted), Arc::new(AtomicUsize::new(0)));
        let mut builder = h2::server::Builder::new();
        builder.max_concurrent_streams(3);
        let answer = move |request, respond| {
            most.fetch_max(under_way.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let under_way = Arc::clone(&under_way);
            async move {
                // Before the client can know: it may send the next call as soon as it does.
                under_way.fetch_sub(1, Ordering::SeqCst);
                echo(request, respond).await;
            }
        };
        serve(socket, builder, Arc::new(answer))
    });
    let channel = server.channel();
    assert!(call(&channel, b"first").is_ok());
    let caller = Caller::new(&channel);
    caller.submit(&vec![&b"more"[..]; 200], PATIENCE);
    assert!(caller.answers(200).into_iter().all(|(_, answer)| answer.is_ok()));
    assert!(most.load(Ordering::SeqCst) <= 3);
    assert!(server.connections() <= 4, "{} connections", server.connections());
}

/// Refuses the first calls of all connections, so many.
fn refusing(count: usize) -> (Server, Arc<AtomicUsize>) {
    let seen = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&seen);
    let server = Server::answering(move |request, mut respond: SendResponse<Bytes>| {
        let refuses = counted.fetch_add(1, Ordering::SeqCst) < count;
        async move {
            if refuses {
                respond.send_reset(Reason::REFUSED_STREAM);
            } else {
                echo(request, respond).await;
            }
        }
    });
    (server, seen)
}

#[test]
fn a_stream_that_the_server_refuses_is_sent_again() {
    let (server, seen) = refusing(2);
    assert_eq!(call(&server.channel(), b"fraud").unwrap(), &b"fraud"[..]);
    assert_eq!(seen.load(Ordering::SeqCst), 3);
}

#[test]
fn a_server_that_refuses_for_ever_is_unavailable() {
    let (server, seen) = refusing(usize::MAX);
    assert_eq!(call(&server.channel(), b"fraud").unwrap_err().code, Code::Unavailable);
    assert_eq!(seen.load(Ordering::SeqCst), 6);
}

#[test]
fn a_server_that_takes_fewer_calls_than_it_announces_gets_fewer_at_a_time() {
    const TAKEN: usize = 8;
    let server = Server::start(|_, socket| {
        let under_way = Arc::<AtomicUsize>::default();
        let answer = move |request, mut respond: SendResponse<Bytes>| {
            let under_way = Arc::clone(&under_way);
            async move {
                if under_way.fetch_add(1, Ordering::SeqCst) >= TAKEN {
                    under_way.fetch_sub(1, Ordering::SeqCst);
                    respond.send_reset(Reason::REFUSED_STREAM);
                    return;
                }
                // Others come meanwhile.
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
                under_way.fetch_sub(1, Ordering::SeqCst);
                echo(request, respond).await;
            }
        };
        serve(socket, h2::server::Builder::new(), Arc::new(answer))
    });
    let channel = server.channel();
    let caller = Caller::new(&channel);
    caller.submit(&vec![&b"fraud"[..]; 300], PATIENCE);
    for (_, answer) in caller.answers(300) {
        assert_eq!(answer.unwrap(), &b"fraud"[..]);
    }
}

#[test]
fn a_reset_is_told_by_its_reason_and_not_sent_again() {
    for (reason, code) in [
        (Reason::CANCEL, Code::Cancelled),
        (Reason::INTERNAL_ERROR, Code::Internal),
        (Reason::ENHANCE_YOUR_CALM, Code::ResourceExhausted),
        (Reason::INADEQUATE_SECURITY, Code::PermissionDenied),
    ] {
        let seen = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&seen);
        let server = Server::answering(move |_, mut respond: SendResponse<Bytes>| {
            counted.fetch_add(1, Ordering::SeqCst);
            async move { respond.send_reset(reason) }
        });
        assert_eq!(call(&server.channel(), b"fraud").unwrap_err().code, code, "{reason:?}");
        assert_eq!(seen.load(Ordering::SeqCst), 1);
    }
}

/// An HTTP/2 server by hand: SETTINGS, then, once a call has come, these bytes, then the end.
async fn by_hand(mut socket: TcpStream, bytes: &[u8]) {
    let _ = socket.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await;
    let mut read = Vec::new();
    // A HEADERS frame (type 1) of stream 1 has come.
    while !read.windows(6).any(|header: &[u8]| header[0] == 1 && header[2..] == [0, 0, 0, 1]) {
        if socket.read_buf(&mut read).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let _ = socket.write_all(bytes).await;
    let _ = socket.shutdown().await;
    // Until the client has closed its side as well.
    while socket.read_buf(&mut read).await.unwrap_or(0) > 0 {}
}

const GOAWAY_NOTHING_SEEN: &[u8] = &[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const GOAWAY_STREAM_1_SEEN: &[u8] = &[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];

/// The first connection ends so; all others serve.
fn leaving_with(bytes: &'static [u8]) -> Server {
    Server::start(move |number, socket| async move {
        if number == 0 {
            by_hand(socket, bytes).await;
        } else {
            serve(socket, h2::server::Builder::new(), Arc::new(echo)).await;
        }
    })
}

#[test]
fn calls_that_a_leaving_server_did_not_see_are_sent_on_a_new_connection() {
    let server = leaving_with(GOAWAY_NOTHING_SEEN);
    assert_eq!(call(&server.channel(), b"fraud").unwrap(), &b"fraud"[..]);
    assert_eq!(server.connections(), 2);
}

#[test]
fn a_call_that_the_server_may_have_seen_is_not_sent_again() {
    for bytes in [GOAWAY_STREAM_1_SEEN, b""] {
        let server = leaving_with(bytes);
        let channel = server.channel();
        assert_eq!(call(&channel, b"fraud").unwrap_err().code, Code::Unavailable);
        assert_eq!(server.connections(), 1);
    }
}

#[test]
fn what_speaks_no_http2_is_unavailable() {
    let server = Server::start(|_, mut socket| async move {
        let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    });
    assert_eq!(call(&server.channel(), b"fraud").unwrap_err().code, Code::Unavailable);
}

/// A frame of stream 1; kind and flags as RFC 9113 numbers them.
fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    [&[0, 0, length, kind, flags, 0, 0, 0, 1], payload].concat()
}

/// A header that is in no table, by HPACK.
fn field(name: &str, value: &str) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    [vec![0], text(name), text(value)].concat()
}

#[test]
fn a_connection_that_ends_behind_an_answer_is_made_anew_by_the_next_call() {
    let server = Server::start(|_, socket| async move {
        // `:status: 200` is entry 8 of the static table.
        let head = [vec![0x88], field("content-type", "application/grpc")].concat();
        let answer = [
            frame(1, 4, &head),
            frame(0, 0, b"\0\0\0\0\x05fraud"),
            frame(1, 5, &field("grpc-status", "0")),
            GOAWAY_STREAM_1_SEEN.to_vec(),
        ];
        by_hand(socket, &answer.concat()).await;
    });
    let channel = server.channel();
    for calls in 1..=5 {
        assert_eq!(call(&channel, b"").unwrap(), &b"fraud"[..]);
        assert_eq!(server.connections(), calls);
    }
}

#[test]
fn a_server_that_comes_back_is_found_again() {
    let first = Server::answering(echo);
    let address = first.address;
    let channel = first.channel();
    assert!(call(&channel, b"fraud").is_ok());
    drop(first);
    let failure = call(&channel, b"fraud").unwrap_err();
    assert_eq!(failure.code, Code::Unavailable);
    let _second =
        Server::start_at(address, |_, socket| serve(socket, h2::server::Builder::new(), Arc::new(echo)));
    // The channel leaves the server alone for a moment; calls meanwhile fail at once.
    let again = std::time::Instant::now() + PATIENCE;
    while call(&channel, b"fraud").is_err() {
        assert!(std::time::Instant::now() < again);
        std::thread::yield_now();
    }
}

/// A channel to a port where nobody listens.
fn nowhere() -> Channel {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    Channel::new(Settings::new(Target::parse(&address).unwrap())).unwrap()
}

#[test]
fn a_server_that_is_not_there_is_unavailable_and_named() {
    let channel = nowhere();
    for _ in 0..3 {
        let failure = call(&channel, b"fraud").unwrap_err();
        assert_eq!(failure.code, Code::Unavailable);
        assert!(failure.message.contains("Could not connect to 127.0.0.1:"), "{failure}");
    }
}

/// A server that answers nothing and tells how each call's stream ended.
fn silent() -> (Server, Receiver<Reason>, Receiver<String>) {
    let (ends, ended) = pipe();
    let (timeouts, timeout) = pipe();
    let told: Arc<Mutex<(Sender<Reason>, Sender<String>)>> = Arc::new(Mutex::new((ends, timeouts)));
    let server = Server::answering(move |request, mut respond: SendResponse<Bytes>| {
        let told = Arc::clone(&told);
        async move {
            let header = request.headers()["grpc-timeout"].to_str().unwrap().to_owned();
            told.lock().unwrap().1.send(header).unwrap();
            let reason = std::future::poll_fn(|cx| respond.poll_reset(cx)).await;
            let _ = told.lock().unwrap().0.send(reason.unwrap_or(Reason::NO_ERROR));
        }
    });
    (server, ended, timeout)
}

#[test]
fn a_call_ends_with_its_deadline_and_the_server_is_told_before_and_after() {
    let (server, ended, timeout) = silent();
    let failure = call_within(&server.channel(), b"fraud", Duration::from_millis(500)).unwrap_err();
    assert_eq!(failure.code, Code::DeadlineExceeded);
    let micros: u64 = timeout.recv_timeout(PATIENCE).unwrap().trim_end_matches('u').parse().unwrap();
    assert!(micros <= 505_000, "{micros}");
    assert_eq!(ended.recv_timeout(PATIENCE), Ok(Reason::CANCEL));
}

#[test]
fn a_deadline_that_has_passed_ends_a_call_unsent() {
    let failure = call_within(&nowhere(), b"fraud", Duration::ZERO).unwrap_err();
    assert!(matches!(failure.code, Code::DeadlineExceeded | Code::Unavailable), "{failure}");
}

#[test]
fn deadlines_come_in_their_own_order() {
    let (server, _ended, _timeout) = silent();
    let channel = server.channel();
    let (late, early) = (Caller::new(&channel), Caller::new(&channel));
    late.submit(&[b"late"], PATIENCE * 10);
    early.submit(&[b"early"], Duration::from_millis(50));
    assert_eq!(early.answers(1).remove(0).1.unwrap_err().code, Code::DeadlineExceeded);
}

#[test]
fn a_cancelled_call_resets_its_stream_and_leaves_the_others() {
    let (server, ended, timeout) = silent();
    let channel = server.channel();
    let caller = Caller::new(&channel);
    let ids = caller.submit(&[b"one", b"two"], PATIENCE);
    timeout.recv_timeout(PATIENCE).unwrap();
    timeout.recv_timeout(PATIENCE).unwrap();
    channel.cancel(ids[0]);
    assert_eq!(ended.recv_timeout(PATIENCE), Ok(Reason::CANCEL));
    assert!(ended.try_recv().is_err());
}

#[test]
fn a_closed_channel_ends_its_calls_and_takes_no_more() {
    let (server, _ended, timeout) = silent();
    let channel = server.channel();
    let caller = Caller::new(&channel);
    caller.submit(&[b"one", b"two"], PATIENCE);
    timeout.recv_timeout(PATIENCE).unwrap();
    channel.close();
    for (_, answer) in caller.answers(2) {
        assert_eq!(answer.unwrap_err().code, Code::Cancelled);
    }
    assert_eq!(call(&channel, b"three").unwrap_err().code, Code::Cancelled);
}

#[test]
fn many_threads_share_a_channel() {
    let server = Server::answering(echo);
    let channel = server.channel();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let channel = &channel;
            scope.spawn(move || {
                for number in 0..50 {
                    let message = format!("{thread} {number}");
                    assert_eq!(call(channel, message.as_bytes()).unwrap(), message);
                }
            });
        }
    });
    assert_eq!(server.connections(), 1);
}
