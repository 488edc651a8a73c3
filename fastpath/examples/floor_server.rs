//! The cheapest server that a client can be measured against: HTTP/2 on one thread, every call answered with one and the
//! same message.
//!
//! `floor_server FILE` takes the message from a file, listens on a free port of the loopback interface, prints the port on
//! standard output, and serves until it is killed.

use std::io::Write;

use bytes::{BufMut, Bytes, BytesMut};
use fastpath::grpc::ending;
use h2::server::{Builder, SendResponse};
use h2::{Reason, RecvStream};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Request, Response};
use tokio::net::{TcpListener, TcpStream};

const WINDOW_BYTES: u32 = 1 << 20;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("usage: floor_server FILE")?;
    let message = std::fs::read(file)?;
    let mut framed = BytesMut::new();
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len())?);
    framed.put_slice(&message);
    let framed = framed.freeze();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let mut out = std::io::stdout();
        writeln!(out, "{}", listener.local_addr()?.port())?;
        out.flush()?;
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            tokio::spawn(serve(socket, framed.clone()));
        }
    })
}

/// One connection, to its end.
async fn serve(socket: TcpStream, framed: Bytes) -> Result<(), h2::Error> {
    let mut builder = Builder::new();
    builder.initial_window_size(WINDOW_BYTES).initial_connection_window_size(WINDOW_BYTES);
    let mut connection = builder.max_concurrent_streams(1 << 20).handshake(socket).await?;
    let trailers = ending::ok();
    while let Some(accepted) = connection.accept().await {
        let (request, respond) = accepted?;
        if request.body().is_end_stream() {
            answer(respond, &framed, &trailers)?;
        } else {
            tokio::spawn(answer_whole(request, respond, framed.clone(), trailers.clone()));
        }
    }
    Ok(())
}

/// Answers once the request is there.
async fn answer_whole(
    request: Request<RecvStream>,
    respond: SendResponse<Bytes>,
    framed: Bytes,
    trailers: HeaderMap,
) -> Result<(), h2::Error> {
    let mut body = request.into_body();
    while let Some(piece) = body.data().await {
        let _ = body.flow_control().release_capacity(piece?.len());
    }
    answer(respond, &framed, &trailers)
}

fn answer(mut respond: SendResponse<Bytes>, framed: &Bytes, trailers: &HeaderMap) -> Result<(), h2::Error> {
    let mut head = Response::new(());
    head.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    let mut stream = respond.send_response(head, false)?;
    stream.send_data(framed.clone(), false)?;
    stream.send_trailers(trailers.clone()).inspect_err(|_| stream.send_reset(Reason::INTERNAL_ERROR))
}
