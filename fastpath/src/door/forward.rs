//! Calls that the servicer in Python answers: head, messages and trailers go through as they come, in both directions,
//! with the windows of one side holding back the other.

use std::future::poll_fn;
use std::net::IpAddr;
use std::rc::Rc;

use bytes::{Buf, Bytes};
use h2::{RecvStream, SendStream};
use http::header::{HeaderMap, HeaderName, HeaderValue, InvalidHeaderValue};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Uri};
use tokio::time::timeout;

use super::answer;
use super::http2::{Conversation, Ending, Handle};
use super::peer::Peer;
use super::settings::STALL_TIMEOUT;
use super::thread::IoThread;
use crate::http2::frame::Reason;
use crate::status::{Code, Status};

/// The address that a call came from, behind those that proxies before this one have named.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Who the caller is by its certificate, in Envoy's form. A client's own is never let through.
const CLIENT_CERTIFICATE: HeaderName = HeaderName::from_static("x-forwarded-client-cert");
/// What a URI without an authority is given; the servicer does not look at it.
const NO_AUTHORITY: Authority = Authority::from_static("penstock");

/// Forwards a call in a task of its own, which ends with its caller.
pub fn begin(
    (thread, conversation): (&Rc<IoThread>, &Rc<Conversation>),
    peer: &Rc<Peer>,
    stream: u32,
    parts: &Parts,
) {
    thread.metrics().forward();
    let request = request(parts, peer);
    let (thread, handle) = (Rc::clone(thread), conversation.handle(stream));
    conversation.run(stream, async move {
        if let Err(status) = forward(&thread, request, &handle).await {
            handle.refuse(&answer::refusal(&status));
        }
    });
}

/// The request as the servicer gets it.
fn request(parts: &Parts, peer: &Peer) -> Request<()> {
    let mut uri = parts.uri.clone().into_parts();
    uri.scheme = Some(Scheme::HTTP);
    uri.authority.get_or_insert(NO_AUTHORITY);
    uri.path_and_query.get_or_insert(PathAndQuery::from_static("/"));
    let mut request = Request::new(());
    *request.method_mut() = parts.method.clone();
    // All three parts are there.
    *request.uri_mut() = Uri::from_parts(uri).unwrap_or_default();
    *request.headers_mut() = parts.headers.clone();
    let headers = request.headers_mut();
    headers.remove(CLIENT_CERTIFICATE);
    if let Some(certificate) = &peer.certificate {
        headers.insert(CLIENT_CERTIFICATE, certificate.clone());
    }
    if let Ok(named) = forwarded_for(headers, peer.address.ip()) {
        headers.insert(FORWARDED_FOR, named);
    }
    request
}

/// One header with all addresses: of several the servicer's gRPC keeps the last alone.
fn forwarded_for(headers: &HeaderMap, address: IpAddr) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut named = Vec::new();
    for before in headers.get_all(FORWARDED_FOR) {
        named.extend_from_slice(before.as_bytes());
        named.extend_from_slice(b", ");
    }
    named.extend_from_slice(address.to_string().as_bytes());
    HeaderValue::from_bytes(&named)
}

/// An error where no answer has begun.
async fn forward(thread: &IoThread, request: Request<()>, handle: &Handle) -> Result<(), Status> {
    let mut sender = thread.link.sender().await?;
    let (answer, upwards) = sender.send_request(request, false).map_err(|error| lost(&error))?;
    let up = pump_up(handle, upwards);
    let down = async {
        let (parts, body) = answer.await.map_err(|error| lost(&error))?.into_parts();
        let ends = body.is_end_stream();
        if handle.send_head(parts.status, &parts.headers, ends).is_ok() && !ends {
            pump_down(body, handle).await;
        }
        Ok(())
    };
    // The answer may end before the request does, and then ends it.
    tokio::pin!(up, down);
    let mut sending = true;
    poll_fn(|context| {
        if sending && up.as_mut().poll(context).is_ready() {
            sending = false;
        }
        down.as_mut().poll(context)
    })
    .await
}

