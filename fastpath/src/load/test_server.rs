//! A gRPC server for the tests of a run: answers every call alike, and can be told to fail, to be silent or to go.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{HeaderMap, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

#[derive(Clone, Copy)]
pub enum Answers {
    /// Each with a message of so many bytes.
    Message(usize),
    Status(&'static str),
    /// None ever comes.
    Silence,
}

pub struct TestServer {
    pub address: SocketAddr,
    /// Calls that came in.
    pub seen: Arc<AtomicU64>,
    /// Dropped, it ends the server.
    _end: oneshot::Sender<()>,
}

impl TestServer {
    pub fn start(answers: Answers) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&seen);
        let (end, ended) = oneshot::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).unwrap();
                tokio::spawn(async move {
                    while let Ok((stream, _)) = listener.accept().await {
                        tokio::spawn(serve(stream, answers, Arc::clone(&counted)));
                    }
                });
                ended.await
            })
        });
        Self { address, seen, _end: end }
    }
}

async fn serve(stream: TcpStream, answers: Answers, seen: Arc<AtomicU64>) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    let mut silent = Vec::new();
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        seen.fetch_add(1, Ordering::Relaxed);
        let mut body = request.into_body();
        let head = Response::builder().header("content-type", "application/grpc");
        let mut trailers = HeaderMap::new();
        match answers {
            Answers::Silence => silent.push(respond),
            Answers::Status(status) => {
                let response = head.header("grpc-status", status).header("grpc-message", "no");
                drop(respond.send_response(response.body(()).unwrap(), true));
            }
            Answers::Message(bytes) => {
                let Ok(mut send) = respond.send_response(head.body(()).unwrap(), false) else { continue };
                let message = crate::client::call::framed(&vec![0; bytes]);
                drop(send.send_data(message, false));
                trailers.insert("grpc-status", "0".parse().unwrap());
                drop(send.send_trailers(trailers));
            }
        }
        tokio::spawn(async move {
            while let Some(Ok(piece)) = body.data().await {
                let _: Result<(), h2::Error> = body.flow_control().release_capacity(piece.len());
                drop::<Bytes>(piece);
            }
        });
    }
}
