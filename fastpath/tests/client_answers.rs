//! What a caller is told for each way in which a server may answer one call.
#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

mod client_server;

use base64::Engine as _;
use bytes::Bytes;
use client_server::{Server, body, call, echo, framed, head, reply};
use fastpath::client::failure::Code;
use fastpath::client::{Channel, Failure};
use fastpath::grpc::{Encoding, ending};
use fastpath::status::{self, Status};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Response, StatusCode};

/// What a call is told by a server that answers so, and then that the next call on the same channel succeeds.
fn told(head: Response<()>, data: &'static [u8], trailers: Option<HeaderMap>) -> Failure {
    told_of(head, Bytes::from_static(data), trailers)
}

fn told_of(head: Response<()>, data: Bytes, trailers: Option<HeaderMap>) -> Failure {
    let server = Server::answering(move |request, mut respond| {
        let (head, data, trailers) = (head.clone(), data.clone(), trailers.clone());
        async move {
            let mut request = request;
            if body(&mut request).await == framed(b"bad") {
                reply(&mut respond, head, data, trailers);
            } else {
                reply(&mut respond, client_server::head(), framed(b"good"), Some(ending::ok()));
            }
        }
    });
    let channel = server.channel();
    let failure = call(&channel, b"bad").unwrap_err();
    assert_eq!(call(&channel, b"next").unwrap(), &b"good"[..]);
    failure
}

#[test]
fn a_call_reaches_its_method_and_gets_its_answer() {
    let server = Server::answering(|request, respond| async {
        assert_eq!(request.uri().path(), client_server::METHOD);
        assert_eq!(request.method(), http::Method::POST);
        assert_eq!(request.headers()["te"], "trailers");
        assert_eq!(request.headers()[CONTENT_TYPE], "application/grpc");
        assert!(request.headers().contains_key("grpc-timeout"));
        echo(request, respond).await;
    });
    assert_eq!(call(&server.channel(), b"fraud").unwrap(), &b"fraud"[..]);
}

#[test]
fn a_refusal_comes_whole_with_and_without_a_head_before_it() {
    let said = Status { pushback_ms: Some(40), ..Status::invalid("inputs[0]", "ä is no number") };
    let mut only = head();
    ending::write(&said, only.headers_mut());
    for (head, trailers) in [(head(), Some(ending::trailers(&said))), (only, None)] {
        let failure = told(head, b"", trailers);
        assert_eq!((failure.code, failure.message.as_str()), (Code::InvalidArgument, "ä is no number"));
        assert_eq!((failure.details, failure.pushback_ms), (said.details(), Some(40)));
    }
}

#[test]
fn every_code_is_told() {
    for code in 1..=16u16 {
        let mut trailers = HeaderMap::new();
        trailers.insert(ending::GRPC_STATUS, HeaderValue::from(code));
        assert_eq!(told(head(), b"", Some(trailers)).code as u16, code);
    }
}

#[test]
fn what_is_not_grpc_is_told_by_its_http_status() {
    for (status, code) in [
        (StatusCode::BAD_REQUEST, Code::Internal),
        (StatusCode::UNAUTHORIZED, Code::Unauthenticated),
        (StatusCode::FORBIDDEN, Code::PermissionDenied),
        (StatusCode::NOT_FOUND, Code::Unimplemented),
        (StatusCode::TOO_MANY_REQUESTS, Code::Unavailable),
        (StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable),
        (StatusCode::IM_A_TEAPOT, Code::Unknown),
        (StatusCode::OK, Code::Unknown),
    ] {
        let mut head = Response::new(());
        *head.status_mut() = status;
        head.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
        let failure = told(head, b"<html>", None);
        assert_eq!(failure.code, code, "{status}");
        assert!(failure.message.contains(&format!("HTTP {}", status.as_u16())), "{failure}");
    }
}

#[test]
fn an_answer_that_is_not_one_message_and_a_status_is_a_fault() {
    let ok = || Some(ending::ok());
    for (data, trailers, code, words) in [
        (&b""[..], ok(), Code::Internal, "without a message"),
        (b"\0\0\0\0\x01a\0\0\0\0\x01b", ok(), Code::Internal, "more than one message"),
        (b"\0\0\0\0\x05a", ok(), Code::Internal, "inside a message"),
        (b"\0\0", ok(), Code::Internal, "inside a message"),
        (b"\x07\0\0\0\x01a", ok(), Code::Internal, "first byte"),
        (b"\0\xff\xff\xff\xff", ok(), Code::ResourceExhausted, "longer than"),
        (b"\0\0\0\0\x01a", Some(HeaderMap::new()), Code::Unknown, "without a status"),
        (b"\0\0\0\0\x01a", None, Code::Unknown, "without a status"),
        (b"\x01\0\0\0\x01a", ok(), Code::Internal, "compressed"),
    ] {
        let failure = told(head(), data, trailers);
        assert_eq!(failure.code, code, "{data:?}");
        assert!(failure.message.contains(words), "{failure}");
    }
    let mut only = head();
    only.headers_mut().insert(ending::GRPC_STATUS, HeaderValue::from_static("0"));
    assert!(told(only, b"", None).message.contains("without a message"));
}

#[test]
fn a_status_that_is_no_number_is_unknown_and_its_other_words_still_count() {
    let mut trailers = ending::trailers(&Status::new(status::Code::NotFound, "no such model"));
    trailers.insert(ending::GRPC_STATUS, HeaderValue::from_static("fine"));
    trailers.insert(ending::RETRY_PUSHBACK, HeaderValue::from_static("later"));
    trailers.insert(
        ending::STATUS_DETAILS,
        HeaderValue::from_str(&base64::engine::general_purpose::STANDARD.encode(b"1234")).unwrap(),
    );
    let failure = told(head(), b"", Some(trailers));
    assert_eq!((failure.code, failure.message.as_str()), (Code::Unknown, "no such model"));
    assert_eq!((failure.pushback_ms, failure.details.as_deref()), (Some(-1), Some(&b"1234"[..])));
}

#[test]
fn a_compressed_answer_is_expanded_and_no_further_than_the_limit() {
    let packed = Encoding::Gzip.compress(&[7; 10_000]).unwrap();
    let mut data = framed(&packed).to_vec();
    data[0] = 1;
    let data = Bytes::from(data);
    let server = Server::answering(move |_, mut respond| {
        let data = data.clone();
        async move {
            let mut head = head();
            head.headers_mut().insert("grpc-encoding", HeaderValue::from_static("gzip"));
            reply(&mut respond, head, data, Some(ending::ok()));
        }
    });
    assert_eq!(call(&server.channel(), b"").unwrap(), &[7; 10_000][..]);
    let mut settings = server.settings();
    settings.max_receive_bytes = 9_999;
    let failure = call(&Channel::new(settings).unwrap(), b"").unwrap_err();
    assert_eq!(failure.code, Code::ResourceExhausted);
}

#[test]
fn long_messages_pass_both_ways_and_longer_ones_than_the_limit_do_not() {
    let server = Server::answering(echo);
    let mut settings = server.settings();
    settings.max_receive_bytes = 3 << 20;
    settings.max_send_bytes = (3 << 20) + 1;
    let channel = Channel::new(settings).unwrap();
    let long = vec![7; 3 << 20];
    assert_eq!(call(&channel, &long).unwrap(), long);
    let failure = call(&channel, &vec![7; (3 << 20) + 1]).unwrap_err();
    assert_eq!((failure.code, failure.pushback_ms), (Code::ResourceExhausted, None));
    assert_eq!(call(&channel, b"short").unwrap(), &b"short"[..]);
}