/// Carries a request to the servicer, no faster than that reads it. One that breaks off resets the servicer's stream.
async fn pump_up(from: &Handle, mut to: SendStream<Bytes>) {
    loop {
        let mut piece = match poll_fn(|context| from.poll_data(context)).await {
            Some(Ok(piece)) => piece,
            Some(Err(_)) => return to.send_reset(h2::Reason::CANCEL),
            None => break,
        };
        let bytes = piece.len();
        while piece.has_remaining() {
            to.reserve_capacity(piece.len());
            // The servicer reads, or ends the call; one that hangs does neither.
            let room = match timeout(STALL_TIMEOUT, poll_fn(|context| to.poll_capacity(context))).await {
                Ok(Some(Ok(room))) => room.min(piece.len()),
                Ok(_) => return,
                Err(_) => return to.send_reset(h2::Reason::CANCEL),
            };
            if to.send_data(piece.split_to(room), false).is_err() {
                return;
            }
        }
        from.release(bytes);
    }
    let _ = match from.take_trailers() {
        Some(trailers) => to.send_trailers(trailers),
        None => to.send_data(Bytes::new(), true),
    };
}

/// Carries an answer to the caller, likewise.
async fn pump_down(mut from: RecvStream, to: &Handle) {
    while let Some(Ok(mut piece)) = poll_fn(|context| from.poll_data(context)).await {
        let bytes = piece.len();
        while piece.has_remaining() {
            // A caller may neither read nor end the call.
            match timeout(STALL_TIMEOUT, poll_fn(|context| to.poll_room(piece.len(), context))).await {
                Ok(Ok(room)) => to.send(&mut piece, room),
                Ok(Err(_)) => return,
                Err(_) => return to.reset(Reason::Cancel),
            }
        }
        let _ = from.flow_control().release_capacity(bytes);
    }
    match poll_fn(|context| from.poll_trailers(context)).await {
        Ok(Some(trailers)) => to.end(Ending::Trailers(&trailers)),
        Ok(None) => to.end(Ending::Bare),
        Err(error) => to.reset_with(error.reason().unwrap_or(h2::Reason::CANCEL).into()),
    }
}

fn lost(error: &h2::Error) -> Status {
    // A reset before any answer is what the servicer does with what it cannot read; it says why nowhere.
    if error.is_reset() {
        return Status::new(Code::Internal, "The servicer reset the call.");
    }
    Status::new(Code::Unavailable, "The server is stopping; try again.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servicer_is_told_who_calls_and_no_caller_can_lie_about_its_certificate() {
        let mut parts = Request::builder().uri("http://host/a/B").body(()).unwrap().into_parts().0;
        parts.headers.insert(CLIENT_CERTIFICATE, HeaderValue::from_static("URI=spiffe://lie"));
        parts.headers.append(FORWARDED_FOR, HeaderValue::from_static("192.0.2.7"));
        parts.headers.append(FORWARDED_FOR, HeaderValue::from_static("192.0.2.8"));
        let peer = Peer { address: "127.0.0.1:1234".parse().unwrap(), certificate: None };
        let request = request(&parts, &peer);
        assert_eq!(request.headers().get(CLIENT_CERTIFICATE), None);
        let named: Vec<_> = request.headers().get_all(FORWARDED_FOR).iter().collect();
        assert_eq!(named, ["192.0.2.7, 192.0.2.8, 127.0.0.1"]);
        assert_eq!(request.uri(), "http://host/a/B");
    }

    #[test]
    fn a_path_alone_is_completed() {
        let parts = Request::builder().uri("/a/B").body(()).unwrap().into_parts().0;
        let peer = Peer { address: "[::1]:1".parse().unwrap(), certificate: None };
        assert_eq!(request(&parts, &peer).uri(), "http://penstock/a/B");
    }
}
