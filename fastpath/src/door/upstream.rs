//! The private connection to the servicer in Python: where it is, and one HTTP/2 client for each I/O thread.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use bytes::Bytes;
use h2::client::{self, SendRequest};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Mutex;

use super::settings::MAX_HEADER_LIST_BYTES;
use crate::status::{Code, Status};

/// What a slow caller leaves lying of one answer.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
/// As large as HTTP/2 allows: all calls of the thread share it, and those whose callers do not read must not hold up the others.
const CONNECTION_WINDOW_BYTES: u32 = (1 << 31) - 1;
/// Streams that were cancelled and whose frames still come.
const REMEMBERED_RESETS: usize = 4096;

/// Where the servicer listens.
#[derive(Clone, Debug)]
pub enum Upstream {
    Unix(PathBuf),
    Loopback(SocketAddr),
}

/// The connection of one I/O thread, made when it is first needed and again when it was lost.
pub struct Link {
    upstream: Upstream,
    sender: RefCell<Option<SendRequest<Bytes>>>,
    /// Held while the connection is made, so that it is made once.
    connecting: Mutex<()>,
}

impl Link {
    pub fn new(upstream: Upstream) -> Self {
        Self { upstream, sender: RefCell::default(), connecting: Mutex::new(()) }
    }

    /// What sends a request, ready to.
    ///
    /// # Errors
    /// `Unavailable`: the servicer does not listen yet, or any more.
    pub async fn sender(&self) -> Result<SendRequest<Bytes>, Status> {
        if let Some(ready) = self.ready().await {
            return Ok(ready);
        }
        let _one_at_a_time = self.connecting.lock().await;
        if let Some(ready) = self.ready().await {
            return Ok(ready);
        }
        let connected = match &self.upstream {
            Upstream::Unix(path) => match UnixStream::connect(path).await {
                Ok(socket) => self.shake_hands(socket).await,
                Err(error) => Err(error),
            },
            Upstream::Loopback(address) => match TcpStream::connect(address).await {
                Ok(socket) => match socket.set_nodelay(true) {
                    Ok(()) => self.shake_hands(socket).await,
                    Err(error) => Err(error),
                },
                Err(error) => Err(error),
            },
        };
        connected
            .map_err(|_| Status::new(Code::Unavailable, "The server is starting or stopping; try again."))
    }

    async fn ready(&self) -> Option<SendRequest<Bytes>> {
        let sender = self.sender.borrow().clone()?;
        let ready = sender.ready().await.ok();
        if ready.is_none() {
            self.sender.take();
        }
        ready
    }

    async fn shake_hands(
        &self,
        socket: impl AsyncRead + AsyncWrite + Unpin + 'static,
    ) -> io::Result<SendRequest<Bytes>> {
        let mut builder = client::Builder::new();
        builder
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_concurrent_reset_streams(REMEMBERED_RESETS)
            // The servicer is no stranger, and the connection has no age at which a count would begin anew.
            .max_local_error_reset_streams(None)
            // Trailers may name a refused request's field at length.
            .max_header_list_size(4 * MAX_HEADER_LIST_BYTES);
        let (sender, connection) = builder.handshake(socket).await.map_err(io::Error::other)?;
        tokio::task::spawn_local(async move {
            // Its calls learn of its end by themselves.
            let _ = connection.await;
        });
        let ready = sender.ready().await.map_err(io::Error::other)?;
        *self.sender.borrow_mut() = Some(ready.clone());
        Ok(ready)
    }
}
