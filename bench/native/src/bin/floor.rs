//! The floor that a door is compared with: a bare hyper HTTP/2 server which reads a request to its end and answers a
//! fixed gRPC response.
//!
//! `floor --answer-bytes N` listens on a free port of the loopback interface, prints the port, and serves until it is
//! killed. One thread, because a second would only add what it costs to share: the figure is CPU time a request.

use std::convert::Infallible;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::process::ExitCode;
use std::task::{Context, Poll};

use bench_native::flags::Flags;
use bench_native::grpc;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};

/// No request of the benchmarks is held up by flow control: a connection's 32 requests of 8 kB fit many times.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;

fn main() -> ExitCode {
    let served = answer_bytes().and_then(|bytes| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        runtime.and_then(|runtime| runtime.block_on(serve(bytes))).map_err(|error| error.to_string())
    });
    if let Err(error) = served {
        let _ = writeln!(std::io::stderr(), "floor: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn answer_bytes() -> Result<Bytes, String> {
    let mut flags = Flags::read(std::env::args().skip(1))?;
    let bytes = flags.required::<usize>("answer-bytes")?;
    flags.end()?;
    grpc::framed(&vec![0; bytes])
}

async fn serve(message: Bytes) -> std::io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?.port())?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(connection(stream, message.clone()));
    }
}

async fn connection(stream: TcpStream, message: Bytes) {
    let service = service_fn(move |request| answer(request, message.clone()));
    // A connection that ends badly shows at the other side, which counts its answers.
    let _ = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        // gRPC servers send no date.
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(request: Request<Incoming>, message: Bytes) -> Result<Response<Answer>, Infallible> {
    let mut body = request.into_body();
    while let Some(Ok(_)) = body.frame().await {}
    let mut response = Response::new(Answer::Message(message));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(grpc::CONTENT_TYPE));
    Ok(response)
}

/// A response's body by what comes next: one DATA frame, then the trailers.
enum Answer {
    Message(Bytes),
    Trailers,
    End,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = match *self {
            Self::Message(_) => Self::Trailers,
            Self::Trailers | Self::End => Self::End,
        };
        Poll::Ready(match std::mem::replace(&mut *self, next) {
            Self::Message(message) => Some(Ok(Frame::data(message))),
            Self::Trailers => Some(Ok(Frame::trailers(ok()))),
            Self::End => None,
        })
    }
}

fn ok() -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert(grpc::STATUS, HeaderValue::from_static("0"));
    trailers
}
